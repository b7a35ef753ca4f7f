/**
 * Vendors that fail in every way, against real workers, real pg-boss, real HTTP. TRAKIT_CHAOS_EVENTS says how many events
 * the long outage has (default 3,000; the full proof is 100,000; the vendors' stand-in counts 200,000).
 */
import process from "node:process";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import type { Copies } from "@trakit/sandbox/vendors/record.ts";
import { startVendorSandbox } from "@trakit/sandbox/vendors/server.ts";
import type { Fault } from "@trakit/sandbox/vendors/faults.ts";
import { JOBS } from "@trakit/worker/jobs.ts";
import { runWorker } from "@trakit/worker/worker.ts";
import { AUDIT, audit, type AuditRow } from "../support/audit.ts";
import {
  backlog,
  backlogEnvironment,
  type BacklogShop,
  backlogShop,
  backlogWorld,
  DEMO_PLATFORMS,
  setToken,
} from "../support/backlog.ts";
import { testDatabase } from "../support/database.ts";
import { testQueue } from "../support/queue.ts";
import { until } from "../support/stack.ts";
import { type WorkerProcess, workerProcess } from "../support/worker-process.ts";

const EVENTS = Number(process.env["TRAKIT_CHAOS_EVENTS"] ?? 3_000);

const db = await testDatabase();
const vendors = await startVendorSandbox({ port: 0, now: Date.now, settings: { record: "counts" } });
const worker = connect({ url: db.url("trakit_worker"), max: 8 });
const edge = connect({ url: db.url("trakit_edge"), max: 4 });
const processes: WorkerProcess[] = [];
const stops: (() => Promise<void>)[] = [];

async function start(): Promise<WorkerProcess> {
  const one = workerProcess(backlogEnvironment({
    worker: db.url("trakit_worker"),
    edge: db.url("trakit_edge"),
    vendors: vendors.url,
  }));
  processes.push(one);
  await one.ready;
  return one;
}

/** A worker in this process, whose database clock can be moved. */
async function startAt(offset: () => number) {
  const stop = new AbortController();
  const { deps, lines } = backlogWorld(worker, vendors.url, {
    databaseNow: () => new Date(Date.now() + offset()),
    now: () => Date.now() + offset(),
  });
  let running!: Promise<void>;
  await new Promise<void>((resolve, reject) => {
    running = runWorker(deps, stop.signal, {
      url: db.url("trakit_worker"),
      jobs: JOBS,
      pause: (ms, signal) =>
        new Promise((done) => {
          const timer = setTimeout(done, ms);
          signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
        }),
      ready: resolve,
    });
    running.catch(reject);
  });
  stops.push(async () => {
    stop.abort();
    await running;
  });
  return lines;
}

async function fault(vendor: string, given: Fault | null): Promise<void> {
  const answer = await fetch(`${vendors.url}/_faults/${vendor}`, {
    method: "PUT",
    body: JSON.stringify(given),
  });
  expect(answer.status).toBe(200);
}

const count = async (shop: BacklogShop, where = "true") =>
  (await db.query<{ n: number }>(
    "postgres",
    `select count(*)::int as n from trakit.deliveries d where d.shop_id = $1 and (${where})`,
    [shop.id],
  ))[0]!.n;
const lane = async (shop: BacklogShop, platform = "meta") =>
  (await db.query<{ state: string }>("postgres", "select state from trakit.lanes where destination_id = $1", [
    shop.lanes[platform],
  ]))[0]!.state;

async function audited(
  shop: BacklogShop,
  orderIds: string[],
  platforms: readonly string[] = Object.keys(shop.lanes),
) {
  const rows = await db.query<AuditRow & { order: string }>("postgres", `${AUDIT} where d.shop_id = $1`, [
    shop.id,
  ]);
  expect(new Set(rows.map(({ event_id }) => event_id)).size).toBe(orderIds.length);
  const copies = await (await fetch(`${vendors.url}/_events?limit=200000`)).json() as Copies[];
  const ids = new Set(rows.map(({ event_id }) => event_id));
  return audit(ids, rows, copies, platforms);
}

