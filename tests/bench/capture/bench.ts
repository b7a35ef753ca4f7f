import process from "node:process";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { DEMO_SHOP } from "@trakit/cli/stack/defaults.ts";
import { denoBinary, ROOT } from "@trakit/cli/stack/paths.ts";
import { type Stack, startStack } from "@trakit/cli/stack/stack.ts";
import { eventIdByOrder, makeWebhook, post } from "./load.ts";
import { latencyAt, saturate, type Subject } from "./measure.ts";
import { startCountingProxy } from "./round-trips.ts";
import { startInstantVendors } from "./vendors.ts";

const SECRET = "bench_secret_0123456789abcdef";
const out = (line: string) => process.stdout.write(`${line}\n`);

/** `npm run bench -- capture [--seconds 10] [--rounds 3] [--events 100000]`; see README.md beside this file. */
export async function bench(options: string[]): Promise<void> {
  const { values } = parseArgs({
    args: options,
    options: {
      seconds: { type: "string", default: "8" },
      rounds: { type: "string", default: "3" },
      clients: { type: "string", default: "32" },
      /** Webhooks to send for the memory figure; 0 leaves it out. */
      events: { type: "string", default: "100000" },
    },
  });
  const seconds = Number(values.seconds);
  const load = { seconds, clients: Number(values.clients), shop: DEMO_SHOP, secret: SECRET };
  // GA4 knows an order by its number, the others by the event id
  const vendors = await startInstantVendors((found) => eventIdByOrder.get(found) ?? found);
  const folder = mkdtempSync(join(tmpdir(), "trakit-bench-"));
  let stack: Stack | null = null;
  let floor: Awaited<ReturnType<typeof startFloor>> | null = null;
  try {
    const vendorHosts = Object.fromEntries(
      ["META", "TIKTOK", "PINTEREST", "SNAPCHAT", "GOOGLE"].map((
        name,
      ) => [`TRAKIT_${name}_API_URL`, vendors.url]),
    );
    stack = await startStack({
      dataDir: folder,
      ports: { api: 0, database: 0, sandbox: 0, shop: 0 },
      parts: ["functions", "worker"],
      environment: { ...vendorHosts, SHOPIFY_API_SECRET: SECRET },
    });
    floor = await startFloor(stack.urls.database, vendors.url);
    const trakit: Subject = {
      name: "trakit",
      url: `${stack.urls.api}/webhooks`,
      idOf: (webhook) => webhook.eventId,
    };
    const bare: Subject = {
      name: "floor",
      url: floor.url,
      idOf: (webhook) => webhook.checkoutToken,
    };

    out(`warming up`);
    for (const subject of [bare, trakit]) await saturate(subject, vendors, { ...load, seconds: 4 });

    out(`\nsaturation: ${load.clients} senders, ${seconds} s, ${values.rounds} rounds in turn`);
    const ratios: number[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const low = await saturate(bare, vendors, load);
      const ours = await saturate(trakit, vendors, load);
      ratios.push(ours.delivered / low.delivered);
      out(
        `  floor ${low.delivered.toFixed(0)}/s   trakit accepted ${ours.accepted.toFixed(0)}/s, delivered ${
          ours.delivered.toFixed(0)
        }/s` +
          `   ratio ${percent(ours.delivered / low.delivered)}${
            ours.refused + low.refused > 0 ? `   refused ${low.refused}+${ours.refused}` : ""
          }`,
      );
    }
    out(`  median ratio ${percent(median(ratios))} of the floor`);

    for (const rate of [100, 500]) {
      out(`\nlatency at ${rate}/s, webhook sent to last vendor request, ${seconds} s`);
      for (let round = 0; round < Number(values.rounds); round++) {
        const low = await latencyAt(bare, vendors, { ...load, rate });
        const ours = await latencyAt(trakit, vendors, { ...load, rate });
        const late = ours.missing + low.missing > 0
          ? `   not within 3 s: floor ${low.missing}, trakit ${ours.missing}`
          : "";
        out(
          `  floor p50 ${low.p50.toFixed(1)} p99 ${low.p99.toFixed(1)} ms   trakit p50 ${
            ours.p50.toFixed(1)
          } p99 ${ours.p99.toFixed(1)} ms` +
            `   ratio p50 ${(ours.p50 / low.p50).toFixed(2)} p99 ${(ours.p99 / low.p99).toFixed(2)}${late}`,
        );
      }
    }

    out(
      `\nnetwork round trips to the database per event: ${(await roundTrips(stack, vendorHosts)).toFixed(2)}`,
    );
    out(
      `function boot, import to first answer: ${
        (await boot(stack)).map((ms) => ms.toFixed(0)).join(", ")
      } ms`,
    );
    const events = Number(values.events);
    if (events > 0) {
      out(`\nresident memory of functions/webhooks alone, as hosted, over ${events} webhooks (limit 256 MB)`);
      for await (const line of memoryOver(events, stack, vendorHosts)) out(`  ${line}`);
    }
  } finally {
    await floor?.close();
    await stack?.close();
    await vendors.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startFloor(
  databaseUrl: string,
  vendorsUrl: string,
): Promise<{ url: string; close: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`
    create schema floor;
    create table floor.events (id bigint generated always as identity primary key, event_id text not null, payload jsonb not null,
      captured_at timestamptz not null default now());
    create table floor.deliveries (event_id bigint not null, platform integer not null, state text not null default 'pending',
      settled_at timestamptz, primary key (event_id, platform))`);
  await client.end();
  const port = await freePort();
  const child = spawn(denoBinary(), [
    "run",
    ...["--config", join(ROOT, "deno.json"), "--node-modules-dir=manual", "--no-remote", "--no-lock"],
    ...["--allow-net", "--allow-env", "--allow-sys", `--allow-read=${ROOT}`],
    join(ROOT, "tests/bench/capture/floor.ts"),
  ], {
    env: {
      ...process.env,
      DENO_NO_PACKAGE_JSON: "1",
      DENO_NO_UPDATE_CHECK: "1",
      SHOPIFY_API_SECRET: SECRET,
      BENCH_VENDORS_URL: vendorsUrl,
      BENCH_FLOOR_DB_URL: databaseUrl,
      BENCH_FLOOR_PORT: String(port),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) if (line.includes("ready")) break;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        child.on("exit", () => resolve());
        child.kill();
      }),
  };
}

