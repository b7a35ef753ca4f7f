import { expireDeliveries } from "@trakit/db/calls/expire-deliveries.ts";
import type { Job } from "../job.ts";

/** Rows ended by one statement. */
const BATCH = 5_000;

/** Ends deliveries whose time is over. */
export const expireJob: Job = {
  queue: "expire",
  about: "ends deliveries whose time is over",
  atOnce: 1,
  retries: 0,
  timeoutSeconds: 120,
  every: "* * * * *",
  async run({ deps, over }) {
    let expired = 0;
    for (let count = BATCH; count === BATCH && !over(); expired += count) {
      count = await expireDeliveries(deps.db, BATCH, deps.databaseNow?.());
    }
    if (expired > 0) deps.log.info("expired", { deliveries: expired });
  },
};