beforeAll(async () => {
  await (await testQueue(db)).stop({ graceful: false });
});
beforeEach(async () => {
  vendors.reset();
  await db.query("postgres", "delete from trakit.workers");
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await Promise.all(processes.splice(0).map((one) => one.end("SIGKILL")));
});
afterAll(async () => {
  await worker.close();
  await edge.close();
  await vendors.close();
});

test(
  `a vendor that is down for six hours, ${EVENTS} events: all arrive once, within a minute of its return plus sending time`,
  async () => {
    const shop = await backlogShop(worker, ["meta"]);
    await fault("meta", { kind: "status", status: 503 });
    const { orderIds } = await backlog(edge, shop, EVENTS);
    let offset = 0;
    await startAt(() => offset);
    await until(async () => await lane(shop) === "open", "an open lane");
    for (let hour = 0; hour < 6; hour++) {
      const before = (await (await fetch(`${vendors.url}/_faults/meta`)).json() as { hits: number }).hits;
      offset += 3_600_000;
      await until(
        async () =>
          (await (await fetch(`${vendors.url}/_faults/meta`)).json() as { hits: number }).hits > before,
        "a probe",
      );
    }
    const { hits } = await (await fetch(`${vendors.url}/_faults/meta`)).json() as { hits: number };
    // one probe at a time, not the backlog knocking
    expect(hits).toBeLessThan(40);
    expect(await count(shop, "state <> 'pending'")).toBe(0);

    await fault("meta", null);
    // the longest distance between probes
    offset += 60_000;
    const back = Date.now();
    await until(
      async () => await count(shop, "state = 'pending'") === 0,
      "the whole backlog",
      240_000 + EVENTS * 5,
    );
    const seconds = (Date.now() - back) / 1_000;
    process.stdout.write(
      `chaos: ${EVENTS} events flushed in ${seconds.toFixed(1)} s (${(EVENTS / seconds).toFixed(0)}/s)\n`,
    );
    // "sending time" at a pace any machine has
    expect(seconds).toBeLessThan(60 + EVENTS / 500);
    expect(await audited(shop, orderIds)).toMatchObject({ delivered: EVENTS, doubled: 0 });
    expect(await lane(shop)).toBe("closed");
  },
  600_000 + EVENTS * 20,
);

test("a slow vendor beside four quick ones does not slow them", async () => {
  const shop = await backlogShop(worker);
  await fault("snapchat", { kind: "latency", ms: 10_000 });
  await start();
  const { orderIds } = await backlog(edge, shop, 50);
  await until(
    async () => await count(shop, "platform <> 'snapchat' and state = 'delivered'") === 200,
    "the quick ones",
  );
  expect(await count(shop, "platform = 'snapchat' and state = 'delivered'")).toBe(0);
  await fault("snapchat", null);
  // asked twice at most: after 5 s it is in doubt, and Snapchat's table allows one repeat
  await until(async () => await count(shop, "state = 'pending'") === 0, "the slow one");
  await audited(shop, orderIds);
});

test(
  "a vendor that takes events and then breaks the connection: no more copies than its table allows",
  async () => {
    const shop = await backlogShop(worker);
    for (const vendor of DEMO_PLATFORMS) await fault(vendor, { kind: "reset_after", times: 3 });
    await start();
    const { orderIds } = await backlog(edge, shop, 30);
    await until(async () => await count(shop, "state = 'pending'") === 0, "an empty queue");
    const found = await audited(shop, orderIds);
    expect(found.inDoubt).toBeGreaterThan(0);
    expect(Object.keys(found.ended).filter((reason) => reason !== "outcome_unknown")).toEqual([]);
  },
);

test("a storm of 429s opens the lane, keeps what the vendor asked for, and all arrives once", async () => {
  const shop = await backlogShop(worker, ["meta", "tiktok"]);
  for (const vendor of ["meta", "tiktok"]) {
    await fault(vendor, { kind: "throttle", retry_after: 2, times: 2 });
  }
  await start();
  const { orderIds } = await backlog(edge, shop, 400);
  await until(async () => await count(shop, "state = 'pending'") === 0, "an empty queue");
  expect(await audited(shop, orderIds)).toMatchObject({ delivered: 800, doubled: 0, inDoubt: 0 });
});

