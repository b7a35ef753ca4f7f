import type { ConnectionWorld } from "@trakit/pipeline/merchant/world.ts";
import { renewDueGrants } from "@trakit/pipeline/merchant/renewals.ts";
import type { Job } from "../job.ts";

/** Renews the tokens that platforms granted; only where the operator has a client at a platform. */
export function renewJob(world: ConnectionWorld): Job {
  return {
    queue: "renew",
    about: "renews the tokens platforms granted, before they end",
    atOnce: 1,
    // what is not renewed stays due, and the next job finds it
    retries: 0,
    timeoutSeconds: 300,
    every: "*/5 * * * *",
    async run({ over }) {
      const counts = await renewDueGrants(world, over);
      if (counts.renewed + counts.refused + counts.failed > 0) world.log.info("renewed", { ...counts });
    },
  };
}
