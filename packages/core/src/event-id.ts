import { createHash } from "node:crypto";
import type { EventName } from "./event.ts";

/**
 * The event id of a conversion that has a natural key, so that the browser's copy and Shopify's copy, which never meet,
 * arrive at the same one (docs/two-copies.md): the first 32 hex digits of
 * `SHA-256("trakit/1|" + shop + "|" + name + "|" + naturalKey)`.
 *
 * @param shop the myshopify domain, in any case (`x.myshopify.com`)
 * @param name `checkout_completed`, `checkout_started`, `order_refunded` or `customer_registered` today
 * @param naturalKey checkout token (order id where there is none), checkout token, refund id, `registrationKey` (customer id where
 *   there is no email); used byte for byte
 */
export function conversionEventId(shop: string, name: EventName, naturalKey: string): string {
  return createHash("sha256").update(`trakit/1|${shop.toLowerCase()}|${name}|${naturalKey}`, "utf8").digest(
    "hex",
  )
    .slice(0, 32);
}

/** Natural key of `customer_registered`: the email of the form and of the account that came of it. */
export function registrationKey(email: string): string {
  return email.trim().toLowerCase();
}
