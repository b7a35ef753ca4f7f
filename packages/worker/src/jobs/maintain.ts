import { ensurePartitions } from "@trakit/db/calls/ensure-partitions.ts";
import { purge } from "@trakit/db/calls/purge.ts";
import type { Job } from "../job.ts";

/** Makes the partitions of the coming week and drops what is past its keeping. pg_cron does the same where it is. */
export const maintainJob: Job = {
  queue: "maintain",
  about: "makes partitions a week ahead, drops what is past its keeping",
  atOnce: 1,
  // e.g. the short lock_timeout behind a long query: there is a week of partitions ahead
  retries: 3,
  timeoutSeconds: 300,
  every: "7 * * * *",
  async run({ deps }) {
    const made = await ensurePartitions(deps.db, 8, deps.databaseNow?.());
    const purged = await purge(deps.db, deps.databaseNow?.());
    deps.log.info("maintained", { made, ...purged });
  },
};
