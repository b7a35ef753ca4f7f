/** The pages the storefront benchmark loads, and the server behind them: the same page with nothing, with ours, with walkerOS. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { SCRIPTS } from "@trakit/storefront/built/scripts.ts";

export type Variant = "nothing" | "trakit" | "walkeros";

/**
 * walkerOS's collector and browser source, bundled and minified as its documentation has one do it, with one destination that posts what
 * it is given: the nearest equal in npm of a first-party script that captures and sends.
 */
export async function walkerBundle(): Promise<string> {
  const result = await build({
    stdin: {
      contents: `
        import { startFlow } from "@walkeros/collector";
        import { sourceBrowser } from "@walkeros/web-source-browser";
        startFlow({
          sources: { browser: { code: sourceBrowser, config: { settings: { pageview: true } } } },
          destinations: {
            own: {
              code: {
                type: "own",
                config: {},
                push: (event) => fetch("/event", { method: "POST", body: JSON.stringify(event), keepalive: true }),
              },
            },
          },
        });
      `,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    minify: true,
    format: "iife",
    platform: "browser",
    target: "es2021",
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}

const DATA = JSON.stringify({
  address: "/*",
  cart: { currency: "USD", items: [] },
  events: [["product_viewed", {
    productVariant: {
      id: "1",
      sku: "A",
      title: "One",
      price: { amount: 12.5, currencyCode: "USD" },
      product: { id: "2", title: "Mug", type: "mugs", vendor: "Acme" },
    },
  }]],
});
/** Shopify's consent API, of a visitor who said yes. */
const CONSENT = `const yes = () => true;
globalThis.Shopify = { loadFeatures(_, done) { setTimeout(() => { Shopify.customerPrivacy = { analyticsProcessingAllowed: yes, marketingAllowed: yes,
preferencesProcessingAllowed: yes, saleOfDataAllowed: yes }; done(); }); } };`;

function html(variant: Variant): string {
  const script = variant === "nothing" ? "" : `<script src="/${variant}.js" defer></script>`;
  return `<!doctype html><title>Mug</title><script>${CONSENT}</script>
<main data-elb="product" data-elb-product="id:2;name:Mug;price:12.5" data-elbaction="load:view"><h1>Mug</h1><p>A mug.</p></main>
<script type="application/json">${DATA}</script>${script}`;
}

/** Serves the pages and answers as TrakIt would. */
export async function servePages(walker: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").slice(1);
    request.resume();
    if (path === "session") {
      const now = Date.now();
      response.end(JSON.stringify({
        session: {
          id: "6b057c4000112233445566778899aabb",
          key: "2ZCx6xpBcf-CnTB77RTUWEY8Ia7R9tbmftqdOSdM8Eo",
          now,
          expires_at: now + 864e5,
        },
        visitor: { visitor_id: "0".repeat(32), fbp: `fb.1.${now}.1234567890`, fbc: null },
        cookies: [`_tk_v=${"0".repeat(32)}`, `_fbp=fb.1.${now}.1234567890`].map((pair) =>
          `${pair}; Path=/; Max-Age=63072000; SameSite=Lax; Secure`
        ),
        config: { cookie_lifetime_days: 730, cookie_domain: null, tags: {} },
      }));
    } else if (path === "event") {
      response.writeHead(202).end(
        JSON.stringify({ results: [{ status: "accepted" }, { status: "accepted" }], visitor: {} }),
      );
    } else if (path === "trakit.js" || path === "walkeros.js") {
      response.setHeader("content-type", "text/javascript");
      response.end(path === "trakit.js" ? SCRIPTS["trakit.js"]!.text : walker);
    } else {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(html(path as Variant));
    }
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
