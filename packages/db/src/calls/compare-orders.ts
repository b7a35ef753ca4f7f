import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.compare_orders`: the ids of those we have no event of. `watermark` null leaves it where it is. */
export async function compareOrders(
  db: Database,
  shop: string,
  orders: { id: string; at: string }[],
  watermark: string | null,
  trouble: string | null,
  now?: Date,
): Promise<string[]> {
  return await call(db, "trakit.compare_orders", {
    p_shop: shop,
    p_orders: json(orders),
    p_watermark: watermark,
    p_trouble: trouble,
    p_now: now,
  }) as string[];
}
