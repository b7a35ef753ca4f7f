import { parseJson } from "@trakit/shopify/json.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import type { Capture } from "./ingest.ts";

export type ReadWebhook =
  | { kind: "capture"; capture: Capture; dropped: string[] }
  /** Ours to read, and we cannot: kept for a later, wiser version. */
  | { kind: "unreadable"; reason: "malformed_json" | "unreadable_payload"; issues: string[] }
  /** A topic we do nothing with. */
  | { kind: "unhandled" };

const ORDER_TOPICS = new Set(["orders/create", "orders/paid"]);

/** Turns a verified webhook's raw body into what is captured. The same for a first reading and for one out of quarantine. */
export function readWebhook(topic: string, bytes: Uint8Array, shop: string): ReadWebhook {
  if (!ORDER_TOPICS.has(topic)) return { kind: "unhandled" };
  const parsed = parseJson(new TextDecoder().decode(bytes));
  if (!parsed.ok) return { kind: "unreadable", reason: "malformed_json", issues: [] };
  const decoded = decodeOrder(parsed.value, { shop });
  if (!decoded.ok) return { kind: "unreadable", reason: "unreadable_payload", issues: decoded.issues };
  return {
    kind: "capture",
    capture: { event: decoded.event, keys: [`order:${decoded.keys.order}`], topic, signed: null },
    dropped: decoded.dropped,
  };
}
