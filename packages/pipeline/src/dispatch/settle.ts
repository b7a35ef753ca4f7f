import type { Settlement } from "@trakit/db/calls/settle-deliveries.ts";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { LEASE_SECONDS, leaseClock } from "../ports.ts";

/** Before the second try while the database is out of reach, and at most between two (ms). */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;

/**
 * Settles deliveries of one shop. While the database is out of reach it tries again until their lease ends, when whoever
 * claims them sends them a second time; a settlement that did arrive changes nothing when it comes again, because the
 * lease it names is gone. `leasedAt` in ms on the clock of `leaseClock`. Never throws.
 */
export async function settleWhileLeased(
  deps: PipelineDependencies,
  shopId: string,
  settlements: Settlement[],
  leasedAt: number,
): Promise<void> {
  const leaseEnd = leasedAt + LEASE_SECONDS * 1_000;
  for (let attempt = 1;; attempt++) {
    try {
      const settled = await deps.coalescers.settlements.submit(shopId, settlements);
      if (settled.status === "rejected") throw settled.reason;
      return;
    } catch (error) {
      const longest = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
      const pause = longest * (0.5 + deps.random() / 2);
      if (!(error instanceof DatabaseUnavailable) || leaseClock(deps) + pause >= leaseEnd) {
        deps.log.error("settle_failed", { deliveries: settlements.length, attempt, ...errorFields(error) });
        return;
      }
      await deps.pause(pause);
    }
  }
}
