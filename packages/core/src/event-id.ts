import { createHash } from "node:crypto";
import type { EventName } from "./event.ts";

/**
 * The event id of a conversion that has a natural key, so that the browser's copy and Shopify's copy, which never meet,
 * arrive at the same one (docs/two-copies.md): the first 32 hex digits of
 * `SHA-256("trakit/1|" + shop + "|" + name + "|" + naturalKey)`.
 *
 * @param shop the myshopify domain, in any case (`x.myshopify.com`)
 * @param name `checkout_completed`, `checkout_started`, `order_refunded` or `customer_registered` today
 * @param key one of `naturalKey`; used byte for byte
 */
export function conversionEventId(shop: string, name: EventName, key: string): string {
  return createHash("sha256").update(`trakit/1|${shop.toLowerCase()}|${name}|${key}`, "utf8").digest("hex")
    .slice(0, 32);
}

/**
 * What a conversion is known by on both sides. Each kind but the checkout's token, which browsers send, has a name space no token
 * can reach (`heldToken` in packages/shopify/src/text.ts has no colon): nobody who guesses an order's id, or knows an address,
 * can name another kind's event by it.
 */
export const naturalKey = {
  /** Of a purchase and of the beginning of a checkout. */
  checkout: (token: string): string => token,
  /** Of a purchase without a checkout. */
  order: (id: string): string => `order:${id}`,
  refund: (id: string): string => `refund:${id}`,
  /** Of a registration without an email. */
  customer: (id: string): string => `customer:${id}`,
  /** Of a registration: the email of the form and of the account that came of it. */
  email: (email: string): string => `email:${email.trim().toLowerCase()}`,
};
