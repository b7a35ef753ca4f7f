import type { PgBoss } from "pg-boss";
import type { Job } from "./job.ts";

/** Where jobs go that failed for good; `select * from pgboss.job where name = 'dead'`. */
export const DEAD_LETTERS = "dead";
/**
 * A worker that dies leaves its job `active`, and the policy lets no second one of that lane run. Its heartbeat stops, and
 * after this long plus one look of the supervisor the job counts as failed: sooner than its leases run out (30 s).
 */
const HEARTBEAT_SECONDS = 10;

/** Makes the queues there are not yet, and brings the options of the others up to date. Several workers may do so at once. */
export async function makeQueues(boss: PgBoss, jobs: readonly Job[]): Promise<void> {
  const dead = { policy: "standard", retryLimit: 0, retentionSeconds: 30 * 86_400 };
  await boss.createQueue(DEAD_LETTERS, dead);
  const known = new Map((await boss.getQueues(jobs.map((job) => job.queue))).map((one) => [one.name, one]));
  for (const job of jobs) {
    const options = {
      retryLimit: job.retries,
      retryDelay: 5,
      retryBackoff: true,
      retryDelayMax: 600,
      expireInSeconds: job.timeoutSeconds,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      // what is not done in an hour is made anew by whoever still wants it
      retentionSeconds: job.retries > 0 ? 14 * 86_400 : 3_600,
      deleteAfterSeconds: job.retries > 0 ? 86_400 : 60,
      notify: true,
      ...(job.retries > 0 ? { deadLetter: DEAD_LETTERS } : {}),
    };
    // one job of a key waits and one runs; without a key, one of the queue
    if (known.has(job.queue)) await boss.updateQueue(job.queue, options);
    else await boss.createQueue(job.queue, { policy: "stately", ...options });
  }
}
