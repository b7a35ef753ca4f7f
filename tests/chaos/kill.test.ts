/**
 * kill -9 of functions, worker and Postgres, and an orderly stop and start of Postgres, at random moments under load.
 * TRAKIT_CHAOS_ROUNDS says how often (default 5; the full proof is 50), TRAKIT_CHAOS_SEED which moments.
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEMO_SHOP } from "@trakit/cli/stack/defaults.ts";
import type { ProcessName } from "@trakit/cli/stack/stack.ts";
import type { Copies } from "@trakit/sandbox/vendors/record.ts";
import { makeWebhook, post } from "../bench/capture/load.ts";
import { AUDIT, audit, type AuditRow } from "../support/audit.ts";
import { dataFolder, DEMO_VENDORS, type TestStack, testStack, until } from "../support/stack.ts";

const ROUNDS = Number(process.env["TRAKIT_CHAOS_ROUNDS"] ?? 5);
const SEED = Number(process.env["TRAKIT_CHAOS_SEED"] ?? Math.floor(Date.now() / 1_000));
const SENDERS = 3;

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let data: Awaited<ReturnType<typeof dataFolder>>;
let running: TestStack;

beforeAll(async () => {
  data = await dataFolder();
  running = await testStack(data.path);
});
afterAll(async () => {
  await running?.close();
  await data?.remove();
});

test(
  `${ROUNDS} accidents under load: nothing accepted is lost, nothing doubles beyond its platform's table`,
  async () => {
    const { stack } = running;
    const random = chance(SEED);
    const accepted = new Set<string>();
    let [sent, stopped] = [0, false];
    const secret = stack.environment["SHOPIFY_API_SECRET"]!;
    const sender = async () => {
      while (!stopped) {
        const webhook = makeWebhook(DEMO_SHOP, secret);
        // Shopify repeats what was not answered 2xx; so do we, until it is
        for (let tries = 0; !accepted.has(webhook.eventId) && !(stopped && tries > 20); tries++) {
          sent++;
          const status = await post(`${stack.urls.api}/webhooks`, webhook).catch(() => 0);
          if (status === 200) accepted.add(webhook.eventId);
          else await delay(100);
        }
        await delay(150);
      }
    };
    const senders = Array.from({ length: SENDERS }, sender);
    const healthy = async () => (await fetch(`${stack.urls.api}/health`)).status === 200;
    const accidents: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const grown = accepted.size + 5;
      await until(() => accepted.size >= grown, "load", 60_000);
      await delay(random() * 1_500);
      // a vendor that takes the event and then breaks the connection, now and then
      const vendor = DEMO_VENDORS[Math.floor(random() * DEMO_VENDORS.length)]!;
      await running.fault(vendor, random() < 0.5 ? { kind: "reset_after", probability: 0.3 } : null);
      const victim =
        (["functions", "worker", "postgres", "postgres"] as ProcessName[])[Math.floor(random() * 4)]!;
      if (victim === "postgres" && random() < 0.4) {
        accidents.push("postgres stopped and started");
        await stack.restart(victim);
      } else {
        accidents.push(`${victim} killed`);
        await stack.kill(victim, "SIGKILL");
        await stack.ready(victim);
      }
      await until(healthy, `healthy after ${accidents.at(-1)}`, 60_000);
    }
    for (const vendor of DEMO_VENDORS) await running.fault(vendor, null);
    stopped = true;
    await Promise.all(senders);

    await until(
      async () =>
        (await running.rows("select from trakit.deliveries where state = 'pending' limit 1")).length === 0,
      "an empty queue",
      180_000,
    );
    const rows = await running.rows<AuditRow>(AUDIT);
    const copies = (await Promise.all(
      DEMO_VENDORS.map(async (vendor) =>
        await (await fetch(`${stack.urls.sandbox}/_events?limit=20000&vendor=${vendor}`)).json() as Copies[]
      ),
    )).flat();
    expect(copies.length, "more than the stand-in lists").toBeLessThan(20_000 * DEMO_VENDORS.length);
    const found = audit(accepted, rows, copies, DEMO_VENDORS);
    process.stdout.write(
      `chaos: seed ${SEED}, ${ROUNDS} accidents (${
        accidents.join(", ")
      }); ${sent} webhooks sent, ${accepted.size} accepted; ` +
        `${JSON.stringify(found)}\n`,
    );
    expect(found.delivered).toBeGreaterThan(0);
  },
  300_000 + ROUNDS * 20_000,
);
