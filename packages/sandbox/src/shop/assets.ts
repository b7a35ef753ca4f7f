/** Static files of the theme. Read once at start; they are part of the source, not built. */
import { readFileSync } from "node:fs";
import { productArt } from "./art.ts";
import { PRODUCTS } from "./catalog.ts";
import type { Shop } from "./context.ts";
import type { ShopAnswer } from "./http.ts";

const SCRIPT = "text/javascript; charset=utf-8";
const FILES: Record<string, { type: string; file: string }> = {
  "/shop/theme.css": { type: "text/css; charset=utf-8", file: "./assets/theme.css" },
  "/shop/theme.js": { type: SCRIPT, file: "./assets/theme.js" },
  "/shop/privacy.js": { type: SCRIPT, file: "./assets/privacy.js" },
  "/shop/customer-events.js": { type: SCRIPT, file: "./assets/customer-events.js" },
  "/shop/sandbox.js": { type: SCRIPT, file: "./assets/sandbox.js" },
  "/shop/panel.js": { type: SCRIPT, file: "./assets/panel.js" },
  "/shop/icon.svg": { type: "image/svg+xml", file: "./assets/icon.svg" },
};

const loaded = new Map(
  Object.entries(FILES).map((
    [path, { type, file }],
  ) => [path, { type, body: readFileSync(new URL(file, import.meta.url)) }]),
);

/** A file of the theme, of an app's extension, or a product drawing; null for any other path. */
export function assetRoute(
  path: string,
  { extensions, prerender }: Pick<Shop, "extensions" | "prerender">,
): ShopAnswer | null {
  const known = loaded.get(path);
  if (known !== undefined) return answer(known.type, known.body);
  if (path === "/shop/web-pixel.js" && extensions.pixel !== null) {
    return answer(SCRIPT, extensions.pixel.script);
  }
  const asset = /^\/shop\/extension\/([a-z-]+\.js)$/.exec(path);
  const body = asset === null ? null : extensions.asset(asset[1]!);
  if (body !== null) return answer(SCRIPT, body);
  if (path === "/shop/speculation-rules.json" && prerender.length > 0) {
    const rules = { prerender: [{ urls: prerender, eagerness: "immediate" }] };
    return answer("application/speculationrules+json", JSON.stringify(rules));
  }
  const art = /^\/shop\/art\/([a-z-]+)\/(\d+)\.svg$/.exec(path);
  if (art === null) return null;
  const product = PRODUCTS.find((entry) => entry.handle === art[1]);
  const variant = product?.variants.find((entry) => entry.id === art[2]);
  if (product === undefined || variant === undefined) return null;
  return answer("image/svg+xml", productArt(product, variant, `${product.title}, ${variant.title}`).text);
}

function answer(type: string, body: string | Uint8Array): ShopAnswer {
  return {
    status: 200,
    headers: [["content-type", type], ["cache-control", "no-cache"], ["x-content-type-options", "nosniff"]],
    body,
  };
}
