import type { Database } from "../connection.ts";

/** SQL `trakit.end_flush`: a recovered lane has nothing left from before `flushBefore`. */
export async function endFlush(db: Database, destinationId: string, flushBefore: string): Promise<void> {
  await db.rows("select trakit.end_flush($1, $2)", [destinationId, flushBefore]);
}
