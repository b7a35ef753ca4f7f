import type { Database } from "../connection.ts";

/** SQL `trakit.count_refused_calls`: adds to the day's counters of a shop; null = nobody's. */
export async function countRefusedCalls(
  db: Database,
  shop: string | null,
  counts: Record<string, number>,
  now?: Date,
): Promise<void> {
  await db.rows(
    "select trakit.count_refused_calls($1, 'proxy', $2::jsonb, coalesce($3::timestamptz, now()))",
    [
      shop,
      JSON.stringify(counts),
      now ?? null,
    ],
  );
}
