/** The demo Shopify shop of the local stack: one HTTP server with storefront, app proxy and webhooks. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { adminRoute } from "./admin-routes.ts";
import { forwardToApp, proxiedPath } from "./app-proxy.ts";
import type { AppProxyOptions } from "./app-proxy.ts";
import { assetRoute } from "./assets.ts";
import { cartRoute } from "./cart-routes.ts";
import { checkoutRoute } from "./checkout-routes.ts";
import { STAND_IN_IP, visitorIp } from "./client-ip.ts";
import { cookie } from "./context.ts";
import type { Shop, Visit } from "./context.ts";
import { DEMO_CUSTOMER } from "./countries.ts";
import { localPath, pairs, parseCookies, readBody, respond, seeOther, splitTarget } from "./http.ts";
import type { ShopAnswer, ShopRequest } from "./http.ts";
import { type Extensions, NO_EXTENSIONS } from "./extensions.ts";
import { createIds } from "./ids.ts";
import type { RandomBytes } from "./ids.ts";
import { plainPage } from "./layout.ts";
import { CURRENCIES } from "./money.ts";
import { cartPage } from "./pages/cart.ts";
import { formRoute } from "./pages/forms.ts";
import { collectionPage, homePage, notFoundPage, productPage, searchPage } from "./pages/browse.ts";
import { shopifyAdminOf, shopifyRoute } from "./shopify-routes.ts";
import { createState } from "./state.ts";
import type { Session } from "./state.ts";
import { createWebhookSender, realTimer } from "./webhook-sender.ts";
import type { Timer } from "./webhook-sender.ts";

export interface DemoShopOptions {
  /** 0 = any free port. Default 54340. */
  port?: number;
  /** Default 127.0.0.1: nobody else on the network is meant to reach it. */
  host?: string;
  /** Default trakit-demo.myshopify.com */
  shopDomain?: string;
  /** The app's client id. Default trakit-local-api-key */
  apiKey?: string;
  /** The app's client secret: signs proxy requests, webhooks and session tokens. */
  apiSecret: string;
  /** Where TrakIt's functions are, e.g. http://127.0.0.1:54321/functions/v1 */
  apiUrl: string;
  /** The vendor sandbox, linked from the thank-you page. */
  sandboxUrl: string;
  /** Path of the app proxy; merchants may rename it. Default /apps/trakit */
  proxyPrefix?: string;
  /** The app's extensions, as `readExtensions` gives them. Default none. */
  extensions?: Extensions;
  /** Paths that the theme's pages ask browsers to prerender at once, as storefronts do for likely next pages. Default none. */
  prerender?: string[];
  /** ms since 1970 */
  now?: () => number;
  random?: RandomBytes;
  fetch?: typeof fetch;
  timer?: Timer;
  /** false: webhooks are kept (`held`) until redelivered. Default true. */
  deliverWebhooks?: boolean;
  /** First webhook retry, doubling up to 8 times. Default 1000 ms, where Shopify waits about a minute. */
  webhookRetryBaseMs?: number;
  /** Shopify's limit, default 5000 ms. */
  webhookTimeoutMs?: number;
  /** Reported for visitors on this machine. Default 81.2.69.142. */
  visitorIp?: string;
}

export interface DemoShop {
  url: string;
  port: number;
  /** Resolves when no webhook is in flight; retries that wait do not count. */
  webhooksIdle(): Promise<void>;
  /** Ends webhooks in flight and open connections. */
  close(): Promise<void>;
}

const SESSION_COOKIE = "_shopify_essential";
const SESSION_SECONDS = 365 * 86_400;
const BODY_LIMIT = 2 * 1024 * 1024;
const PROXY_TIMEOUT_MS = 10_000;

