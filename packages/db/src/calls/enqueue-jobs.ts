import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

export interface NewJob {
  /** What the job's handler gets. Never anything of a person: ids of ours. */
  data: Record<string, unknown>;
  /** At most one job of this key waits, and at most one runs (policy `stately`). */
  key?: string;
  /** Usually the shop: a group does not take all of a worker. */
  group?: string;
}

/**
 * SQL `trakit.enqueue_jobs`: jobs for a worker (packages/worker/src/jobs.ts). Returns how many were added; null = this
 * database has no pg-boss, or no worker made the queue yet. A job is a wake-up: what must not be lost belongs into a table.
 */
export async function enqueueJobs(db: Database, queue: string, jobs: NewJob[]): Promise<number | null> {
  return await call(db, "trakit.enqueue_jobs", { p_queue: queue, p_jobs: json(jobs) }) as number | null;
}
