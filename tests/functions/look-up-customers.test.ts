import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { dueLookups } from "@trakit/db/calls/due-lookups.ts";
import { learnCustomer } from "@trakit/db/calls/learn-customer.ts";
import { openApp } from "@trakit/pipeline/shopify/installation.ts";
import { lookUpCustomers } from "@trakit/pipeline/shopify/look-up-customers.ts";
import { shopifyJobs } from "@trakit/worker/jobs/shopify.ts";
import { readCustomers } from "@trakit/shopify/graphql-customer.ts";
import { fromBrowser, fromShopify } from "../support/captured.ts";
import { merchantKit } from "../support/merchant.ts";

const kit = await merchantKit();

async function installed(): Promise<string> {
  const shop = kit.newDomain();
  await openApp(kit.world, shop, kit.shopify().sessionToken(shop));
  kit.shopify().calls.length = 0;
  return shop;
}
const LAST = "2026-11-01T10:00:00Z";
const bought = (id: string, numberOfOrders: string, amount: string, record: object = {}) =>
  kit.customers.set(id, {
    ...record,
    numberOfOrders,
    amountSpent: { amount, currencyCode: "EUR" },
    lastOrder: numberOfOrders === "0" ? null : { id: "gid://shopify/Order/1", processedAt: LAST },
  });
const ingest = (shop: string, events: unknown[], place = "webhooks") =>
  kit.database.query<{ r: { results: { commerce?: Record<string, unknown> }[] } }>(
    "trakit_edge",
    `select trakit.ingest_events($1, $2, 0, '${place}', '{}', $3) as r`,
    [shop, JSON.stringify(events), kit.world.databaseNow!()],
  );
const ordered = (shop: string, customer: string, order = customer) =>
  ingest(shop, [
    fromShopify("checkout_completed", {
      occurred_at: new Date(kit.world.now()),
      commerce: { order_id: order, total: "10.00", currency: "EUR" },
      identifiers: { customer_id: customer },
    }),
  ]);
const loggedIn = (shop: string, customer: string) =>
  ingest(
    shop,
    [
      fromBrowser("page_viewed", {
        occurred_at: new Date(kit.world.now()),
        identifiers: { visitor_id: `visitor-${customer}`, customer_id: customer },
      }),
    ],
    "proxy",
  );
const customer = async (shop: string, id: string) =>
  (await kit.database.query<Record<string, unknown>>(
    "postgres",
    "select c.* from trakit.customers c join trakit.shops s on s.id = c.shop_id where s.domain = $1 and c.customer_id = $2",
    [shop, id],
  ))[0];
const pause = async (shop: string) => await kit.row("customer_lookups", shop);
const asked = () => kit.shopify().calls.filter((one) => one === "graphql").length;

