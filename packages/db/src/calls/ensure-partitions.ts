import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.ensure_partitions`: makes missing day partitions; returns how many. */
export async function ensurePartitions(db: Database, daysAhead: number, now?: Date): Promise<number> {
  return await call(db, "trakit.ensure_partitions", { p_days_ahead: daysAhead, p_now: now }, LONG);
}
