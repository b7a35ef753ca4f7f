import pg from "pg";
import { PgBoss } from "pg-boss";
import { makeWorkerUtils } from "graphile-worker";
import { toStored } from "@trakit/core/stored.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { destination } from "@trakit/destinations/registry.ts";
import type { Database } from "@trakit/db/connection.ts";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { backlog, backlogEnvironment, type BacklogShop, purchase } from "../../support/backlog.ts";
import type { PlainJob } from "./plain-jobs.ts";
import { type Child, child } from "./processes.ts";

/** One way of draining a backlog: puts `events` purchases of each shop into its queue, then runs processes that drain it. */
export interface Contender {
  name: string;
  fill(events: number): Promise<void>;
  start(): Promise<Child>;
  /** After a run: nothing may be left. Returns what is. */
  left(): Promise<number>;
}

export interface Place {
  owner: pg.Client;
  edge: Database;
  urls: { owner: string; worker: string; edge: string };
  vendors: string;
  shops: BacklogShop[];
  /** What plain jobs post with: `node` = Node's fetch, `trakit` = the worker's own. */
  client: string;
}

export function trakit(place: Place): Contender {
  return {
    name: "trakit",
    async fill(events) {
      await place.owner.query(
        "truncate trakit.events, trakit.deliveries, trakit.event_clients, trakit.event_keys",
      );
      for (const shop of place.shops) await backlog(place.edge, shop, events);
      await place.owner.query(
        "analyze trakit.events, trakit.deliveries, trakit.event_clients, trakit.event_keys",
      );
    },
    start: () =>
      child("../../../packages/worker/src/main.ts", [], {
        ...backlogEnvironment({ worker: place.urls.worker, edge: place.urls.edge, vendors: place.vendors }),
      }),
    async left() {
      const { rows } = await place.owner.query<{ n: number }>(
        "select count(*)::int as n from trakit.deliveries where state <> 'delivered'",
      );
      return rows[0]!.n;
    },
  };
}

/** The same deliveries as plain jobs, shops and platforms mixed as they would arrive. */
function plainJobs(shops: BacklogShop[], events: number): PlainJob[] {
  const jobs: PlainJob[] = [];
  for (let number = 0; number < events; number++) {
    for (const shop of shops) {
      const event = toStored(purchase(2_000_000 + jobs.length));
      for (const [platform, lane] of Object.entries(shop.lanes)) {
        const demo = DEMO_DESTINATIONS[platform]!;
        const settings = destination(platform)!.settings.parse({ id: demo.id }) as JsonObject;
        jobs.push({ lane, platform, settings, token: demo.token, event });
      }
    }
  }
  return jobs;
}

export async function plainBoss(place: Place, way: "one" | "batch"): Promise<Contender> {
  const boss = new PgBoss({
    connectionString: place.urls.owner,
    schema: "plain_boss",
    supervise: false,
    schedule: false,
  });
  boss.on("error", () => {});
  await boss.start();
  await boss.createQueue("deliver", { retryLimit: 10, retryBackoff: true });
  await boss.stop({ graceful: false });
  const environment = {
    BENCH_DB: place.urls.owner,
    BENCH_VENDORS: place.vendors,
    BENCH_CLIENT: place.client,
  };
  return {
    name: `pg-boss, ${way === "one" ? "posting one by one" : "posting in batches"}`,
    async fill(events) {
      await place.owner.query("truncate plain_boss.job");
      const jobs = plainJobs(place.shops, events);
      const filler = new PgBoss({
        connectionString: place.urls.owner,
        schema: "plain_boss",
        supervise: false,
        schedule: false,
        migrate: false,
      });
      filler.on("error", () => {});
      await filler.start();
      for (let from = 0; from < jobs.length; from += 2_000) {
        await filler.insert("deliver", jobs.slice(from, from + 2_000).map((data) => ({ data })));
      }
      await filler.stop({ graceful: false });
      await place.owner.query("analyze plain_boss.job");
    },
    start: () => child("./boss-main.ts", [way], environment),
    async left() {
      const { rows } = await place.owner.query<{ n: number }>(
        "select count(*)::int as n from plain_boss.job where state <> 'completed'",
      );
      return rows[0]!.n;
    },
  };
}

export async function graphile(place: Place, way: "one" | "batch"): Promise<Contender> {
  const utils = await makeWorkerUtils({ connectionString: place.urls.owner });
  await utils.migrate();
  await utils.release();
  const environment = {
    BENCH_DB: place.urls.owner,
    BENCH_VENDORS: place.vendors,
    BENCH_CLIENT: place.client,
  };
  return {
    name: `graphile-worker, ${way === "one" ? "posting one by one" : "posting in batches"}`,
    async fill(events) {
      await place.owner.query("truncate graphile_worker._private_jobs");
      const jobs = plainJobs(place.shops, events);
      for (let from = 0; from < jobs.length; from += 2_000) {
        await place.owner.query(
          `select count(*) from (select (graphile_worker.add_jobs(array(
             select json_populate_record(null::graphile_worker.job_spec, x) from json_array_elements($1) x))).id) y`,
          [JSON.stringify(
            jobs.slice(from, from + 2_000).map((payload) => ({ identifier: "deliver", payload })),
          )],
        );
      }
      await place.owner.query("analyze graphile_worker._private_jobs");
    },
    start: () => child("./graphile-main.ts", [way], environment),
    async left() {
      const { rows } = await place.owner.query<{ n: number }>(
        "select count(*)::int as n from graphile_worker._private_jobs",
      );
      return rows[0]!.n;
    },
  };
}