describe("a customer seen for the first time", () => {
  test("by an order or a login is asked about once, and their next event says what they had bought", async () => {
    const shop = await installed();
    bought("701", "5", "420.50");
    bought("702", "1", "19.90");
    await ordered(shop, "701");
    await loggedIn(shop, "702");
    // nothing is asked while an event waits
    expect(asked()).toBe(0);
    expect(await lookUpCustomers(kit.world, shop)).toEqual({ asked: 2, learnt: 2, trouble: null });
    expect(asked()).toBe(1);
    expect(await customer(shop, "701")).toMatchObject({
      orders: 5,
      spent: "420.50",
      currency: "EUR",
      last_order_at: expect.any(Date),
      asked_at: expect.any(Date),
      known_at: expect.any(Date),
    });
    // the only order is the first one; of five, Shopify shows no more than sixty days
    expect(await customer(shop, "702")).toMatchObject({ orders: 1, first_order_at: new Date(LAST) });
    expect((await customer(shop, "701"))!["first_order_at"]).not.toEqual(new Date(LAST));
    expect(await lookUpCustomers(kit.world, shop)).toEqual({ asked: 0, learnt: 0, trouble: null });
    expect(asked()).toBe(1);

    kit.pass(60);
    await loggedIn(shop, "702");
    const rows = await kit.database.query<{ c: Record<string, unknown> }>(
      "postgres",
      `select e.commerce as c from trakit.events e join trakit.shops s on s.id = e.shop_id
       where s.domain = $1 and e.identifiers ->> 'customer_id' = '702' order by e.captured_at`,
      [shop],
    );
    expect(rows[0]!.c).not.toHaveProperty("customer_value");
    expect(rows.at(-1)!.c).toMatchObject({
      customer_orders: 1,
      customer_value: "19.90",
      customer_currency: "EUR",
    });
  });

  test("is known by Shopify's record from then on, also who was there before the app and of whom only figures were told", async () => {
    const shop = await installed();
    const record = {
      firstName: "Ines",
      lastName: "Duarte",
      defaultEmailAddress: { emailAddress: "Ines.Duarte@example.com" },
      defaultPhoneNumber: { phoneNumber: "+351912345678" },
    };
    bought("705", "2", "20", record);
    bought("706", "1", "10", {
      ...record,
      firstName: null,
      defaultEmailAddress: null,
      defaultPhoneNumber: "odd",
    });
    await learnCustomer(
      kit.world.db,
      shop,
      { customer_id: "705", orders: 2, spent: "20", currency: "EUR", as_of: LAST } as never,
      kit.world.databaseNow!(),
    );
    await ordered(shop, "706");
    expect(await lookUpCustomers(kit.world, shop)).toEqual({ asked: 2, learnt: 2, trouble: null });
    const digest = (text: string) => createHash("sha256").update(text).digest("hex");
    expect((await customer(shop, "705"))!["digests"]).toMatchObject({
      "email.lower": [digest("ines.duarte@example.com")],
      "phone.e164": [digest("+351912345678")],
      "first_name.lower": [digest("ines")],
      "last_name.lower": [digest("duarte")],
    });
    expect(Object.keys((await customer(shop, "706"))!["digests"] as object)).toEqual(
      Object.keys((await customer(shop, "705"))!["digests"] as object).filter((form) =>
        form.startsWith("last_name")
      ),
    );
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ asked: 0 });
  });

  test("is asked about by the worker's job, shop by shop; one in trouble stops no other", async () => {
    const [shop, troubled] = [await installed(), await installed()];
    bought("720", "2", "5");
    await ordered(shop, "720");
    await ordered(troubled, "721");
    kit.shopify().revoke(troubled);
    const job = shopifyJobs(kit.world).find((one) => one.queue === "customers")!;
    await job.run({ over: () => false } as never, {});
    expect(await customer(shop, "720")).toMatchObject({ orders: 2 });
    expect(await pause(troubled)).toMatchObject({ trouble: "reopen_app" });
    const said = kit.lines.find((line) => line.includes("customers_looked_up"));
    expect(JSON.parse(said!)).toMatchObject({ asked: 1, learnt: 1, troubled: 1 });
  });

  test("of whom a webhook has told already is not asked about, nor who is not a customer's id", async () => {
    const shop = await installed();
    await learnCustomer(
      kit.world.db,
      shop,
      {
        customer_id: "703",
        digests: { "email.lower": ["told"] },
        orders: 2,
        spent: "1",
        currency: "EUR",
        as_of: LAST,
      } as never,
      kit.world.databaseNow!(),
    );
    await loggedIn(shop, "703");
    await loggedIn(shop, "gid://not-digits");
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ asked: 0 });
    expect(asked()).toBe(0);
  });

  test("later news is not undone by an answer: what is newer by Shopify's clock stays", async () => {
    const shop = await installed();
    bought("704", "3", "30");
    await ordered(shop, "704");
    await lookUpCustomers(kit.world, shop);
    kit.pass(30);
    await ordered(shop, "704", "9704");
    // Shopify's three, and the one after
    expect(await customer(shop, "704")).toMatchObject({ orders: 4, spent: "40.00" });
  });

  test("hundreds are asked about twenty-five at a time, and no more is spent than leaves others room", async () => {
    const shop = await installed();
    // Shopify's bucket fills with time
    kit.stopClock();
    let slept = 0;
    const world = {
      ...kit.world,
      pause: (ms: number) => {
        slept += ms;
        kit.pass(ms / 1_000);
        return Promise.resolve();
      },
    };
    for (let i = 0; i < 600; i++) bought(String(80_000 + i), "1", "1");
    await ingest(
      shop,
      Array.from({ length: 600 }, (_, i) =>
        fromShopify("checkout_completed", {
          occurred_at: new Date(kit.world.now()),
          commerce: { order_id: String(i), total: "1", currency: "EUR" },
          identifiers: { customer_id: String(80_000 + i) },
        })),
    );
    expect(await lookUpCustomers(world, shop)).toEqual({ asked: 600, learnt: 600, trouble: null });
    expect(asked()).toBe(24);
    // 24 questions of 125 points against a bucket of 2,000 that gains 100 a second
    expect(slept).toBeGreaterThan(0);
    expect(slept).toBeLessThan(20_000);
  });
});

