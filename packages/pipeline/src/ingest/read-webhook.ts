import type { Wanted } from "@trakit/core/identity/wanted.ts";
import { APP_TOPICS, type AppWebhook, decodeAppWebhook } from "@trakit/shopify/app-webhooks.ts";
import { type Cart, decodeCart } from "@trakit/shopify/cart.ts";
import { decodeCheckout } from "@trakit/shopify/checkout.ts";
import {
  type CustomerFacts,
  decodeCustomer,
  decodeEmailOptIn,
  decodeOrderCustomer,
  decodePurchasingSummary,
  decodeSmsOptIn,
} from "@trakit/shopify/customer.ts";
import { parseJson } from "@trakit/shopify/json.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { decodeRefund } from "@trakit/shopify/refund.ts";
import type { Capture } from "./ingest.ts";

export type ReadWebhook =
  | { kind: "capture"; capture: Capture; dropped: string[] }
  /** What Shopify says of a customer, and the event it is, if it is one. */
  | { kind: "customer"; facts: CustomerFacts; capture: Capture | null }
  /** What a cart holds now. */
  | { kind: "cart"; topic: string; cart: Cart }
  /** About the app in this shop, or somebody's data. */
  | { kind: "app"; webhook: AppWebhook }
  /** Read, and nothing comes of it. */
  | { kind: "nothing"; reason: "nothing_refunded" | "no_customer" | "checkout_completed" | "stale_checkout" }
  /** Ours to read, and we cannot: kept for a later, wiser version. */
  | { kind: "unreadable"; reason: "malformed_json" | "unreadable_payload"; issues: string[] }
  /** A topic we do nothing with. */
  | { kind: "unhandled" };

type Reader = (payload: unknown, topic: string, shop: string, wanted: Wanted | undefined) => ReadWebhook;

const unreadable = (issues: string[]): ReadWebhook => ({
  kind: "unreadable",
  reason: "unreadable_payload",
  issues,
});

const order: Reader = (payload, topic, shop, wanted) => {
  const decoded = decodeOrder(payload, { shop, ...(wanted ? { wanted } : {}) });
  if (!decoded.ok) return unreadable(decoded.issues);
  return {
    kind: "capture",
    capture: { event: decoded.event, keys: [`order:${decoded.keys.order}`], topic, signed: null },
    dropped: decoded.dropped,
  };
};

const refund: Reader = (payload, topic, shop) => {
  const decoded = decodeRefund(payload, { shop });
  if (!decoded.ok) return unreadable(decoded.issues);
  if (decoded.event === null) return { kind: "nothing", reason: "nothing_refunded" };
  return { kind: "capture", capture: { event: decoded.event, keys: [], topic, signed: null }, dropped: [] };
};

const cart: Reader = (payload, topic, shop) => {
  const decoded = decodeCart(payload, { shop });
  return decoded.ok ? { kind: "cart", topic, cart: decoded.cart } : unreadable(decoded.issues);
};

const checkout: Reader = (payload, topic, shop, wanted) => {
  const decoded = decodeCheckout(payload, { shop, ...(wanted ? { wanted } : {}) });
  if (!decoded.ok) return unreadable(decoded.issues);
  if (decoded.event === null) return { kind: "nothing", reason: decoded.reason };
  const { event, dropped } = decoded;
  return { kind: "capture", capture: { event, keys: [], topic, signed: null }, dropped };
};

const orderCustomer: Reader = (payload) => {
  const { facts } = decodeOrderCustomer(payload);
  return facts ? { kind: "customer", facts, capture: null } : { kind: "nothing", reason: "no_customer" };
};

const customer =
  (decode: (payload: unknown, context: { shop: string }) => ReturnType<typeof decodeCustomer>): Reader =>
  (payload, topic, shop) => {
    const decoded = decode(payload, { shop });
    if (!decoded.ok) return unreadable(decoded.issues);
    const { event, facts } = decoded;
    return { kind: "customer", facts, capture: event && { event, keys: [], topic, signed: null } };
  };

const app: Reader = (payload, topic) => {
  const decoded = decodeAppWebhook(topic, payload);
  return decoded.ok ? { kind: "app", webhook: decoded.webhook } : unreadable(decoded.issues);
};

const READERS: ReadonlyMap<string, Reader> = new Map([
  ["orders/create", order],
  ["orders/paid", order],
  ["orders/updated", orderCustomer],
  ["carts/create", cart],
  ["carts/update", cart],
  ["checkouts/create", checkout],
  ["checkouts/update", checkout],
  ["refunds/create", refund],
  ["customers/create", customer(decodeCustomer)],
  ["customers/purchasing_summary", customer(decodePurchasingSummary)],
  ["customers_email_marketing_consent/update", customer(decodeEmailOptIn)],
  ["customers_marketing_consent/update", customer(decodeSmsOptIn)],
  ...[...APP_TOPICS].map((topic): [string, Reader] => [topic, app]),
]);

/** Every topic that is read. */
export const TOPICS: readonly string[] = [...READERS.keys()];

/**
 * Turns a verified webhook's raw body into what is to be done. The same for a first reading and for one out of quarantine.
 *
 * @param wanted digests to make of an order or checkout; absent = all. Of customers all are made: they are kept for what the
 *   shop will send later.
 */
export function readWebhook(topic: string, bytes: Uint8Array, shop: string, wanted?: Wanted): ReadWebhook {
  const reader = READERS.get(topic);
  if (!reader) return { kind: "unhandled" };
  const parsed = parseJson(new TextDecoder().decode(bytes));
  if (!parsed.ok) return { kind: "unreadable", reason: "malformed_json", issues: [] };
  return reader(parsed.value, topic, shop, wanted);
}
