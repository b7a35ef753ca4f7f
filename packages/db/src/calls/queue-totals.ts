import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface QueueTotals {
  pending: number;
  due: number;
  /** Seconds the longest waiting due delivery is late; 0 when nothing is due. */
  oldest_due_seconds: number;
}

/** SQL `trakit.queue_totals`: how much waits in the recovery queue, across shops. */
export async function queueTotals(db: Database): Promise<QueueTotals> {
  return await call(db, "trakit.queue_totals", {}) as QueueTotals;
}