describe("an answer Shopify does not give", () => {
  test("throttled: waits as long as the bucket says and asks again; longer than that is left to a later run", async () => {
    const shop = await installed();
    bought("710", "1", "1");
    await ordered(shop, "710");
    const { graphql } = kit.world.shopify;
    let refusals = 1;
    let wait = 3_000;
    const waited: number[] = [];
    const world = {
      ...kit.world,
      pause: (ms: number) => (waited.push(ms), Promise.resolve()),
      shopify: {
        ...kit.world.shopify,
        graphql:
          ((...args: Parameters<typeof graphql>) =>
            refusals-- > 0
              ? Promise.resolve({ ok: false, reason: "throttled", retryAfterMs: wait })
              : graphql(...args)) as typeof graphql,
      },
    };
    expect(await lookUpCustomers(world, shop)).toMatchObject({ asked: 1, trouble: null });
    expect(waited).toEqual([3_000]);
    bought("711", "1", "1");
    await ordered(shop, "711");
    refusals = 1;
    wait = 60_000;
    expect(await lookUpCustomers(world, shop)).toEqual({ asked: 0, learnt: 0, trouble: "throttled" });
    expect(await pause(shop)).toMatchObject({ trouble: "throttled" });
    expect(await dueLookups(kit.world.db, 1_000, kit.world.databaseNow!())).not.toContain(shop);
    kit.pass(301);
    expect(await dueLookups(kit.world.db, 1_000, kit.world.databaseNow!())).toContain(shop);
    expect(await lookUpCustomers(world, shop)).toMatchObject({ learnt: 1, trouble: null });
    expect(await pause(shop)).toMatchObject({ trouble: null, paused_until: null });
  });

  test("down: is asked again in five minutes, and nothing is lost", async () => {
    const shop = await installed();
    bought("712", "2", "2");
    await ordered(shop, "712");
    kit.shopify().down = 503;
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ trouble: "unavailable" });
    expect(await customer(shop, "712")).toMatchObject({ asked_at: null, known_at: null });
    kit.shopify().down = null;
    kit.pass(301);
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ learnt: 1 });
  });

  test("null for want of approval: rests for a day, and asks once it is there", async () => {
    const shop = await installed();
    bought("713", "2", "2");
    await ordered(shop, "713");
    kit.shopify().approved = false;
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ asked: 0, trouble: "not_approved" });
    expect(await customer(shop, "713")).toMatchObject({ asked_at: null });
    kit.pass(86_399);
    expect(await dueLookups(kit.world.db, 1_000, kit.world.databaseNow!())).not.toContain(shop);
    kit.shopify().approved = true;
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ learnt: 1, trouble: null });
  });

  test("null because the customer is gone, or merged into another: noted as asked, never again", async () => {
    const shop = await installed();
    await ordered(shop, "714");
    expect(await lookUpCustomers(kit.world, shop)).toEqual({ asked: 1, learnt: 0, trouble: null });
    expect(await customer(shop, "714")).toMatchObject({ known_at: null, orders: 1, spent: "10.00" });
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ asked: 0 });
  });

  test("a token that is over for good: pauses for an hour, until the merchant has opened the app", async () => {
    const shop = await installed();
    await ordered(shop, "715");
    kit.shopify().revoke(shop);
    expect(await lookUpCustomers(kit.world, shop)).toMatchObject({ trouble: "reopen_app" });
    expect(await kit.row("installations", shop)).toMatchObject({ trouble: "reopen_app" });
    const due = () => dueLookups(kit.world.db, 5_000, kit.world.databaseNow!());
    expect(await due()).not.toContain(shop);
    await openApp(kit.world, shop, kit.shopify().sessionToken(shop));
    expect(await due()).toContain(shop);
  });

  test("an answer that comes after a redaction brings nobody back", async () => {
    const shop = await installed();
    bought("716", "2", "2");
    await loggedIn(shop, "716");
    const { graphql } = kit.world.shopify;
    const world = {
      ...kit.world,
      shopify: {
        ...kit.world.shopify,
        graphql: (async (...args: Parameters<typeof graphql>) => {
          const answer = await graphql(...args);
          await kit.database.query("postgres", "delete from trakit.visitor_links where key = '716'");
          return answer;
        }) as typeof graphql,
      },
    };
    expect(await lookUpCustomers(world, shop)).toMatchObject({ learnt: 0 });
    expect(await customer(shop, "716")).toBeUndefined();
  });

  test("anything but an answer is none; what is missing or mad in one customer touches no other", () => {
    expect(readCustomers(null, ["1"], LAST)).toBeNull();
    expect(readCustomers({ nodes: "x" }, ["1"], LAST)).toBeNull();
    const good = { amountSpent: { amount: "1.00", currencyCode: "EUR" }, lastOrder: null };
    const read = readCustomers(
      {
        nodes: [
          null,
          { legacyResourceId: "2", numberOfOrders: "-1", ...good },
          { legacyResourceId: "3", numberOfOrders: "1", ...good, amountSpent: null },
          { legacyResourceId: "4", numberOfOrders: "1", ...good, lastOrder: { processedAt: "yesterday" } },
          { legacyResourceId: "99", numberOfOrders: "1", ...good },
        ],
      },
      ["1", "2", "3", "4"],
      LAST,
    );
    expect(read?.without).toBe(3);
    expect(read?.facts.map((one) => one.customer_id)).toEqual(["1", "2", "3", "4"]);
    expect(read?.facts[3]).toEqual({
      customer_id: "4",
      asked_at: LAST,
      orders: 1,
      spent: "1.00",
      currency: "EUR",
      as_of: LAST,
    });
  });
});
