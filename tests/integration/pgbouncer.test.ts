/** A real transaction pooler that is killed and started again under load: nothing is lost, and nothing is sent twice. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import { LEASE_SECONDS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { pgbouncer, withoutPgbouncer } from "../support/pgbouncer.ts";
import { pipelineKit, PLATFORMS, webhookRequest } from "../support/pipeline.ts";
import { until } from "../support/stack.ts";
import { webhooks } from "../support/webhooks.ts";
import { fixtureText } from "../unit/shopify/fixture.ts";

const skipped = withoutPgbouncer("tests/integration/pgbouncer.test.ts");
const kit = await pipelineKit();
const { handler } = webhooks(kit);
const pooler = skipped ? null : await pgbouncer(kit.database.url("trakit_edge"));
afterAll(async () => {
  await pooler?.stop();
  pooler?.remove();
});

const ORDERS = 240;
const SENDERS = 6;
const RESTARTS = 4;

/** The sample order as another one of somebody else. */
function order(number: number): string {
  return fixtureText("order-web-guest")
    .replaceAll("5890123456781", String(5_900_000_000_000 + number))
    .replaceAll("5f7028e0bd52c2e9a4d4f5f8a6b1c2d3", number.toString(16).padStart(32, "0"));
}

test.skipIf(skipped)(
  "every order reaches every platform exactly once through a pooler that is killed four times",
  { timeout: 120_000 },
  async () => {
    await pooler!.start();
    const db = connect({ url: pooler!.url, max: 8 });
    const deps = kit.deps({
      db,
      pause: (ms) => delay(ms),
      // a vendor is waited for as long as it takes: on a busy machine a send in doubt would be repeated, rightly
      send: createSend(byFetch(fetch), { timeoutMs: 60_000, now: kit.now }),
    });
    const handle = handler(deps);
    const shops = await Promise.all([1, 2, 3].map(() => kit.shop()));
    let [accepted, refused] = [0, 0];
    const numbers = Array.from({ length: ORDERS }, (_, number) => number);
    const sender = async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const { domain } = shops[number % shops.length]!;
        const request = () => webhookRequest(domain, order(number), { webhookId: `w-${number}` });
        // Shopify sends again what is not answered 200
        for (let status = 0; status !== 200;) {
          status = (await handle(request())).status;
          if (status === 200) accepted++;
          else {
            expect(status).toBe(503);
            refused++;
            await delay(20);
          }
        }
      }
    };
    const load = Promise.all(Array.from({ length: SENDERS }, sender));
    for (let restart = 1; restart <= RESTARTS; restart++) {
      await until(() => accepted >= restart * ORDERS / (RESTARTS + 2), "orders are accepted", 30_000);
      await pooler!.stop();
      const before = refused;
      await until(() => refused > before, "an order is refused", 30_000);
      await pooler!.start();
    }
    await load;
    await kit.settled();
    expect(kit.lines.filter((line) => line.includes("settle_failed"))).toEqual([]);

    // what was leased in the moment the pooler went is found by the lease's end
    kit.pass(LEASE_SECONDS + 1);
    await drain(deps, { deadline: kit.now() + 60_000, lanesAtOnce: 6, batch: 200 });
    await db.close();

    const counts = new Map<string, number>();
    for (const [vendor, requests] of Object.entries(kit.requests())) {
      for (const { event_id } of requests.flatMap((request) => request.events)) {
        counts.set(`${vendor} ${event_id}`, (counts.get(`${vendor} ${event_id}`) ?? 0) + 1);
      }
    }
    const deliveries = (await Promise.all(shops.map((shop) => kit.deliveries(shop.id)))).flat();
    expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
    expect(counts.size).toBe(ORDERS * PLATFORMS.length);
    expect(deliveries.map((row) => row.state)).toEqual(Array(ORDERS * PLATFORMS.length).fill("delivered"));
  },
);
