import { decodeOrder } from "@trakit/shopify/order.ts";
import { fixture, SHOP } from "./fixture.ts";

// deno-lint-ignore no-explicit-any
export type Payload = any;

/** Decodes a sample order after a change. */
export function decode(change: (order: Payload) => void, name = "order-web-guest") {
  const order = fixture(name);
  change(order);
  return decodeOrder(order, { shop: SHOP });
}

/** The event of a changed sample order. */
export function event(change: (order: Payload) => void, name?: string) {
  const result = decode(change, name);
  if (!result.ok) throw new Error(result.issues.join());
  return result.event;
}

/** Why a changed sample order is refused; empty when it is not. */
export function issues(change: (order: Payload) => void): string[] {
  const result = decode(change);
  return result.ok ? [] : result.issues;
}
