import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.purge_visitors`: deletes a batch of visitors nobody saw for as long as cookies live; returns how many. */
export async function purgeVisitors(db: Database, limit: number, now?: Date): Promise<number> {
  return await call(db, "trakit.purge_visitors", { p_limit: limit, p_now: now });
}
