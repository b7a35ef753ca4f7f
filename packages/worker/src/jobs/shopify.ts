import { dueLookups } from "@trakit/db/calls/due-lookups.ts";
import { dueReconciliations } from "@trakit/db/calls/due-reconciliations.ts";
import { dueSetups } from "@trakit/db/calls/due-setups.ts";
import { completeSetup, type InstallWorld } from "@trakit/pipeline/shopify/installation.ts";
import { lookUpCustomers, postponeLookups } from "@trakit/pipeline/shopify/look-up-customers.ts";
import { reconcileShop } from "@trakit/pipeline/shopify/reconcile.ts";
import { readDueAgain } from "@trakit/pipeline/shopify/read-again.ts";
import { refreshDue } from "@trakit/pipeline/shopify/shop-token.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import type { Job } from "../job.ts";

/** Shops one run takes on; the next run goes on. */
const SETUPS = 500;
const SHOPS = 5_000;

/** What workers do at Shopify; only where the app's settings are given. */
export function shopifyJobs(world: InstallWorld): Job[] {
  return [reconcileJob(world), lookUpJob(world), readAgainJob(world), {
    queue: "shopify",
    about: "renews Shopify's tokens before they age, completes what set-up lacks",
    atOnce: 1,
    retries: 2,
    timeoutSeconds: 1_800,
    every: "23 3 * * *",
    async run({ over }) {
      const renewed = await refreshDue(world, over);
      let completed = 0;
      for (const shop of await dueSetups(world.db, SETUPS, world.databaseNow?.())) {
        if (over()) break;
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

/** Compares shops' orders with what was captured, one shop after the other: no job of another kind waits for it. */
function reconcileJob(world: InstallWorld): Job {
  return {
    queue: "reconcile",
    about: "compares orders at Shopify with what was captured, ingests what is missing",
    atOnce: 1,
    retries: 0,
    timeoutSeconds: 3_000,
    every: "41 * * * *",
    async run({ deps, over }) {
      const counts = { shops: 0, orders: 0, missing: 0, unreadable: 0, troubled: 0 };
      for (const shop of await dueReconciliations(world.db, SHOPS, world.databaseNow?.())) {
        if (over()) break;
        try {
          const done = await reconcileShop(deps, world, shop, over);
          counts.shops++;
          counts.orders += done.orders;
          counts.missing += done.missing;
          counts.unreadable += done.unreadable;
          if (done.trouble !== null && done.trouble !== "more_to_come") counts.troubled++;
        } catch (error) {
          counts.troubled++;
          world.log.error("reconciliation_failed", errorFields(error));
        }
      }
      world.log.info("reconciled", counts);
    },
  };
}

/** Asks Shopify about customers seen for the first time, one shop after the other: no event ever waits for it. */
function lookUpJob(world: InstallWorld): Job {
  return {
    queue: "customers",
    about: "asks Shopify what customers had bought whom we see for the first time",
    atOnce: 1,
    retries: 0,
    timeoutSeconds: 600,
    every: "*/2 * * * *",
    async run({ over }) {
      const counts = { asked: 0, learnt: 0, troubled: 0 };
      for (const shop of await dueLookups(world.db, SHOPS, world.databaseNow?.())) {
        if (over()) break;
        try {
          const done = await lookUpCustomers(world, shop, over);
          counts.asked += done.asked;
          counts.learnt += done.learnt;
          if (done.trouble !== null) counts.troubled++;
        } catch (error) {
          counts.troubled++;
          world.log.error("lookup_failed", errorFields(error));
          await postponeLookups(world, shop);
        }
      }
      if (counts.asked + counts.troubled > 0) world.log.info("customers_looked_up", counts);
    },
  };
}

/** Reads orders again that consent came after: their deliveries wait for it. */
function readAgainJob(world: InstallWorld): Job {
  return {
    queue: "readings",
    about: "reads orders from Shopify again whose buyers allowed it after they were stored without them",
    atOnce: 1,
    retries: 0,
    timeoutSeconds: 600,
    every: "* * * * *",
    async run({ deps, over }) {
      await readDueAgain(deps, world, over);
    },
  };
}
