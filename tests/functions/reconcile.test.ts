import { describe, expect, test } from "vitest";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { connect } from "@trakit/db/connection.ts";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { openApp } from "@trakit/pipeline/shopify/installation.ts";
import { dueReconciliations } from "@trakit/db/calls/due-reconciliations.ts";
import { queueMetrics } from "@trakit/db/calls/queue-metrics.ts";
import { shopStatus } from "@trakit/db/calls/shop-status.ts";
import { shopifyJobs } from "@trakit/worker/jobs/shopify.ts";
import { reconcileShop } from "@trakit/pipeline/shopify/reconcile.ts";
import { pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { readOrdersPage } from "@trakit/shopify/graphql-order.ts";
import { graphqlOrder } from "@trakit/sandbox/admin/graphql-order.ts";
import { expectUnlogged, KEYS } from "../support/pipeline.ts";
import { merchantKit } from "../support/merchant.ts";
import { fixture, SHOP } from "../unit/shopify/fixture.ts";

const kit = await merchantKit();
const deps = pipelineDependencies({
  ...kit.world,
  db: connect({ url: kit.database.url("trakit_edge"), max: 2 }),
  send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now: kit.world.now }),
  random: () => 0.5,
  keys: KEYS,
  vendorHosts: kit.vendorHosts,
  slots: new Slots(16),
});

/** The guest order, placed `minutes` ago, under an id of its own. */
function order(id: number, minutes: number, change: Record<string, unknown> = {}) {
  const at = new Date(kit.world.now() - minutes * 60_000).toISOString();
  return {
    id: String(id),
    updatedAt: at,
    body: {
      ...fixture("order-web-guest"),
      id,
      checkout_token: String(id).padStart(32, "0"),
      created_at: at,
      processed_at: at,
      updated_at: at,
      ...change,
    },
  };
}

async function installed(): Promise<string> {
  const shop = kit.newDomain();
  await openApp(kit.world, shop, kit.shopify().sessionToken(shop));
  await kit.database.query(
    "postgres",
    "update trakit.shops set installed_at = now() - interval '1 day' where domain = $1",
    [shop],
  );
  return shop;
}
const events = (shop: string) =>
  kit.database.query<{ event_id: string; name: string }>(
    "postgres",
    "select e.event_id, e.name from trakit.events e join trakit.shops s on s.id = e.shop_id where s.domain = $1",
    [shop],
  );

describe("an order read at Shopify", () => {
  test.each(["order-web-guest", "order-web-customer-eur-discount", "order-pos", "order-test"])(
    "%s makes the event its webhook makes, but for what only a webhook has",
    (name) => {
      const body = fixture(name);
      const read = readOrdersPage({
        orders: { pageInfo: { hasNextPage: false }, nodes: [graphqlOrder(body, true)] },
      });
      if (!read.ok) throw new Error("unread");
      const [byHook, byQuery] = [body, read.orders[0]!.body].map((one) => decodeOrder(one, { shop: SHOP }));
      if (!byHook!.ok || !byQuery!.ok) throw new Error("undecoded");
      const comparable = ({ event }: typeof byHook & { ok: true }) => ({
        id: event.event_id,
        at: event.occurred_at,
        channel: event.channel,
        test: event.test,
        commerce: event.commerce,
        consent: event.consent,
        email: event.digests["email.lower"],
      });
      expect(comparable(byQuery!)).toEqual(comparable(byHook!));
    },
  );

  test("with anything but orders in it is refused, and an order without id is named, not fatal", () => {
    expect(readOrdersPage(null)).toEqual({ ok: false });
    expect(readOrdersPage({ orders: null })).toEqual({ ok: false });
    expect(
      readOrdersPage({
        orders: { pageInfo: { hasNextPage: false }, nodes: [null, {}, { legacyResourceId: "x" }] },
      }),
    )
      .toEqual({
        ok: true,
        orders: [],
        unreadable: [
          { id: "unknown", at: null, reason: "order: invalid_type" },
          { id: "unknown", at: null, reason: expect.stringContaining("legacyResourceId: ") },
          { id: "unknown", at: null, reason: expect.stringContaining("updatedAt: invalid_type") },
        ],
        next: null,
      });
  });
});

