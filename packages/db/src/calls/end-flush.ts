import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.end_flush`: a recovered lane has nothing left from before `flushBefore`. */
export async function endFlush(db: Database, destinationId: string, flushBefore: string): Promise<void> {
  await call(db, "trakit.end_flush", { p_destination_id: destinationId, p_flush_before: flushBefore });
}
