import process from "node:process";
import { parseArgs } from "node:util";
import pg from "pg";
import { connect } from "@trakit/db/connection.ts";
import { installQueue } from "@trakit/cli/stack/queue-schema.ts";
import { makeTemplate, startPostgres, TEMPLATE, withDatabase } from "@trakit/tooling/postgres-server.ts";
import { backlogShop, DEMO_PLATFORMS } from "../../support/backlog.ts";
import { type Contender, graphile, type Place, plainBoss, trakit } from "./contenders.ts";
import { cpuSeconds, parentOf } from "./cpu.ts";
import { claimTimes, fillHistory } from "./history.ts";
import { rate, startVendors, type Vendors } from "./processes.ts";
import { replayBesideLive } from "./replay.ts";
import { printSizes } from "./sizes.ts";

const out = (line: string) => process.stdout.write(`${line}\n`);

/** `npm run bench -- recovery [--events 1000] [--shops 4] [--workers 1,2,4] [--rounds 1] [--history 0,1,10] [--client node] [--replay 0]`; see README.md. */
export async function bench(options: string[]): Promise<void> {
  const { values } = parseArgs({
    args: options,
    options: {
      /** Purchases of each shop; every one is five deliveries. */
      events: { type: "string", default: "1000" },
      shops: { type: "string", default: "4" },
      workers: { type: "string", default: "1,2,4" },
      rounds: { type: "string", default: "1" },
      /** Millions of delivered rows beside which claims are timed; empty leaves it out. */
      history: { type: "string", default: "0,1,10" },
      /** Deliveries replayed beside live traffic; 0 leaves it out. */
      replay: { type: "string", default: "0" },
      /** What the plain jobs post with: Node's fetch, or the client of TrakIt's worker (`trakit`). */
      client: { type: "string", default: "node" },
      /** Only ours. */
      alone: { type: "boolean", default: false },
    },
  });
  const events = Number(values.events);
  const server = await startPostgres();
  const vendors = await startVendors();
  const owner = new pg.Client({ connectionString: await makeTemplate(server.url) });
  await owner.connect();
  const urls = {
    owner: withDatabase(server.url, TEMPLATE),
    worker: withDatabase(server.url, TEMPLATE, "trakit_worker"),
    edge: withDatabase(server.url, TEMPLATE, "trakit_edge"),
  };
  const edge = connect({ url: urls.edge, max: 1 });
  const worker = connect({ url: urls.worker, max: 1 });
  const { rows: [backend] } = await owner.query<{ pid: number }>("select pg_backend_pid() as pid");
  const postmaster = parentOf(backend!.pid);
  const schema = connect({ url: urls.owner, max: 1 });
  try {
    await installQueue(urls.owner, schema);
    const shops = [];
    for (let count = 0; count < Number(values.shops); count++) shops.push(await backlogShop(worker));
    const place: Place = { owner, edge, urls, vendors: vendors.url, shops, client: values.client };
    const ours = trakit(place);
    const others = values.alone ? [] : [
      await plainBoss(place, "one"),
      await graphile(place, "one"),
      await plainBoss(place, "batch"),
      await graphile(place, "batch"),
    ];
    const deliveries = events * shops.length * DEMO_PLATFORMS.length;
    out(
      `backlog: ${deliveries} deliveries in ${
        shops.length * DEMO_PLATFORMS.length
      } lanes; instant vendors; plain jobs post with ${
        values.client === "trakit" ? "TrakIt's client" : "Node's fetch"
      }\n`,
    );
    for (const count of values.workers.split(",").filter(Boolean).map(Number)) {
      for (let round = 0; round < Number(values.rounds); round++) {
        const rates = new Map<Contender, number>();
        for (const one of [...others, ours]) {
          rates.set(one, await drained(one, count, events, deliveries, vendors, postmaster));
        }
        if (others.length === 0) continue;
        const best = (list: Contender[]) => Math.max(...list.map((one) => rates.get(one)!));
        out(
          `  ${count} workers: trakit is ${
            times(rates.get(ours)! / best(others.slice(0, 2)))
          } the better that posts one by one, ` +
            `${times(rates.get(ours)! / best(others.slice(2)))} the better that batches\n`,
        );
      }
    }
    if (values.workers !== "") await printSizes(owner, out);
    if (Number(values.replay) > 0) await replayBesideLive(place, Number(values.replay), out);

    const sizes = values.history.split(",").filter(Boolean).map(Number);
    let have = 0;
    let first: { claimMs: number; dueMs: number } | null = null;
    for (const millions of sizes) {
      if (first === null) {
        await owner.query(
          "truncate trakit.events, trakit.deliveries, trakit.event_clients, trakit.event_keys",
        );
      }
      await fillHistory(owner, shops[0]!, have, millions * 1e6);
      have = millions * 1e6;
      const measured = await claimTimes(owner, edge, shops[0]!);
      first ??= measured;
      out(
        `history ${String(millions).padStart(2)} million deliveries: claim of 50 ${
          measured.claimMs.toFixed(2)
        } ms ` +
          `(${times(measured.claimMs / first.claimMs)}), due lanes ${measured.dueMs.toFixed(2)} ms (${
            times(measured.dueMs / first.dueMs)
          })`,
      );
    }
    if (have > 0) await printSizes(owner, out);
  } finally {
    await Promise.all([edge.close(), worker.close(), schema.close()]);
    await owner.end();
    await vendors.end();
    await server.stop();
  }
}

const times = (ratio: number) => `${ratio.toFixed(2)}×`;

async function drained(
  one: Contender,
  count: number,
  events: number,
  deliveries: number,
  vendors: Vendors,
  postmaster: number,
): Promise<number> {
  await one.fill(events);
  await vendors.reset();
  const before = { database: cpuSeconds(postmaster), vendors: cpuSeconds(vendors.pid) };
  const processes = await Promise.all(Array.from({ length: count }, () => one.start()));
  const { perSecond, requests } = await rate(vendors, deliveries);
  // what they noted of it is part of the work, but not of the rate
  for (const until = Date.now() + 20_000; await one.left() > 0 && Date.now() < until;) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const left = await one.left();
  const each = (seconds: number) => (seconds / deliveries * 1e6).toFixed(0);
  const used = {
    workers: processes.reduce((sum, { child }) => sum + cpuSeconds(child.pid!), 0),
    database: cpuSeconds(postmaster) - before.database,
    vendors: cpuSeconds(vendors.pid) - before.vendors,
  };
  await Promise.all(processes.map((process) => process.end()));
  out(
    `  ${String(count)} × ${one.name.padEnd(40)} ${
      perSecond.toFixed(0).padStart(6)
    }/s in ${requests} requests; CPU of a delivery: workers ${each(used.workers)} µs, database ${
      each(used.database)
    } µs, vendors ${each(used.vendors)} µs${left > 0 ? `, ${left} not settled` : ""}`,
  );
  return perSecond;
}
