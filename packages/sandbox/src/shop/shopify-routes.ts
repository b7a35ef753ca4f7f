/**
 * What only Shopify itself does for the demo shop: `/_shopify/*` is its admin for the app, `/_admin/app` is a merchant who
 * clicks on the app, `/_admin/session-token` what App Bridge would hand to its page.
 */
import { randomBytes } from "node:crypto";
import { createShopifyAdmin, type ShopifyAdmin } from "../admin/shopify-admin.ts";
import type { Shop } from "./context.ts";
import { json } from "./http.ts";
import type { ShopAnswer, ShopRequest } from "./http.ts";
import { decimal, SHOP_CURRENCY } from "./money.ts";

export interface ShopifyAppOfShop {
  apiKey: string;
  secret: string;
  /** Where TrakIt's functions are. */
  apiUrl: string;
}

/** Shopify's admin over the demo shop's own orders and customers. */
export function shopifyAdminOf(shop: Shop, app: ShopifyAppOfShop): ShopifyAdmin {
  return createShopifyAdmin({
    apiKey: app.apiKey,
    secret: app.secret,
    redirectUrls: [`${app.apiUrl}/install/callback`],
    now: shop.now,
    hex: (bytes) => randomBytes(bytes).toString("hex"),
    orders: () =>
      shop.state.placed.values().map((order) => ({
        id: order.id,
        updatedAt: String(order.body.updated_at),
        body: order.body,
      })),
    customer: (_, id) => {
      const bought = shop.state.placed.values().filter((order) => order.customerId === id);
      const last = bought.at(-1);
      return last
        ? {
          numberOfOrders: String(bought.length),
          amountSpent: {
            amount: decimal(bought.reduce((sum, order) => sum + order.total, 0)),
            currencyCode: SHOP_CURRENCY,
          },
          lastOrder: { id: `gid://shopify/Order/${last.id}`, processedAt: String(last.body.processed_at) },
          defaultEmailAddress: last.email === null ? null : { emailAddress: last.email },
        }
        : null;
    },
  });
}

/** Answers the routes above; null for any other path. */
export function shopifyRoute(
  shop: Shop,
  admin: ShopifyAdmin,
  app: ShopifyAppOfShop,
  request: ShopRequest,
): ShopAnswer | null {
  if (request.path.startsWith("/_shopify/")) {
    const answer = admin.handle({
      method: request.method,
      path: request.path.slice("/_shopify".length),
      query: request.query,
      header: (name) => {
        const value = request.headers[name];
        return typeof value === "string" ? value : null;
      },
      body: request.body.toString("utf8"),
    });
    return { status: answer.status, headers: Object.entries(answer.headers), body: answer.body };
  }
  if (request.method !== "GET") return null;
  if (request.path === "/_admin/session-token") {
    return json(200, JSON.stringify({ token: admin.sessionToken(shop.domain) }));
  }
  if (request.path === "/_admin/app") {
    const query = new URLSearchParams({
      embedded: "1",
      host: btoa(`admin.shopify.com/store/${shop.domain.split(".")[0]}`).replace(/={1,2}$/, ""),
      id_token: admin.sessionToken(shop.domain),
      locale: "en",
      shop: shop.domain,
      timestamp: String(Math.floor(shop.now() / 1000)),
    });
    return {
      status: 302,
      headers: [["location", `${app.apiUrl}/install?${query}`], ["cache-control", "no-store"]],
      body: "",
    };
  }
  return null;
}