/** A hosted isolate holds one function: a process that serves functions/webhooks only, and what it holds on the way, a line each. */
async function* memoryOver(
  events: number,
  stack: Stack,
  vendorHosts: Record<string, string>,
): AsyncGenerator<string> {
  const folder = mkdtempSync(join(tmpdir(), "trakit-bench-webhooks-"));
  mkdirSync(join(folder, "webhooks"));
  const real = pathToFileURL(join(ROOT, "functions/webhooks/index.ts")).href;
  writeFileSync(join(folder, "webhooks/index.ts"), `import ${JSON.stringify(real)};\n`);
  const port = await freePort();
  const child = await startFunctions(stack, vendorHosts, port, folder);
  const url = `http://127.0.0.1:${port}/functions/v1/webhooks`;
  const state = (sent: number) => `after ${sent}: ${residentMiB(child.pid!).toFixed(0)} MiB`;
  try {
    yield state(0);
    let sent = 0;
    let refused = 0;
    for (const end of [0.1, 0.25, 0.5, 0.75, 1].map((part) => Math.round(events * part))) {
      await Promise.all(Array.from({ length: 32 }, async () => {
        while (sent < end) {
          sent++;
          if (await post(url, makeWebhook(DEMO_SHOP, SECRET)) !== 200) refused++;
        }
      }));
      yield state(sent) + (refused > 0 ? `, ${refused} refused` : "");
    }
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Webhooks one after the other through functions whose database address is a counting proxy. */
async function roundTrips(stack: Stack, vendorHosts: Record<string, string>): Promise<number> {
  const target = new URL(stack.environment["TRAKIT_DB_URL"]!);
  const proxy = await startCountingProxy({ host: target.hostname, port: Number(target.port) });
  target.port = String(proxy.port);
  const port = await freePort();
  const child = await startFunctions(stack, { ...vendorHosts, TRAKIT_DB_URL: target.href }, port);
  try {
    const url = `http://127.0.0.1:${port}/functions/v1/webhooks`;
    const settled = async () => {
      for (let last = -1; last !== proxy.roundTrips();) {
        last = proxy.roundTrips();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    for (let i = 0; i < 20; i++) await post(url, makeWebhook(DEMO_SHOP, SECRET));
    await settled();
    proxy.reset();
    const count = 100;
    for (let i = 0; i < count; i++) await post(url, makeWebhook(DEMO_SHOP, SECRET));
    await settled();
    return proxy.roundTrips() / count;
  } finally {
    child.kill();
    await proxy.close();
  }
}

/** functions/ (or another folder of functions) in a Deno process of its own, ready to be asked. */
async function startFunctions(
  stack: Stack,
  environment: Record<string, string>,
  port: number,
  folder = join(ROOT, "functions"),
): Promise<ChildProcess> {
  const child = spawn(denoBinary(), [
    "run",
    ...["--config", join(ROOT, "deno.json"), "--node-modules-dir=manual", "--no-remote", "--no-lock"],
    ...["--allow-net", "--allow-env", "--allow-sys", `--allow-read=${ROOT},${folder}`],
    join(ROOT, "packages/cli/src/stack/functions-server.ts"),
    `--functions=${folder}`,
    `--port=${port}`,
  ], {
    env: { ...process.env, ...stack.environment, ...environment, DENO_NO_PACKAGE_JSON: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the functions process ended with ${code}`)));
    lines.on("line", (line) => line.includes('"ready"') && resolve());
  });
  return child;
}

/** In a fresh Deno each time: from the start of importing functions/webhooks to its first answer, in ms. */
function boot(stack: Stack): Promise<number[]> {
  const script = `
    const started = performance.now();
    let handler;
    globalThis.EdgeRuntime = { waitUntil() {} };
    Object.defineProperty(Deno, "serve", { value: (given) => { handler = given; } });
    await import(${JSON.stringify(`file://${ROOT}/functions/webhooks/index.ts`)});
    await handler(new Request("http://localhost/webhooks", { method: "POST", body: "{}" }));
    console.log("BOOT " + (performance.now() - started));
    Deno.exit(0);`;
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const run = spawnSync(denoBinary(), [
      "run",
      ...[
        "--config",
        join(ROOT, "deno.json"),
        "--node-modules-dir=manual",
        "--no-remote",
        "--no-lock",
        "-A",
        "-",
      ],
    ], {
      input: script,
      encoding: "utf8",
      env: { ...process.env, ...stack.environment, DENO_NO_PACKAGE_JSON: "1" },
    });
    times.push(Number(/BOOT ([\d.]+)/.exec(run.stdout)?.[1] ?? Number.NaN));
  }
  return Promise.resolve(times);
}

function residentMiB(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? Number.NaN) / 1024;
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const percent = (ratio: number) => `${(ratio * 100).toFixed(0)} %`;
