/** What every route of the demo shop is handed. */
import { newCart } from "./cart.ts";
import type { Ids } from "./ids.ts";
import type { ShopRequest } from "./http.ts";
import { CART_COOKIE, CART_COOKIE_SECONDS, cartTokenWithKey } from "./cart.ts";
import type { Extensions } from "./extensions.ts";
import type { Cart, Session, ShopState } from "./state.ts";
import type { WebhookSender } from "./webhook-sender.ts";

export interface Shop {
  domain: string;
  /** Where the app proxy is mounted, e.g. "/apps/trakit". */
  proxyPrefix: string;
  /** Vendor sandbox, for the link on the thank-you page. */
  sandboxUrl: string;
  extensions: Extensions;
  /** Paths the theme's pages ask the browser to prerender. */
  prerender: string[];
  now: () => number;
  ids: Ids;
  state: ShopState;
  webhooks: WebhookSender;
}

/** One request with the visit it belongs to. */
export interface Visit {
  shop: Shop;
  request: ShopRequest;
  session: Session;
  /** Values of Set-Cookie to send with the answer. */
  setCookies: string[];
  /** The cart this request opened: its cookie is not in the request yet. */
  cart: Cart | null;
}

export function cookie(name: string, value: string, maxAge: number, httpOnly: boolean): string {
  const flags = httpOnly ? "; HttpOnly" : "";
  return `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${maxAge}; SameSite=Lax${flags}`;
}

/** The cart the `cart` cookie names, if we still know it. */
export function currentCart(visit: Visit): Cart | null {
  const token = (visit.request.cookies.get(CART_COOKIE) ?? "").split("?")[0] ?? "";
  return visit.shop.state.carts.get(token) ?? null;
}

/** The current cart, or a new one; either way its cookie is renewed for two weeks. */
export function openCart(visit: Visit): Cart {
  const cart = currentCart(visit) ?? newCart(visit.shop.ids, visit.shop.now());
  cart.updatedAt = visit.shop.now();
  visit.shop.state.carts.set(cart.token, cart);
  visit.cart = cart;
  // Readable by scripts, as at Shopify: the theme and TrakIt's script need the token.
  visit.setCookies.push(cookie(CART_COOKIE, cartTokenWithKey(cart), CART_COOKIE_SECONDS, false));
  return cart;
}
