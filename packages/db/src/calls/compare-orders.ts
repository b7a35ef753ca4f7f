import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

/** An order at Shopify that could not be read; `at` null = not known when it was placed. */
export interface UnreadableOrder {
  id: string;
  at: string | null;
  /** Paths and codes, never values. */
  reason: string;
}

/**
 * SQL `trakit.compare_orders`: the ids of those we have no event of, and a note of those that could not be read. `watermark`
 * null leaves it where it is.
 */
export async function compareOrders(
  db: Database,
  shop: string,
  orders: { id: string; at: string }[],
  watermark: string | null,
  trouble: string | null,
  unreadable: UnreadableOrder[],
  now?: Date,
): Promise<string[]> {
  return await call(db, "trakit.compare_orders", {
    p_shop: shop,
    p_orders: json(orders),
    p_watermark: watermark,
    p_trouble: trouble,
    p_unreadable: json(unreadable),
    p_now: now,
  }) as string[];
}
