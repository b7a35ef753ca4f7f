import type { Database } from "../connection.ts";

/** SQL `trakit.run_replays`: moves unfinished replays on by a step of 1,000 events each; returns how many are left. */
export async function runReplays(db: Database, now?: Date): Promise<number> {
  const [row] = await db.rows<{ left: number }>(
    "select trakit.run_replays(1, coalesce($1, now())) as left",
    [now ?? null],
  );
  return row!.left;
}
