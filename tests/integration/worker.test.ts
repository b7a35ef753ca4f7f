/** Workers as they run: real pg-boss, real time, real HTTP to the vendors' stand-ins. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { startVendorSandbox } from "@trakit/sandbox/vendors/server.ts";
import type { Copies } from "@trakit/sandbox/vendors/record.ts";
import { enqueueJobs } from "@trakit/db/calls/enqueue-jobs.ts";
import type { Job } from "@trakit/worker/job.ts";
import { JOBS } from "@trakit/worker/jobs.ts";
import { QueueMissing, runWorker } from "@trakit/worker/worker.ts";
import { backlog, backlogEnvironment, backlogShop, backlogWorld } from "../support/backlog.ts";
import { testDatabase } from "../support/database.ts";
import { testQueue } from "../support/queue.ts";
import { until } from "../support/stack.ts";
import { type WorkerProcess, workerProcess } from "../support/worker-process.ts";

const db = await testDatabase();
const vendors = await startVendorSandbox({ port: 0, now: Date.now });
const worker = connect({ url: db.url("trakit_worker"), max: 8 });
const edge = connect({ url: db.url("trakit_edge"), max: 2 });
const environment = backlogEnvironment({
  worker: db.url("trakit_worker"),
  edge: db.url("trakit_edge"),
  vendors: vendors.url,
});
const processes: WorkerProcess[] = [];
const stops: (() => Promise<void>)[] = [];

function start(): WorkerProcess {
  const one = workerProcess(environment);
  processes.push(one);
  return one;
}

/** A worker in this process; resolves when it takes jobs. */
async function inProcess(jobs: readonly Job[] = JOBS) {
  const stop = new AbortController();
  /** Pauses it took between two looks at what is due, in ms. */
  const pauses: number[] = [];
  const { deps, lines } = backlogWorld(worker, vendors.url);
  let running!: Promise<void>;
  await new Promise<void>((resolve, reject) => {
    running = runWorker(deps, stop.signal, {
      url: db.url("trakit_worker"),
      jobs,
      pause: (ms, signal) =>
        new Promise((done) => {
          pauses.push(ms);
          const timer = setTimeout(done, ms);
          signal.addEventListener("abort", () => {
            clearTimeout(timer);
            done();
          });
        }),
      ready: resolve,
    });
    running.catch(reject);
  });
  stops.push(async () => {
    stop.abort();
    await running;
  });
  return { lines, pauses };
}

const states = async (shopId: string) =>
  Object.fromEntries(
    (await db.query<{ state: string; n: number }>(
      "postgres",
      "select state, count(*)::int as n from trakit.deliveries where shop_id = $1 group by 1",
      [shopId],
    )).map(({ state, n }) => [state, n]),
  );
const copies = async () => await (await fetch(`${vendors.url}/_events?limit=20000`)).json() as Copies[];
const fault = (vendor: string, body: unknown) =>
  fetch(`${vendors.url}/_faults/${vendor}`, { method: "PUT", body: JSON.stringify(body) });

