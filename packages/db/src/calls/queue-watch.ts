import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface QueueWatch {
  /** Worker processes that checked in within a minute. */
  workers: number;
  /** Calls of the drain function under way. */
  draining: number;
  /** Seconds between two looks of pg_cron; null = none. */
  cron_seconds: number | null;
  /** pg_cron calls the drain function while no worker lives. */
  calls_drain: boolean;
}

/** SQL `trakit.queue_watch`: who drains the queue. */
export async function queueWatch(db: Database, now?: Date): Promise<QueueWatch> {
  return await call(db, "trakit.queue_watch", { p_now: now }) as QueueWatch;
}

/** How late a due delivery may be begun, in seconds; null = nobody sends what waits. */
export function resolutionSeconds(watch: QueueWatch): number | null {
  if (watch.workers > 0) return 1;
  return watch.calls_drain ? watch.cron_seconds : null;
}
