import { dueLanes } from "@trakit/db/calls/due-lanes.ts";
import { expireDeliveries } from "@trakit/db/calls/expire-deliveries.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { drainLane } from "./drain-lane.ts";

export interface DrainOptions {
  /** Stop taking new work at this time, in ms since the epoch; what is under way is finished. */
  deadline: number;
  /** Lanes sent at once. */
  lanesAtOnce: number;
  /** Deliveries claimed at once from a lane. */
  batch: number;
  /** Ends the run early (shutdown). */
  signal?: AbortSignal;
}

export interface Drained {
  lanes: number;
  /** Deliveries sent or decided. */
  sent: number;
  /** How many came to which end. */
  outcomes: Record<string, number>;
  expired: number;
  /** True when something was still due at the deadline. */
  remaining: boolean;
}

/**
 * The second of the two sequences for what waits in the queue, without pg-boss: claims due lanes, sends, settles, until
 * nothing is due or the deadline comes. Throws DatabaseUnavailable when the database is out of reach.
 */
export async function drain(deps: PipelineDependencies, options: DrainOptions): Promise<Drained> {
  const result: Drained = { lanes: 0, sent: 0, outcomes: {}, expired: 0, remaining: false };
  const over = () => deps.now() >= options.deadline || options.signal?.aborted === true;
  result.expired = await expireDeliveries(deps.db, 5_000, deps.databaseNow?.());

  // a lane that gave nothing this time (an open lane's probe, another worker's lease) is not asked again in this run
  const spent = new Set<string>();
  while (!over()) {
    const due = (await dueLanes(deps.db, options.lanesAtOnce * 4, deps.databaseNow?.()))
      .filter((lane) => !spent.has(lane.destination_id));
    if (due.length === 0) return result;
    const queue = [...due];
    const workers = Array.from({ length: Math.min(options.lanesAtOnce, queue.length) }, async () => {
      for (let lane = queue.shift(); lane && !over(); lane = queue.shift()) {
        result.lanes++;
        const drained = await drainLane(deps, lane.destination_id, {
          batch: options.batch,
          atOnce: 1,
          over,
        });
        result.sent += drained.sent;
        for (const [kind, count] of Object.entries(drained.outcomes)) {
          result.outcomes[kind] = (result.outcomes[kind] ?? 0) + count;
        }
        if (drained.sent === 0) spent.add(lane.destination_id);
      }
    });
    for (const settled of await Promise.allSettled(workers)) {
      if (settled.status === "rejected") throw settled.reason;
    }
  }
  result.remaining = (await dueLanes(deps.db, 1, deps.databaseNow?.())).length > 0;
  return result;
}
