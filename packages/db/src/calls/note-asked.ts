import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.note_asked`: what Shopify answered, as `learnCustomer` takes it; returns how many are still known to us. */
export async function noteAsked(
  db: Database,
  shop: string,
  customers: { customer_id: string; asked_at: string }[],
  now?: Date,
): Promise<number> {
  return await call(db, "trakit.note_asked", { p_shop: shop, p_customers: json(customers), p_now: now });
}
