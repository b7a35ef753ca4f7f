import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface ClaimedReadings {
  /** Ids of orders, digits. */
  orders: string[];
  order_topic: "orders/create" | "orders/paid";
}

/** SQL `trakit.claim_readings`: takes a shop's orders to be read again, for two minutes. */
export async function claimReadings(
  db: Database,
  shop: string,
  limit: number,
  now?: Date,
): Promise<ClaimedReadings> {
  return await call(db, "trakit.claim_readings", {
    p_shop: shop,
    p_limit: limit,
    p_now: now,
  }) as unknown as ClaimedReadings;
}
