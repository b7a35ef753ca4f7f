import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";

/** What a job's handler may use. */
export interface JobContext {
  deps: PipelineDependencies;
  /** Fires when the process is asked to end: finish what is in hand, begin nothing new. */
  stopping: AbortSignal;
  /**
   * Whether to begin nothing new: the process is asked to end, or four fifths of the job's time are used. A job that goes on
   * past its time counts as failed, and the next one begins beside it; what is left is done by the next.
   */
  over: () => boolean;
  /** Resolves after `ms`, or at once when the signal fires. */
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** One kind of work that workers do: a pg-boss queue and its handler. Add it to the list in jobs.ts; nothing else is needed. */
export interface Job {
  /** Name of the queue; SQL and functions put jobs into it with `trakit.enqueue_jobs(queue, '[{"data": …, "key": …}]')`. */
  queue: string;
  /** For whoever reads the list. */
  about: string;
  /** How many may run in one worker. */
  atOnce: number;
  /** How many of them may belong to one group (a shop). */
  atOncePerGroup?: number;
  /**
   * How often a failed job is tried again, with growing pauses, before it goes to the queue `dead`, where an operator finds
   * it. 0 = never: the next wake-up does it.
   */
  retries: number;
  /** A job that takes longer, in seconds, counts as failed; `over` says so in time. */
  timeoutSeconds: number;
  /** Cron expression (UTC) of when a job makes itself; the worker also makes one when it starts. */
  every?: string;
  /** Does the work. What it throws is logged by name, code and place, and fails the job. `data` is what was enqueued. */
  run(context: JobContext, data: Record<string, unknown>): Promise<void>;
}
