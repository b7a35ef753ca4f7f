import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface Reconciliation {
  /** Orders up to here were compared; as Postgres writes it. */
  watermark: string;
  installed_at: string;
  order_topic: "orders/create" | "orders/paid";
  /** Ids of orders that could not be read a day ago: to be asked about again. */
  unreadable: string[];
}

/** SQL `trakit.begin_reconciliation`: where a shop's comparison goes on; null = no such active shop. */
export async function beginReconciliation(
  db: Database,
  shop: string,
  now?: Date,
): Promise<Reconciliation | null> {
  return await call(db, "trakit.begin_reconciliation", { p_shop: shop, p_now: now }) as Reconciliation | null;
}