beforeAll(async () => {
  const boss = await testQueue(db);
  await boss.stop({ graceful: false });
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

test("an idle worker looks for what became due at least every second, and is told of it at once", async () => {
  const { pauses } = await inProcess();
  const shop = await backlogShop(worker, ["meta"]);
  for (let round = 0; round < 3; round++) {
    await backlog(edge, shop, 1);
    await until(async () => (await states(shop.id))["pending"] === undefined, "delivered");
    const [row] = await db.query<{ ms: number }>(
      "postgres",
      "select max(extract(epoch from attempted_at - captured_at) * 1000)::int as ms from trakit.deliveries where shop_id = $1",
      [shop.id],
    );
    // a worker nobody tells looks every fifteen seconds
    expect(row!.ms).toBeLessThan(5_000);
  }
  expect(Math.max(...pauses)).toBeLessThan(1_000);
});

test("two workers share the lanes of many shops, and every event goes out once", async () => {
  const workers = [start(), start()];
  await Promise.all(workers.map((one) => one.ready));
  const shops = [];
  for (let count = 0; count < 6; count++) shops.push(await backlogShop(worker));
  await Promise.all(shops.map((shop) => backlog(edge, shop, 40)));
  for (const shop of shops) {
    await until(async () => (await states(shop.id))["delivered"] === 200, "200 delivered");
  }
  const received = await copies();
  expect(received).toHaveLength(1_200);
  expect(received.filter((one) => one.copies !== 1)).toEqual([]);
  expect(workers.map((one) => one.lines.filter((line) => line.includes('"lane_drained"')).length > 0))
    .toEqual([
      true,
      true,
    ]);
});

test("SIGTERM finishes the batch in hand, checks out and ends with 0", async () => {
  const one = start();
  await one.ready;
  const shop = await backlogShop(worker, ["meta"]);
  await fault("meta", { kind: "latency", ms: 1_500 });
  await backlog(edge, shop, 3);
  await until(() => vendors.requests().length > 0, "a request under way");
  expect(await one.end("SIGTERM")).toBe(0);
  expect(await states(shop.id)).toEqual({ delivered: 3 });
  expect(await db.query("postgres", "select from trakit.workers where kind = 'worker'")).toEqual([]);
  expect(one.errors()).toBe("");
});

test("a shop with a long backlog at a slow vendor keeps no other shop waiting", async () => {
  const [long, short] = [await backlogShop(worker), await backlogShop(worker, ["pinterest"])];
  await fault("meta", { kind: "hang" });
  await backlog(edge, long, 300);
  await inProcess();
  await until(() => vendors.requests().length > 0, "the long one is under way");
  await backlog(edge, short, 1);
  await until(async () => (await states(short.id))["delivered"] === 1, "the short one");
  expect((await states(long.id))["pending"]).toBeGreaterThan(0);
  await fault("meta", null);
  await until(async () => (await states(long.id))["delivered"] === 1_500, "the long one");
});

test(
  "a job of any other kind is run once, tried again when it fails, and found among the dead at last",
  async () => {
    const runs: Record<string, unknown>[] = [];
    let failing = true;
    const job: Job = {
      queue: "a-job",
      about: "for this test",
      atOnce: 2,
      retries: 1,
      timeoutSeconds: 30,
      async run(_, data) {
        runs.push(data);
        if (failing) throw new RangeError("a secret of jane@example.com");
        await Promise.resolve();
      },
    };
    const { lines } = await inProcess([job]);
    expect(await enqueueJobs(edge, "a-job", [{ data: { n: 1 }, key: "one" }])).toBe(1);
    await until(
      async () => (await db.query("postgres", "select from pgboss.job where name = 'dead'")).length === 1,
      "a dead letter",
    );
    expect(runs).toEqual([{ n: 1 }, { n: 1 }]);
    const [dead] = await db.query<{ data: unknown; output: unknown; all: string }>(
      "postgres",
      "select data, source_output as output, j::text as all from pgboss.job j where name = 'dead'",
    );
    expect(dead).toMatchObject({ data: { n: 1 } });
    expect(dead!.all + lines.join()).not.toContain("jane");
    expect(lines.filter((line) => line.includes('"job_failed"'))).toHaveLength(2);

    failing = false;
    await enqueueJobs(edge, "a-job", [{ data: { n: 2 }, key: "two" }, { data: { n: 2 }, key: "two" }]);
    await until(() => runs.length === 3, "the next job");
  },
);

test("without pg-boss in the database the worker says what to do", async () => {
  await db.query("postgres", "alter schema pgboss rename to elsewhere");
  try {
    await expect(inProcess()).rejects.toBeInstanceOf(QueueMissing);
    const one = start();
    expect(await one.ended).toBe(1);
    expect(one.errors()).toBe(
      "The queue pg-boss is missing in the database, or of another version. Run trakit migrate first.\n",
    );
  } finally {
    await db.query("postgres", "alter schema elsewhere rename to pgboss");
  }
});
