import type { Database } from "../connection.ts";

/** SQL `trakit.expire_deliveries`: ends deliveries past their time; returns how many. */
export async function expireDeliveries(db: Database, limit: number, now?: Date): Promise<number> {
  const [row] = await db.rows<{ expired: number }>(
    "select trakit.expire_deliveries($1, coalesce($2::timestamptz, now())) as expired",
    [limit, now ?? null],
  );
  return row!.expired;
}
