import type { Database } from "../connection.ts";

/** SQL `trakit.begin_reconciliation`: where a shop's comparison goes on; null = no such active shop. */
export async function beginReconciliation(
  db: Database,
  shop: string,
  now?: Date,
): Promise<{ watermark: string; installed_at: string; order_topic: "orders/create" | "orders/paid" } | null> {
  const [row] = await db.rows<
    { r: { watermark: string; installed_at: string; order_topic: "orders/create" | "orders/paid" } | null }
  >("select trakit.begin_reconciliation($1, coalesce($2::timestamptz, now())) as r", [shop, now ?? null]);
  return row!.r;
}
