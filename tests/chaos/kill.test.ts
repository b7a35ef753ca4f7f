/**
 * kill -9 of functions, worker and Postgres, and an orderly stop and start of Postgres, at random moments under load.
 * TRAKIT_CHAOS_ROUNDS says how often (default 5; the full proof is 50), TRAKIT_CHAOS_SEED which moments.
 */
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProcessName } from "@trakit/cli/stack/stack.ts";
import { allDelivered, healthy, startLoad } from "../support/load.ts";
import { propertySeed } from "../support/seed.ts";
import { dataFolder, DEMO_VENDORS, type TestStack, testStack, until } from "../support/stack.ts";

const ROUNDS = Number(process.env["TRAKIT_CHAOS_ROUNDS"] ?? 5);
const SEED = Number(process.env["TRAKIT_CHAOS_SEED"] ?? propertySeed());

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
    const load = startLoad(running);
    const accidents: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // a random place in the stream of events rather than a time: a slow machine has as much under way
      const grown = load.accepted.size + 5 + Math.floor(random() * 20);
      await until(() => load.accepted.size >= grown, "load");
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
      await until(() => healthy(running), `healthy after ${accidents.at(-1)}`);
    }
    for (const vendor of DEMO_VENDORS) await running.fault(vendor, null);
    await load.stop();

    const found = await allDelivered(running, load.accepted);
    process.stdout.write(
      `chaos: seed ${SEED}, ${ROUNDS} accidents (${accidents.join(", ")}); ${load.sent()} webhooks sent, ` +
        `${load.accepted.size} accepted; ${JSON.stringify(found)}\n`,
    );
    expect(found.delivered).toBeGreaterThan(0);
  },
  300_000 + ROUNDS * 20_000,
);
