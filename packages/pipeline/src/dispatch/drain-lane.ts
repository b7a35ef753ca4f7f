import { claimDeliveries } from "@trakit/db/calls/claim-deliveries.ts";
import { endFlush } from "@trakit/db/calls/end-flush.ts";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { LEASE_SECONDS, leaseClock } from "../ports.ts";
import { dispatch } from "./dispatch.ts";

export interface LaneOptions {
  /** Deliveries claimed at once. */
  batch: number;
  /** Batches of the lane under way at once: while one is sent, the next is claimed and the last is settled. */
  atOnce: number;
  /** True when no further batch may be begun; what is under way is finished. */
  over: () => boolean;
}

export interface LaneDrained {
  /** Deliveries sent or decided. */
  sent: number;
  /** How many came to which end. */
  outcomes: Record<string, number>;
  /** The time was up before the lane was found empty. */
  remaining: boolean;
}

/**
 * Claims, sends and settles what is due in one lane until it gives less than a full batch, or the time is up. Throws
 * DatabaseUnavailable when the database is out of reach; whatever was leased then is found by its lease's end.
 */
export async function drainLane(
  deps: PipelineDependencies,
  destinationId: string,
  options: LaneOptions,
): Promise<LaneDrained> {
  const result: LaneDrained = { sent: 0, outcomes: {}, remaining: false };
  let empty = false;
  const failures: unknown[] = [];
  const running: Promise<void>[] = [];
  // a claim that comes back full says that there is more: only then is another batch begun beside it
  const more = () => {
    if (running.length < options.atOnce) running.push(turns());
  };
  const turns = async () => {
    while (!empty && failures.length === 0) {
      if (options.over()) {
        result.remaining = true;
        return;
      }
      try {
        if (await turn(deps, destinationId, options.batch, result, more)) empty = true;
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const leave = deps.shelf.enter();
  try {
    more();
    for (let at = 0; at < running.length; at++) await running[at];
  } finally {
    leave();
  }
  if (failures.length > 0) throw failures[0];
  if (empty) result.remaining = false;
  return result;
}

/** One batch. Returns whether the lane has nothing more to give now. */
async function turn(
  deps: PipelineDependencies,
  destinationId: string,
  batch: number,
  result: LaneDrained,
  more: () => void,
): Promise<boolean> {
  const leasedAt = leaseClock(deps);
  const claimed = await claimDeliveries(deps.db, destinationId, batch, LEASE_SECONDS, deps.databaseNow?.());
  const { items, destination, shop_id: shopId } = claimed;
  if (claimed.lane === "closed" && items.length === batch) more();
  if (items.length > 0 && destination && shopId) {
    try {
      const events = await deps.shelf.read(shopId, items);
      const sends = items.flatMap((item, index) => {
        const event = events[index];
        // gone meanwhile, and its delivery with it
        return event ? [{ ...item, leasedAt, event }] : [];
      });
      const outcomes = await dispatch(deps, sends.length > 0 ? [{ shopId, destination, sends }] : []);
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
    result.sent += items.length;
  }
  if (claimed.lane === "closed" && items.length === batch) return false;
  if (claimed.lane === "closed" && claimed.flush_before) {
    await endFlush(deps.db, destinationId, claimed.flush_before);
  }
  return true;
}
