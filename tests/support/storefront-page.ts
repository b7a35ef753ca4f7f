/**
 * A page of a shop with whatever stands in its texts, the theme app embed as the app has it, and a server that answers as TrakIt and
 * Shopify's cart would: what the storefront script does with a page nobody can trust.
 */
import { Buffer } from "node:buffer";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { PRODUCTS } from "@trakit/sandbox/shop/catalog.ts";
import { readExtensions } from "@trakit/sandbox/shop/extensions.ts";
import { liquidCart, liquidProduct } from "@trakit/sandbox/shop/liquid-objects.ts";
import { SCRIPTS } from "@trakit/storefront/built/scripts.ts";
import { launch } from "./browser.ts";
import { until } from "./stack.ts";

const { embed } = readExtensions(
  fileURLToPath(new URL("../../packages/storefront/extensions", import.meta.url)),
  null,
);

/** Shopify's part of a page, of a visitor who said yes. */
const SHOPIFY = `const yes = () => true;
var Shopify = { routes: { root: "/" }, loadFeatures(_, done) { setTimeout(() => {
  Shopify.customerPrivacy = { analyticsProcessingAllowed: yes, marketingAllowed: yes, preferencesProcessingAllowed: yes,
    saleOfDataAllowed: yes, getRegion: () => "USCA" };
  done();
}); } };`;

export const VISITOR = "0123456789abcdef0123456789abcdef";
export const PROOF = "proof-of-the-visitor-1";
const SESSION = "6b057c4000112233445566778899aabb";
/** Of the visitor's cookies as the server words them. */
const ATTRIBUTES = "; Path=/; Max-Age=63072000; SameSite=Lax; Secure";

export interface ShownPage {
  /** In the product's text, before the block. */
  markup?: string;
  /** Run before anything of the page. */
  before?: string;
  /** Shopify's script; "" where something keeps it away. */
  shopify?: string;
  path?: string;
  cookies?: { name: string; value: string; path?: string }[];
  /** What `/cart.js` and `/cart/update.js` answer. */
  cart?: string;
  /** What the server answers a session with, besides what it always does. */
  answer?: Record<string, unknown>;
  /** What of it comes to life: its events and what is written into the cart, or the events alone, or nothing. Default all. */
  alive?: "events" | "nothing";
}

type Body = Record<string, unknown> & {
  visitor?: Record<string, unknown>;
  events?: { token: string; body: string }[];
  fired?: { token: string; body: string }[];
};

export interface Shown {
  page: Page;
  /** What TrakIt was asked, in order. */
  told: { path: string; body: Body }[];
  /** Events answered for, by name, without what differs from visit to visit. */
  events: Record<string, unknown>;
  /** What was written into the cart, each text once. */
  written: string[];
  /** What other hosts were asked. */
  elsewhere: string[];
  /** What the shop was asked besides its page, TrakIt and the cart. */
  asked: string[];
  cookies: Record<string, string>;
  errors: string[];
  stored: Record<string, string>;
}

export interface PageKit {
  /** Shows a page to somebody who was never here and waits until its events are answered for. */
  show(options?: ShownPage): Promise<Shown>;
  url: string;
}

