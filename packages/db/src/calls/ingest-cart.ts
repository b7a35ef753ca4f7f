import type { StoredEvent } from "@trakit/core/stored.ts";
import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Ingested } from "./ingest-events.ts";

/** A cart as Shopify tells of it. */
export interface CartState {
  token: string;
  /** ISO 8601. */
  created_at: string;
  /** ISO 8601 or Shopify's nanoseconds: when it came to hold this. */
  changed_at: string;
  topic: string;
  lines: {
    key: string;
    variant_id: string | null;
    quantity: number;
    /** Decimal, off one unit. */
    unit_discount: string;
    /** Without id; quantity and line discount are set by what was added. */
    event: StoredEvent;
  }[];
}

export interface CartIngested extends Ingested {
  /** The adds it made, in the order of the results. */
  events: StoredEvent[];
  ignored?: "older_cart" | "unknown_cart";
}

/** SQL `trakit.ingest_cart`: stores what was added to a cart since it was last told of; one network round trip. */
export async function ingestCart(
  db: Database,
  shop: string,
  cart: CartState,
  slots: number,
  now?: Date,
): Promise<CartIngested> {
  return await call(db, "trakit.ingest_cart", {
    p_shop: shop,
    p_cart: json(cart),
    p_slots: slots,
    p_now: now,
  }) as CartIngested;
}
