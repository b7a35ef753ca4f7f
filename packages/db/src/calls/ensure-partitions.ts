import type { Database } from "../connection.ts";

/** SQL `trakit.ensure_partitions`: makes missing day partitions; returns how many. */
export async function ensurePartitions(db: Database, daysAhead: number, now?: Date): Promise<number> {
  const [row] = await db.rows<{ made: number }>(
    "select trakit.ensure_partitions($1, coalesce($2::timestamptz, now())) as made",
    [daysAhead, now ?? null],
  );
  return row!.made;
}