/** A server and a browser for the tests of the file it is called in. */
export function pageKit(): PageKit {
  let browser: Browser;
  let shown: ShownPage = {};
  let told: Shown["told"] = [];
  let written = new Set<string>();
  let asked: string[] = [];
  let sessions = 0;
  const open: BrowserContext[] = [];
  const product = PRODUCTS[0]!;

  function answer(path: string, text: string, response: ServerResponse): void {
    const name = path.slice("/apps/trakit/".length);
    if (path === "/products/mug") {
      const block = embed({
        request: { page_type: "product", origin: kit.url },
        cart: liquidCart(null, "USD"),
        product: liquidProduct(product, "USD"),
      }, {});
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(
        `<!doctype html><html><head><title>Mug</title><script>${shown.shopify ?? SHOPIFY}</script></head>` +
          `<body><main>${
            shown.markup ?? ""
          }</main><div class="shopify-app-block">${block}</div></body></html>`,
      );
    } else if (SCRIPTS[name]) {
      response.setHeader("content-type", "text/javascript");
      response.end(SCRIPTS[name].text);
    } else if (path === "/cart.js" || path === "/cart/update.js") {
      if (text) written.add(text);
      response.end(shown.cart ?? JSON.stringify({ token: "c1", currency: "USD", items: [] }));
    } else if (name === "session") {
      const now = Date.now();
      told.push({ path: name, body: JSON.parse(text) });
      response.end(JSON.stringify({
        session: {
          id: SESSION.slice(0, -4) + String(1000 + sessions++),
          key: "2ZCx6xpBcf-CnTB77RTUWEY8Ia7R9tbmftqdOSdM8Eo",
          now,
          expires_at: now + 864e5,
        },
        visitor: { visitor_id: VISITOR },
        visitor_proof: PROOF,
        cookies: [`_tk_v=${VISITOR}${ATTRIBUTES}`, `_fbp=fb.1.1773480000123.1098115397${ATTRIBUTES}`],
        config: { cookie_lifetime_days: 730, cookie_domain: null, tags: { meta: { mode: "share" } } },
        ...shown.answer,
      }));
    } else if (name === "event") {
      const body = JSON.parse(text) as Body;
      told.push({ path: name, body });
      response.writeHead(202).end(JSON.stringify({
        results: body.events!.map(({ token }) =>
          `${token}`.split(".")[1]?.startsWith(SESSION.slice(0, -4))
            ? { status: "accepted" }
            : { status: "refused", reason: "forged_token" }
        ),
        visitor: { visitor_id: VISITOR },
      }));
    } else {
      if (path !== "/favicon.ico") asked.push(path);
      response.writeHead(404).end();
    }
  }
  const server = createServer((request, response) => {
    const parts: Uint8Array[] = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const path = new URL(request.url ?? "/", "http://shop.test").pathname;
      answer(path, new TextDecoder().decode(Buffer.concat(parts)), response);
    });
  });

  /** Events a session of ours signed. */
  const taken = () =>
    told.flatMap(({ body }) => body.events ?? [])
      .filter(({ token }) => `${token}`.split(".")[1]?.startsWith(SESSION.slice(0, -4)))
      .flatMap(({ body }) => {
        try {
          return [JSON.parse(body) as { name: string; page: unknown; data: unknown }];
        } catch {
          return [];
        }
      });

  const kit: PageKit = {
    url: "",
    async show(options = {}) {
      [shown, told, written, asked] = [options, [], new Set(), []];
      const context = await browser.newContext({ locale: "en-US" });
      open.push(context);
      const elsewhere: string[] = [];
      const errors: string[] = [];
      await context.route((url) => url.origin !== kit.url, (route) => {
        if (/^https?:/.test(route.request().url())) elsewhere.push(route.request().url());
        return route.abort();
      });
      context.on("weberror", (error) => errors.push(error.error().message));
      await context.addCookies([
        { name: "cart", value: "c1", url: `${kit.url}/` },
        ...(options.cookies ?? []).map(({ name, value, path = "/" }) => ({
          name,
          value,
          path,
          domain: "127.0.0.1",
        })),
      ]);
      // a context begins with an empty page, which has no storage
      if (options.before) {
        await context.addInitScript(`if (location.protocol === "http:") { ${options.before} }`);
      }
      const page = await context.newPage();
      await page.goto(`${kit.url}${options.path ?? "/products/mug"}`, { waitUntil: "load" });
      const all = () => {
        const names = taken().map(({ name }) => name);
        return names.includes("page_viewed") && names.includes("product_viewed") &&
          (options.alive === "events" || written.size > 0);
      };
      if (options.alive !== "nothing") {
        await until(all, `the page comes to life; told ${JSON.stringify(told)}`);
      } else await page.waitForLoadState("networkidle");
      return {
        page,
        told,
        events: Object.fromEntries(taken().map(({ name, page, data }) => [name, { page, data }])),
        written: [...written],
        elsewhere,
        asked,
        cookies: Object.fromEntries((await context.cookies()).map(({ name, value }) => [name, value])),
        errors,
        stored: await page.evaluate("({ ...localStorage })"),
      };
    },
  };
  beforeAll(async () => {
    browser = await launch();
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    kit.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const context of open.splice(0)) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    server.closeAllConnections();
    server.close();
  });
  return kit;
}
