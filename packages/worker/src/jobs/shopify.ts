import { dueSetups } from "@trakit/db/calls/due-setups.ts";
import { completeSetup, type InstallWorld } from "@trakit/pipeline/installation.ts";
import { refreshDue } from "@trakit/pipeline/shop-token.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import type { Job } from "../job.ts";

/** Shops one run takes on; the next run goes on. */
const SETUPS = 500;

/** What workers do at Shopify; only where the app's settings are given. */
export function shopifyJobs(world: InstallWorld): Job[] {
  return [{
    queue: "shopify",
    about: "renews Shopify's tokens before they age, completes what set-up lacks",
    atOnce: 1,
    retries: 2,
    timeoutSeconds: 1_800,
    every: "23 3 * * *",
    async run({ stopping }) {
      const renewed = await refreshDue(world);
      let completed = 0;
      for (const shop of await dueSetups(world.db, SETUPS, world.databaseNow?.())) {
        if (stopping.aborted) break;
        try {
          if ((await completeSetup(world, shop)).pixel_trouble === null) completed++;
        } catch (error) {
          world.log.error("setup_failed", errorFields(error));
        }
      }
      world.log.info("shopify_kept", { ...renewed, completed });
    },
  }];
}
