import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";
import type { QueueWatch } from "./queue-watch.ts";

export interface QueueMetrics extends QueueWatch {
  waiting: { platform: string; pending: number; due: number; sending: number; oldest_due_seconds: number }[];
  /** What was captured in the last 5 minutes. `latency` = seconds to delivered, median and 99th percentile. */
  recent: { platform: string; state: string; count: number; latency: [number, number] | null }[];
  lanes: { platform: string; state: string; count: number }[];
  /** Ever. */
  expired: { platform: string; count: number }[];
  replays: number;
  /** Orders at Shopify that could not be read. */
  unreadable_orders: number;
}

/** SQL `trakit.queue_metrics`: figures for a monitor, across shops. */
export async function queueMetrics(db: Database, now?: Date): Promise<QueueMetrics> {
  return await call(db, "trakit.queue_metrics", { p_now: now }, LONG) as QueueMetrics;
}