/** Starts the shop; rejects when the port is taken. */
export async function startDemoShop(options: DemoShopOptions): Promise<DemoShop> {
  const now = options.now ?? Date.now;
  const ids = createIds(now, options.random ?? ((size) => randomBytes(size)));
  const send = options.fetch ?? fetch;
  const domain = options.shopDomain ?? "trakit-demo.myshopify.com";
  const proxyPrefix = options.proxyPrefix ?? "/apps/trakit";
  const shop: Shop = {
    domain,
    proxyPrefix,
    sandboxUrl: options.sandboxUrl,
    extensions: options.extensions ?? NO_EXTENSIONS,
    prerender: options.prerender ?? [],
    now,
    ids,
    state: createState(),
    webhooks: createWebhookSender({
      url: `${options.apiUrl}/webhooks`,
      shop: domain,
      secret: options.apiSecret,
      ids,
      now,
      fetch: send,
      timer: options.timer ?? realTimer,
      deliver: options.deliverWebhooks ?? true,
      retryBaseMs: options.webhookRetryBaseMs ?? 1_000,
      timeoutMs: options.webhookTimeoutMs ?? 5_000,
      keep: 2_000,
    }),
  };
  const app = {
    apiKey: options.apiKey ?? "trakit-local-api-key",
    secret: options.apiSecret,
    apiUrl: options.apiUrl,
  };
  const admin = shopifyAdminOf(shop, app);
  const proxy: AppProxyOptions = {
    target: `${options.apiUrl}/proxy`,
    prefix: proxyPrefix,
    shop: domain,
    secret: options.apiSecret,
    now,
    fetch: send,
    timeoutMs: PROXY_TIMEOUT_MS,
    errorPage: (explanation) => plainPage(502, "There was a problem with this page", explanation),
  };
  const standIn = options.visitorIp ?? STAND_IN_IP;

  const server = createServer((request, response) => {
    const shopify = (asked: ShopRequest) => shopifyRoute(shop, admin, app, asked);
    handle(request, response, shop, proxy, standIn, shopify).catch(() => {
      if (response.headersSent) response.destroy();
      else {respond(
          response,
          plainPage(500, "Something went wrong", "This is a bug in the demo shop."),
          false,
        );}
    });
  });
  const port = await listen(server, options.port ?? 54340, options.host ?? "127.0.0.1");
  return {
    url: `http://${options.host ?? "127.0.0.1"}:${port}`,
    port,
    webhooksIdle: () => shop.webhooks.idle(),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await shop.webhooks.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

async function handle(
  incoming: IncomingMessage,
  response: ServerResponse,
  shop: Shop,
  proxy: AppProxyOptions,
  standIn: string,
  shopify: (request: ShopRequest) => ShopAnswer | null,
): Promise<void> {
  const method = incoming.method ?? "GET";
  const target = splitTarget(incoming.url ?? "/");
  if (target === null) {
    return respond(response, plainPage(400, "Bad request", "This is not an address of the shop."), false);
  }
  const read = await readBody(incoming, BODY_LIMIT);
  if (!read.ok && read.reason === "aborted") {
    response.destroy();
    return;
  }
  if (!read.ok) {
    response.setHeader("connection", "close");
    return respond(response, plainPage(413, "Too large", "The shop takes at most 2 MiB."), false);
  }
  const request: ShopRequest = {
    method,
    ...target,
    query: new URLSearchParams(target.rawQuery),
    headers: incoming.headers,
    rawHeaders: pairs(incoming.rawHeaders),
    cookies: parseCookies(incoming.headers.cookie),
    ip: visitorIp(incoming.socket.remoteAddress, standIn),
    host: incoming.headers.host ?? shop.domain,
    body: read.body,
  };
  respond(response, shopify(request) ?? await route(shop, request, proxy), method === "HEAD");
}

async function route(shop: Shop, request: ShopRequest, proxy: AppProxyOptions): Promise<ShopAnswer> {
  const appPath = proxiedPath(request.path, proxy.prefix);
  if (appPath !== null) {
    const session = shop.state.sessions.get(request.cookies.get(SESSION_COOKIE) ?? "");
    return await forwardToApp(request, appPath, session?.loggedIn === true ? DEMO_CUSTOMER.id : "", proxy);
  }
  const early = adminRoute(shop, request) ?? assetRoute(request.path, shop);
  if (early !== null) return early;

  const visit: Visit = { shop, request, session: sessionOf(shop, request), setCookies: [], cart: null };
  visit.setCookies.push(cookie(SESSION_COOKIE, visit.session.id, SESSION_SECONDS, true));
  const answer = storefront(visit);
  const cookies = visit.setCookies.map((value): [string, string] => ["set-cookie", value]);
  return { ...answer, headers: [...answer.headers, ...cookies] };
}

function storefront(visit: Visit): ShopAnswer {
  const { method, path } = visit.request;
  const acted = cartRoute(visit) ?? checkoutRoute(visit) ?? formRoute(visit);
  if (acted !== null) return acted;
  if (method === "POST") return posted(visit) ?? notFoundPage(visit);
  if (method !== "GET" && method !== "HEAD") {
    return plainPage(405, "Not allowed", "The shop answers GET and POST.");
  }
  if (path === "/") return homePage(visit);
  if (path === "/collections" || path === "/collections/all") return collectionPage(visit);
  if (path === "/search") return searchPage(visit);
  if (path === "/cart") return cartPage(visit);
  const product = /^\/(?:collections\/all\/)?products\/([a-z0-9-]+)$/.exec(path);
  return (product === null ? null : productPage(visit, product[1] ?? "")) ?? notFoundPage(visit);
}

/** The two switches in the header. */
function posted(visit: Visit): ShopAnswer | null {
  const { request, session } = visit;
  const fields = new URLSearchParams(request.body.toString("utf8"));
  const back = localPath(fields.get("return_to"), "/");
  if (request.path === "/localization") {
    session.currency = CURRENCIES.find((known) => known === fields.get("currency")) ?? session.currency;
    return seeOther(back);
  }
  if (request.path === "/account/toggle") {
    session.loggedIn = !session.loggedIn;
    return seeOther(back);
  }
  return null;
}

/** The visit's session; a new one remembers the page it began with, which is what an order's landing_site says. */
function sessionOf(shop: Shop, request: ShopRequest): Session {
  const known = shop.state.sessions.get(request.cookies.get(SESSION_COOKIE) ?? "");
  if (known !== undefined) return known;
  const page = request.method === "GET" && !request.path.endsWith(".js");
  const session: Session = {
    id: shop.ids.hex(16),
    landingSite: page ? `${request.path}${request.rawQuery === "" ? "" : `?${request.rawQuery}`}` : null,
    referringSite: page ? foreignReferrer(request) : null,
    loggedIn: false,
    currency: "USD",
  };
  shop.state.sessions.set(session.id, session);
  return session;
}

function foreignReferrer(request: ShopRequest): string | null {
  const referrer = request.headers.referer ?? "";
  return URL.canParse(referrer) && new URL(referrer).host !== request.host ? referrer : null;
}
