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
  const [row] = await db.rows<{ missing: string[] }>(
    "select trakit.compare_orders($1, $2::jsonb, $3, $4, coalesce($5::timestamptz, now())) as missing",
    [shop, JSON.stringify(orders), watermark, trouble, now ?? null],
  );
  return row!.missing;
}
