import type { Database } from "../connection.ts";

/** SQL `trakit.purge`: drops partitions, keys and quarantine past their keeping. */
export async function purge(
  db: Database,
  now?: Date,
): Promise<{ partitions: number; keys: number; quarantine: number }> {
  const [row] = await db.rows<{ purged: { partitions: number; keys: number; quarantine: number } }>(
    "select trakit.purge(coalesce($1::timestamptz, now())) as purged",
    [now ?? null],
  );
  return row!.purged;
}
