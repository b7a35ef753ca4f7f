import { fromStored } from "@trakit/core/stored.ts";
import { claimDeliveries } from "@trakit/db/calls/claim-deliveries.ts";
import { type DueLane, dueLanes } from "@trakit/db/calls/due-lanes.ts";
import { endFlush } from "@trakit/db/calls/end-flush.ts";
import { expireDeliveries } from "@trakit/db/calls/expire-deliveries.ts";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { LEASE_SECONDS, type PipelineDependencies } from "./dependencies.ts";
import { dispatch } from "./dispatch.ts";

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
 * The second of the two sequences for what waits in the queue: claims due lanes, sends, settles, until nothing is due or
 * the deadline comes. Throws DatabaseUnavailable when the database is out of reach.
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
        const sent = await drainLane(deps, lane, options, over, result);
        if (sent === 0) spent.add(lane.destination_id);
      }
    });
    for (const settled of await Promise.allSettled(workers)) {
      if (settled.status === "rejected") throw settled.reason;
    }
  }
  result.remaining = (await dueLanes(deps.db, 1, deps.databaseNow?.())).length > 0;
  return result;
}

/** Claims and sends from one lane until it gives less than a full batch. Returns how many deliveries it gave. */
async function drainLane(
  deps: PipelineDependencies,
  lane: DueLane,
  options: DrainOptions,
  over: () => boolean,
  result: Drained,
): Promise<number> {
  let total = 0;
  while (!over()) {
    const claimed = await claimDeliveries(
      deps.db,
      lane.destination_id,
      options.batch,
      LEASE_SECONDS,
      deps.databaseNow?.(),
    );
    const { items, destination, shop_id: shopId } = claimed;
    if (items.length > 0 && destination && shopId) {
      try {
        const outcomes = await dispatch(deps, [{
          shopId,
          destination,
          sends: items.map((item) => ({ ...item, event: fromStored(item.event) })),
        }]);
        for (const [kind, count] of Object.entries(outcomes)) {
          result.outcomes[kind] = (result.outcomes[kind] ?? 0) + count;
        }
        deps.log.info("lane_drained", {
          platform: destination.platform,
          lane: claimed.lane,
          claimed: items.length,
          outcomes,
        });
      } catch (error) {
        if (error instanceof DatabaseUnavailable) throw error;
        deps.log.error("lane_failed", { platform: destination.platform, ...errorFields(error) });
      }
      total += items.length;
      result.sent += items.length;
    }
    if (claimed.lane !== "closed" || items.length < options.batch) {
      if (claimed.lane === "closed" && claimed.flush_before) {
        await endFlush(deps.db, lane.destination_id, claimed.flush_before);
      }
      return total;
    }
  }
  return total;
}