test(
  "a revoked token holds the lane without rewriting a delivery; the new token releases it at once",
  async () => {
    const shop = await backlogShop(worker, ["meta", "pinterest"]);
    await fault("meta", { kind: "bad_token" });
    await start();
    const { orderIds } = await backlog(edge, shop, 100);
    await until(async () => await lane(shop) === "held", "a held lane");
    await until(
      async () => await count(shop, "platform = 'pinterest' and state = 'delivered'") === 100,
      "the other",
    );
    await until(async () => await count(shop, "lease is not null") === 0, "no lease");
    expect(await count(shop, "platform = 'meta' and state = 'pending'")).toBe(100);
    const before = await db.query(
      "postgres",
      "select xmin::text, event_row from trakit.deliveries where shop_id = $1 and platform = 'meta' order by 2",
      [shop.id],
    );
    await fault("meta", null);
    expect(
      await db.query(
        "postgres",
        "select xmin::text, event_row from trakit.deliveries where shop_id = $1 and platform = 'meta' order by 2",
        [shop.id],
      ),
    ).toEqual(before);
    await setToken(worker, shop, "meta");
    await until(async () => await count(shop, "state = 'delivered'") === 200, "released");
    await audited(shop, orderIds);
  },
);

test("a poison event in a batch of 1,000 ends alone; the 999 others arrive once", async () => {
  const shop = await backlogShop(worker, ["meta"]);
  const { orderIds } = await backlog(edge, shop, 1_000);
  // a value no vendor takes, in a form our own mapping lets through
  const [poison] = await db.query<{ id: string }>(
    "postgres",
    `update trakit.events set commerce = commerce || '{"currency": "XXQ"}' where id = (
       select event_row from trakit.deliveries where shop_id = $1 order by event_row offset 617 limit 1) returning id`,
    [shop.id],
  );
  await start();
  await until(async () => await count(shop, "state = 'pending'") === 0, "an empty queue");
  const bad = await db.query<{ event_row: string; state: string; reason: string }>(
    "postgres",
    "select event_row, state, reason from trakit.deliveries where shop_id = $1 and state <> 'delivered'",
    [shop.id],
  );
  expect(bad).toEqual([{ event_row: poison!.id, state: "failed", reason: expect.any(String) }]);
  expect(await audited(shop, orderIds)).toMatchObject({ delivered: 999, doubled: 0 });
});

test("two workers and the drain function at the same lane send each event once", async () => {
  const shop = await backlogShop(worker, ["meta", "google"]);
  const { orderIds } = await backlog(edge, shop, 1_200);
  await Promise.all([start(), start()]);
  const { deps } = backlogWorld(edge, vendors.url);
  await Promise.all(
    [1, 2].map(() => drain(deps, { deadline: Date.now() + 20_000, lanesAtOnce: 6, batch: 200 })),
  );
  await until(async () => await count(shop, "state = 'pending'") === 0, "an empty queue");
  expect(await audited(shop, orderIds)).toMatchObject({ delivered: 2_400, doubled: 0, inDoubt: 0 });
});

test("a clock that jumps a day forward and back ends nothing too early and doubles nothing", async () => {
  const shop = await backlogShop(worker, ["meta", "tiktok"]);
  let offset = 0;
  await startAt(() => offset);
  const first = await backlog(edge, shop, 50);
  await until(async () => await count(shop, "state = 'delivered'") === 100, "before the jump");
  offset = 20 * 3_600_000;
  const second = await backlog(edge, shop, 50);
  await until(async () => await count(shop, "state = 'delivered'") === 200, "after the jump forward");
  offset = -3_600_000;
  const third = await backlog(edge, shop, 50, new Date(Date.now() - 3_600_000));
  await until(async () => await count(shop, "state = 'delivered'") === 300, "after the jump back");
  expect(await audited(shop, [...first.orderIds, ...second.orderIds, ...third.orderIds])).toMatchObject({
    delivered: 300,
    doubled: 0,
  });
});
