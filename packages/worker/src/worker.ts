import { randomUUID } from "node:crypto";
import { PgBoss } from "pg-boss";
import { checkIn } from "@trakit/db/calls/check-in.ts";
import { checkOut } from "@trakit/db/calls/check-out.ts";
import { wakeLanes } from "@trakit/db/calls/wake-lanes.ts";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import type { Job, JobContext } from "./job.ts";
import { makeQueues } from "./queues.ts";

export interface WorkerOptions {
  /** Session connection (`TRAKIT_DB_SESSION_URL`): LISTEN needs one. */
  url: string;
  jobs: readonly Job[];
  /** Resolves after `ms`, or at once when the signal fires. */
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Called once the worker takes jobs. */
  ready: () => void;
}

/** The queue is not in the database, or is another version's: nothing a worker could wait for. */
export class QueueMissing extends Error {
  override name = "QueueMissing";
}

/** How late a due delivery may become while nothing else happens (ms). */
const WAKE_MS = 500;
/** Other workers woke the lanes within this time: then we need not (ms). */
const WAKE_GAP_MS = 400;
/** The share of its time after which a job begins nothing new. */
const BUDGET = 0.8;
const CHECK_IN_MS = 15_000;
/** Longest wait between tries while the database is out of reach (ms). */
const LONGEST_OUTAGE_PAUSE_MS = 10_000;
/** What is under way may take this long to finish (ms); a vendor request takes 5 s at most. */
const FINISH_MS = 10_000;

/**
 * Runs a worker until `stopping` fires and what is in hand is finished: takes pg-boss jobs, wakes due lanes twice a second
 * (pg_cron does it where no worker lives), checks in. Survives a database that comes and goes. Throws QueueMissing when
 * `trakit migrate` has not been run.
 */
export async function runWorker(
  deps: PipelineDependencies,
  stopping: AbortSignal,
  options: WorkerOptions,
): Promise<void> {
  const trouble = troubleLog(deps);
  const boss = await startBoss(deps, stopping, options, trouble);
  if (!boss) return;
  const id = randomUUID();
  try {
    options.ready();
    await wake(deps, stopping, options, trouble, id);
  } finally {
    await boss.stop({ graceful: true, timeout: FINISH_MS });
    await checkOut(deps.db, id).catch(() => {});
  }
}

/** pg-boss with queues, schedules and handlers; tries until the database is there. Null = asked to stop before. */
async function startBoss(
  deps: PipelineDependencies,
  stopping: AbortSignal,
  options: WorkerOptions,
  trouble: Trouble,
): Promise<PgBoss | null> {
  while (!stopping.aborted) {
    const boss = new PgBoss({
      connectionString: options.url,
      application_name: "trakit-queue",
      max: 4,
      // the schema belongs to the migration role
      migrate: false,
      createSchema: false,
      reindex: false,
      useListenNotify: true,
      superviseIntervalSeconds: 5,
      monitorIntervalSeconds: 5,
      maintenanceIntervalSeconds: 60,
      connectionTimeoutMillis: 3_000,
    });
    boss.on("error", (error) => trouble.met("queue_failed", error));
    try {
      await boss.start();
      await makeQueues(boss, options.jobs);
      for (const job of options.jobs) await work(boss, job, { deps, stopping, pause: options.pause });
      trouble.over();
      return boss;
    } catch (error) {
      await boss.stop({ graceful: false }).catch(() => {});
      if (
        /^pg-boss /.test(String((error as Error).message)) || (error as { code?: string }).code === "42501"
      ) {
        throw new QueueMissing("The queue pg-boss is missing in the database, or of another version.", {
          cause: error,
        });
      }
      await options.pause(trouble.met("queue_not_started", error), stopping);
    }
  }
  return null;
}

async function work(boss: PgBoss, job: Job, context: Omit<JobContext, "over">): Promise<void> {
  if (job.every) {
    await boss.schedule(job.queue, job.every);
    await boss.send(job.queue, {});
  }
  const concurrency = {
    localConcurrency: job.atOnce,
    ...(job.atOncePerGroup && job.atOncePerGroup < job.atOnce
      ? { localGroupConcurrency: job.atOncePerGroup }
      : {}),
    pollingIntervalSeconds: 1,
    notifyPollingIntervalSeconds: 15,
  };
  await boss.work<Record<string, unknown> | null>(job.queue, concurrency, async ([one]) => {
    try {
      const until = context.deps.now() + BUDGET * job.timeoutSeconds * 1_000;
      const over = () => context.stopping.aborted || context.deps.now() >= until;
      await job.run({ ...context, over }, one?.data ?? {});
    } catch (error) {
      const fields = error instanceof DatabaseUnavailable
        ? { reason: "database_unavailable" }
        : errorFields(error);
      context.deps.log.error("job_failed", { queue: job.queue, job: one?.id ?? null, ...fields });
      // pg-boss keeps what is thrown: not the message, drivers quote the data they choked on
      throw new Error((error as { name?: string }).name ?? "failed");
    } finally {
      // whoever is busy looks for the next job when done, instead of sleeping until it is notified: NOTIFY tells of new
      // jobs, not of those that found nobody free
      for (const { id, name, count } of boss.getWipData()) {
        if (name === job.queue && count > 0) boss.notifyWorker(id);
      }
    }
  });
}

/** Wakes due lanes and checks in until asked to stop. */
async function wake(
  deps: PipelineDependencies,
  stopping: AbortSignal,
  options: WorkerOptions,
  trouble: Trouble,
  id: string,
): Promise<void> {
  let checkInAt = -Infinity;
  while (!stopping.aborted) {
    let wait = WAKE_MS;
    try {
      if (deps.now() >= checkInAt || deps.now() < checkInAt - CHECK_IN_MS) {
        await checkIn(deps.db, id, "worker", deps.databaseNow?.());
        checkInAt = deps.now() + CHECK_IN_MS;
      }
      await wakeLanes(deps.db, WAKE_GAP_MS, deps.databaseNow?.());
      trouble.over();
    } catch (error) {
      wait = trouble.met("wake_failed", error);
      checkInAt = -Infinity;
    }
    await options.pause(wait, stopping);
  }
}

interface Trouble {
  /** Logs the 1st, 2nd, 4th, 8th … time in a row: an outage of an hour is a dozen lines. Returns how long to wait (ms). */
  met(event: string, error: unknown): number;
  over(): void;
}

function troubleLog(deps: PipelineDependencies): Trouble {
  let times = 0;
  return {
    met(event, error) {
      times++;
      const fields = error instanceof DatabaseUnavailable
        ? { reason: "database_unavailable" }
        : errorFields(error);
      if ((times & (times - 1)) === 0) deps.log.error(event, { times, ...fields });
      return Math.min(WAKE_MS * 2 ** Math.min(times, 10), LONGEST_OUTAGE_PAUSE_MS);
    },
    over() {
      if (times > 0) deps.log.info("database_back", { times });
      times = 0;
    },
  };
}
