import { ensurePartitions } from "@trakit/db/calls/ensure-partitions.ts";
import { keepRetention } from "@trakit/pipeline/upkeep/retention.ts";
import type { Job } from "../job.ts";

/** Between two batches of what is past its keeping (ms). */
const BATCH_PAUSE_MS = 100;

/** Makes the partitions of the coming week and deletes what is past its keeping. pg_cron does the same where it is. */
export const maintainJob: Job = {
  queue: "maintain",
  about: "makes partitions a week ahead, deletes what is past its keeping",
  atOnce: 1,
  // e.g. the short lock_timeout behind a long query: there is a week of partitions ahead
  retries: 3,
  timeoutSeconds: 300,
  every: "7 * * * *",
  async run({ deps, stopping, over, pause }) {
    const made = await ensurePartitions(deps.db, 8, deps.databaseNow?.());
    const { deleted, more } = await keepRetention(deps, {
      over,
      pause: () => pause(BATCH_PAUSE_MS, stopping),
    });
    deps.log.info("maintained", { made, ...deleted, more });
  },
};
