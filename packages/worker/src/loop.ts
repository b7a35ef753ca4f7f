import { ensurePartitions } from "@trakit/db/calls/ensure-partitions.ts";
import { purge } from "@trakit/db/calls/purge.ts";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import type { PipelineDependencies } from "@trakit/pipeline/dependencies.ts";
import { drain, type Drained } from "@trakit/pipeline/drain.ts";
import { redactDue } from "@trakit/pipeline/privacy.ts";
import { errorFields } from "@trakit/runtime/log.ts";

export interface LoopOptions {
  signal: AbortSignal;
  /** Resolves after `ms`, or at once when the signal fires. */
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** How late a due delivery may become while nothing else happens (ms). */
const IDLE_MS = 500;
/** Longest wait between tries while the database is out of reach (ms). */
const LONGEST_OUTAGE_PAUSE_MS = 10_000;
const MAINTENANCE_EVERY_MS = 3_600_000;

/**
 * The worker: drains due lanes over and over, and does the hourly maintenance (partitions ahead, retention). Returns when
 * the signal fires and the batch in hand is settled. Survives a database that comes and goes.
 */
export async function runLoop(deps: PipelineDependencies, options: LoopOptions): Promise<void> {
  let outages = 0;
  let maintainAt = deps.now();
  while (!options.signal.aborted) {
    let drained: Drained | null = null;
    try {
      if (deps.now() >= maintainAt) {
        await maintain(deps);
        maintainAt = deps.now() + MAINTENANCE_EVERY_MS;
      }
      drained = await drain(deps, {
        deadline: deps.now() + 60_000,
        lanesAtOnce: 8,
        batch: 200,
        signal: options.signal,
      });
      if (outages > 0) deps.log.info("database_back", { outages });
      outages = 0;
    } catch (error) {
      outages++;
      const reason = error instanceof DatabaseUnavailable
        ? { reason: "database_unavailable" }
        : errorFields(error);
      // every power of two: an outage of an hour is a dozen lines
      if ((outages & (outages - 1)) === 0) deps.log.error("drain_failed", { outages, ...reason });
    }
    if (drained?.remaining) continue;
    const wait = outages > 0
      ? Math.min(IDLE_MS * 2 ** Math.min(outages, 10), LONGEST_OUTAGE_PAUSE_MS)
      : IDLE_MS;
    await options.pause(wait, options.signal);
  }
}

async function maintain(deps: PipelineDependencies): Promise<void> {
  try {
    const made = await ensurePartitions(deps.db, 8, deps.databaseNow?.());
    const purged = await purge(deps.db, deps.databaseNow?.());
    const redacted = await redactDue(deps, deps.now() + MAINTENANCE_EVERY_MS / 2);
    deps.log.info("maintained", { made, ...purged, redacted });
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error;
    // e.g. the short lock_timeout behind a long query: there is a week of partitions ahead, the next hour tries again
    deps.log.warn("maintenance_failed", errorFields(error));
  }
}