describe("reconciliation", () => {
  test("ingests what no webhook brought, once, and says what share was captured", async () => {
    const shop = await installed();
    kit.orders.set(shop, Array.from({ length: 60 }, (_, i) => order(9_000 + i, 600 - i)));
    expect(await reconcileShop(deps, kit.world, shop)).toEqual({
      orders: 60,
      missing: 60,
      unreadable: 0,
      trouble: null,
    });
    expect(new Set((await events(shop)).map((row) => row.event_id)).size).toBe(60);
    expect((await events(shop)).map((row) => row.event_id)).toContain(
      conversionEventId(shop, "checkout_completed", "9000".padStart(32, "0")),
    );
    // half an hour later: a new one, and one that has changed since
    kit.pass(1_800);
    kit.orders.get(shop)!.push(order(9_100, 20), order(9_000, 20));
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({ missing: 1, trouble: null });
    expect(await events(shop)).toHaveLength(61);
    const row = await kit.row("shops", shop);
    const days = await kit.database.as("authenticated", { shop_id: row!.id }).query<
      { orders: string; recovered: string }
    >(
      "select * from api.reconciliation",
    );
    expect(days.reduce((sum, day) => sum + Number(day.recovered), 0)).toBe(61);
  });

  test("reads every line of an order, however many: of five hundred none is missing, in the order they stand", async () => {
    const shop = await installed();
    const { line_items: [line] } = fixture("order-web-guest") as { line_items: Record<string, unknown>[] };
    const lines = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ ...line, id: i + 1, variant_id: 1_000 + i }));
    const sizes = [50, 51, 301, 500];
    kit.orders.set(shop, sizes.map((size, i) => order(9_400 + i, 60 - i, { line_items: lines(size) })));
    expect(await reconcileShop(deps, kit.world, shop)).toEqual({
      orders: 4,
      missing: 4,
      unreadable: 0,
      trouble: null,
    });
    const stored = await kit.database.query<{ order: string; variants: string[] }>(
      "postgres",
      `select e.commerce ->> 'order_id' as "order",
         array(select i ->> 'variant_id' from jsonb_array_elements(e.commerce -> 'items') i) as variants
       from trakit.events e join trakit.shops s on s.id = e.shop_id where s.domain = $1 order by 1`,
      [shop],
    );
    expect(stored.map((row) => row.variants.length)).toEqual(sizes);
    for (const { variants } of stored) {
      expect(variants).toEqual(variants.map((_, i) => String(1_000 + i)));
    }
    // captured since: no line is asked for twice
    kit.shopify().calls.length = 0;
    await reconcileShop(deps, kit.world, shop);
    expect(kit.shopify().calls.filter((one) => one === "graphql")).toHaveLength(1);
  });

  test("goes on where the token ends in the middle of it", async () => {
    const shop = await installed();
    kit.orders.set(shop, [order(9_500, 60)]);
    const { graphql } = kit.world.shopify;
    let refusals = 1;
    const shopify = {
      ...kit.world.shopify,
      graphql:
        ((...args: Parameters<typeof graphql>) =>
          refusals-- > 0
            ? Promise.resolve({ ok: false, reason: "unauthorized" })
            : graphql(...args)) as typeof graphql,
    };
    expect(await reconcileShop(deps, { ...kit.world, shopify }, shop)).toMatchObject({
      missing: 1,
      trouble: null,
    });
  });

  test("leaves alone what may still come, what was ordered before the app, and what the shop does not count", async () => {
    const shop = await installed();
    await kit.database.query(
      "postgres",
      "update trakit.shops set order_topic = 'orders/paid' where domain = $1",
      [shop],
    );
    kit.orders.set(shop, [
      order(9_200, 2 * 24 * 60),
      order(9_201, 60, { financial_status: "pending" }),
      order(9_202, 5),
      order(9_203, 60),
    ]);
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({ orders: 1, missing: 1 });
    expect(await events(shop)).toHaveLength(1);
  });

  test("throttled, down or refused stops with the reason, and goes on from where it was", async () => {
    const shop = await installed();
    kit.orders.set(shop, [order(9_300, 60)]);
    kit.shopify().down = 503;
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({ trouble: "unavailable", missing: 0 });
    expect(await kit.row("reconciliations", shop)).toMatchObject({ trouble: "unavailable" });
    kit.shopify().down = null;
    kit.shopify().grant(shop, []);
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({ trouble: "unexpected_answer" });
    kit.shopify().grant(shop, ["read_orders"]);
    // fields without approval are null: the order is one all the same
    kit.shopify().approved = false;
    expect(await reconcileShop(deps, kit.world, shop)).toEqual({
      orders: 1,
      missing: 1,
      unreadable: 0,
      trouble: null,
    });
    expect(await kit.row("reconciliations", shop)).toMatchObject({ trouble: null });
  });

  test("an order we do not understand stands where operator and merchant see it, and is read after a fix", async () => {
    const shop = await installed();
    const [line] = (fixture("order-web-guest") as { line_items: Record<string, unknown>[] }).line_items;
    const broken = order(9_700, 60, { line_items: [{ ...line, price: "free", price_set: null }] });
    kit.orders.set(shop, [broken, order(9_701, 50)]);
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({
      missing: 2,
      unreadable: 1,
      trouble: null,
    });
    expect(await events(shop)).toHaveLength(1);
    const { id } = (await kit.row("shops", shop))!;
    // summed: orders an hour old may be yesterday's
    const found = async () =>
      (await kit.database.as("authenticated", { shop_id: id }).query<Record<string, number>>(
        `select sum(orders)::int as orders, sum(captured)::int as captured, sum(recovered)::int as recovered,
           sum(unreadable)::int as unreadable from api.reconciliation`,
      ))[0];
    expect(await found()).toEqual({ orders: 2, captured: 0, recovered: 1, unreadable: 1 });
    const status = async () =>
      (await shopStatus(kit.world.db, shop, kit.world.databaseNow!()))!.unreadable_orders;
    expect(await status()).toEqual([
      {
        order_id: "9700",
        day: broken.updatedAt.slice(0, 10),
        reason: expect.stringContaining("line_items.0"),
      },
    ]);
    expect((await queueMetrics(kit.world.db, kit.world.databaseNow!())).unreadable_orders).toBe(1);
    expectUnlogged(kit.lines, ["9700", "free"]);
    expect(kit.lines.some((one) => one.includes("orders_unreadable"))).toBe(true);

    // not asked about again within the day; then it still cannot be read, and does not keep the watermark back
    kit.pass(3_600);
    kit.shopify().calls.length = 0;
    await reconcileShop(deps, kit.world, shop);
    expect(kit.shopify().calls.filter((one) => one === "graphql")).toHaveLength(1);
    kit.pass(86_400);
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({ unreadable: 1, trouble: null });
    expect(await status()).toHaveLength(1);

    kit.pass(86_400);
    kit.orders.set(shop, [{ ...order(9_700, 60), updatedAt: broken.updatedAt }]);
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({ missing: 1, unreadable: 0 });
    expect(await events(shop)).toHaveLength(2);
    expect(await status()).toEqual([]);
    expect(await found()).toMatchObject({ recovered: 2, unreadable: 0 });
  });

  test("an order Postgres will not hold keeps no other back, and comes in when it will", async () => {
    const shop = await installed();
    kit.orders.set(shop, [order(9_801, 70), order(9_802, 60), order(9_803, 50)]);
    await kit.database.query(
      "postgres",
      "alter table trakit.events add constraint not_this_order check (commerce ->> 'order_id' <> '9802') not valid",
    );
    try {
      expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({
        missing: 3,
        unreadable: 1,
        trouble: null,
      });
    } finally {
      await kit.database.query("postgres", "alter table trakit.events drop constraint not_this_order");
    }
    expect(await events(shop)).toHaveLength(2);
    const { unreadable_orders } = (await shopStatus(kit.world.db, shop, kit.world.databaseNow!()))!;
    expect(unreadable_orders).toMatchObject([{
      order_id: "9802",
      reason: "event_refused, sqlstate: 23514, constraint: not_this_order",
    }]);
    kit.pass(86_400);
    expect(await reconcileShop(deps, kit.world, shop)).toMatchObject({ missing: 1, unreadable: 0 });
    expect(await events(shop)).toHaveLength(3);
  });

  test("takes the shop first that was not compared for longest, however many there are", async () => {
    const shops = [await installed(), await installed(), await installed()];
    const order = async () =>
      (await dueReconciliations(kit.world.db, 10_000, kit.world.databaseNow!())).filter((one) =>
        shops.includes(one)
      );
    await reconcileShop(deps, kit.world, shops[0]!);
    kit.pass(60);
    await reconcileShop(deps, kit.world, shops[1]!);
    expect(await order()).toEqual([shops[2], shops[0], shops[1]]);
    // one in trouble goes to the end of the line, too
    kit.shopify().down = 503;
    kit.pass(60);
    await reconcileShop(deps, kit.world, shops[2]!);
    expect(await order()).toEqual([shops[0], shops[1], shops[2]]);
  });

  test("begins no shop and no page past its time, and goes on there", async () => {
    const [shop, other] = [await installed(), await installed()];
    for (const one of [shop, other]) {
      kit.orders.set(one, Array.from({ length: 30 }, (_, i) => order(9_600 + i, 600 - i)));
    }
    const job = shopifyJobs(kit.world).find((one) => one.queue === "reconcile")!;
    // the first page of the first shop, then its time is over
    const run = (questions: number) => {
      kit.shopify().calls.length = 0;
      const over = () => kit.shopify().calls.filter((one) => one === "graphql").length >= questions;
      return job.run({ deps, over } as never, {});
    };
    await kit.database.query(
      "postgres",
      "update trakit.shops set status = 'uninstalled', uninstalled_at = now() where domain <> all ($1)",
      [[shop, other]],
    );
    await run(1);
    const counts = [(await events(shop)).length, (await events(other)).length];
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 25]);
    await run(2);
    expect([(await events(shop)).length, (await events(other)).length].toSorted((a, b) => a - b)).toEqual([
      25,
      30,
    ]);
  });
});
