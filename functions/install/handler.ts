import { type InstallAnswer, setupOf } from "@trakit/pipeline/contracts/installation.ts";
import { answering, byMethod, forPage, httpApp } from "@trakit/pipeline/http.ts";
import { refusedCalls } from "@trakit/pipeline/refused-calls.ts";
import {
  completeSetup,
  type InstallWorld,
  keepTokens,
  openApp,
} from "@trakit/pipeline/shopify/installation.ts";
import { json, problem } from "@trakit/runtime/problem.ts";
import { shopDomain } from "@trakit/shopify/verify.ts";

export interface InstallDependencies extends InstallWorld {
  /** `TRAKIT_ADMIN_URL`: the app's page, the only place a merchant is led to. */
  adminUrl: string;
}

/** What `host` may hold: base64 of `admin.shopify.com/store/<handle>` or `<shop>/admin`. */
const HOST = /^[A-Za-z0-9+/_=-]{1,300}$/;

/**
 * The app's installation.
 * `GET /install`: where Shopify opens the app. With `id_token`: exchanged on the server, set-up completed, 302 to the app's
 * page. Without: the authorization code grant, as a fallback for installs outside Shopify's managed flow.
 * `GET /install/callback`: the way back from the grant. `POST /install/token`: the page's own session token, for the same.
 * Leads nowhere but to the app's page and to Shopify's grant screen of a shop (reference: shopify §3.1 to §3.3).
 */
export function installHandler(deps: InstallDependencies): (request: Request) => Promise<Response> {
  const app = httpApp(deps.log, "install");
  app.use(forPage(deps.adminUrl));
  app.all("/install", byMethod({ GET: (context) => open(deps, context.req.raw) }));
  app.all("/install/callback", byMethod({ GET: (context) => callback(deps, context.req.raw) }));
  app.all("/install/token", byMethod({ POST: (context) => exchange(deps, context.req.raw) }));
  return answering(app, deps.log, "install", refusedCalls(deps, "install"));
}

async function open(deps: InstallDependencies, request: Request): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const shop = shopDomain(single(query, "shop"));
  if (shop === null) {
    return problem({
      code: "bad_shop",
      status: 400,
      title: "Open the app from a shop's admin.",
      detail: "The parameter shop must be a myshopify.com domain, once.",
    });
  }
  const idToken = single(query, "id_token");
  if (idToken === null) return await deps.shopify.begin(request, shop);
  const session = await deps.shopify.sessionToken(idToken);
  if (!session.ok || session.shop !== shop) {
    return invalidToken(deps, session.ok ? "other_shop" : session.reason);
  }
  const opened = await openApp(deps, shop, idToken);
  if (!opened.ok) return refused(deps, opened.reason);
  // in the fragment, which no server sees: for a page that cannot reach Shopify's App Bridge; good for a minute
  return toPage(deps, shop, single(query, "host"), idToken);
}

async function exchange(deps: InstallDependencies, request: Request): Promise<Response> {
  const token = /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
  const session = await deps.shopify.sessionToken(token);
  if (!session.ok) return invalidToken(deps, session.reason);
  const opened = await openApp(deps, session.shop, token!);
  if (!opened.ok) return refused(deps, opened.reason);
  const answer: InstallAnswer = setupOf(opened.installation);
  return json(200, answer);
}

async function callback(deps: InstallDependencies, request: Request): Promise<Response> {
  const returned = await deps.shopify.callback(request);
  if (!returned.ok) {
    deps.log.warn("install_refused", { reason: returned.reason });
    return returned.reason === "unavailable" ? shopifyUnavailable() : problem({
      code: returned.reason === "refused" ? "shopify_refused" : "bad_callback",
      status: returned.reason === "refused" ? 403 : 400,
      title: "This is not the answer of an installation begun here.",
      detail: "Open the app again from the shop's admin.",
    });
  }
  const shop = shopDomain(returned.shop);
  if (shop === null) {
    return problem({ code: "bad_shop", status: 400, title: "This is no shop of Shopify's." });
  }
  await keepTokens(deps, shop, returned.tokens);
  await completeSetup(deps, shop);
  const response = toPage(deps, shop, single(new URL(request.url).searchParams, "host"), null);
  for (const cookie of returned.headers.getSetCookie()) response.headers.append("set-cookie", cookie);
  return response;
}

/** The only place a merchant is led to, with the shop and App Bridge's host, if they are what they should be. */
function toPage(
  deps: InstallDependencies,
  shop: string,
  host: string | null,
  idToken: string | null,
): Response {
  const page = new URL(deps.adminUrl);
  page.searchParams.set("shop", shop);
  if (idToken !== null) page.hash = new URLSearchParams({ id_token: idToken }).toString();
  if (host !== null && HOST.test(host)) page.searchParams.set("host", host);
  return new Response(null, {
    status: 302,
    headers: { location: page.href, "cache-control": "no-store", "referrer-policy": "no-referrer" },
  });
}

function single(query: URLSearchParams, name: string): string | null {
  const all = query.getAll(name);
  return all.length === 1 && all[0] ? all[0] : null;
}

function invalidToken(deps: InstallDependencies, reason: string): Response {
  deps.log.warn("session_refused", { reason });
  return problem({
    code: "invalid_session_token",
    status: 401,
    title: "The session token is missing, expired, or not for this shop.",
    // makes App Bridge fetch a new one and try again (reference: shopify §3.1)
    headers: { "x-shopify-retry-invalid-session-request": "1" },
  });
}

function refused(deps: InstallDependencies, reason: "invalid_token" | "refused" | "unavailable"): Response {
  if (reason === "invalid_token") return invalidToken(deps, "refused_by_shopify");
  deps.log.warn("install_refused", { reason });
  return reason === "unavailable" ? shopifyUnavailable() : problem({
    code: "shopify_refused",
    status: 403,
    title: "Shopify does not give this app a token for the shop.",
    detail: "Check that the app is installed and that SHOPIFY_API_KEY and SHOPIFY_API_SECRET are its own.",
  });
}

function shopifyUnavailable(): Response {
  return problem({
    code: "shopify_unavailable",
    status: 503,
    title: "Shopify does not answer at the moment.",
    headers: { "retry-after": "5" },
  });
}
