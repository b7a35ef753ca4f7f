import type { Database } from "../connection.ts";

/** How many of each were past their keeping. */
export interface Purged {
  partitions: number;
  keys: number;
  quarantine: number;
  visitors: number;
}

/** SQL `trakit.purge`: drops partitions, keys, quarantine, visitors and counters past their keeping. */
export async function purge(
  db: Database,
  now?: Date,
): Promise<Purged> {
  const [row] = await db.rows<{ purged: Purged }>(
    "select trakit.purge(coalesce($1::timestamptz, now())) as purged",
    [now ?? null],
  );
  return row!.purged;
}
