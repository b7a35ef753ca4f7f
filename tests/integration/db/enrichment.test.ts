import { describe, expect, test } from "vitest";
import { at, DAY, fromBrowser, fromShopify, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop, type Shop } from "../../support/shop.ts";

/** What we know of a customer goes with every event of theirs. */
const db = await testDatabase();

const PERSON = { "email.lower": ["mail"], "phone.e164": ["phone"], "last_name.lower": ["name"] };

async function learn(shop: Shop, customer: Record<string, unknown>, now = at(0)): Promise<void> {
  await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
    shop.domain,
    JSON.stringify(customer),
    now,
  ]);
}
const customerOf = async (shop: Shop) =>
  (await db.query<Record<string, unknown>>("postgres", "select * from trakit.customers where shop_id = $1", [
    shop.id,
  ]))[0];
const order = (change: Record<string, unknown> = {}, occurred = at(0)) =>
  fromShopify("checkout_completed", {
    occurred_at: occurred,
    identifiers: { customer_id: "7" },
    digests: { "email.lower": ["mail"] },
    commerce: { order_id: String(occurred.getTime()), total: "20.50", currency: "USD" },
    ...change,
  });

describe("an event of a known visitor", () => {
  test("has the customer's digests, order count and lifetime value, a browser's event too", async () => {
    const shop = await newShop(db);
    await learn(shop, {
      customer_id: "7",
      digests: PERSON,
      orders: 3,
      spent: "120.50",
      currency: "USD",
      as_of: at(-DAY).toISOString(),
    });
    // logged in once; afterwards the browser's own id leads to the customer
    await shop.ingest([fromBrowser("page_viewed", { identifiers: { visitor_id: "v", customer_id: "7" } })]);
    const { results } = await shop.ingest([
      fromBrowser("product_viewed", { identifiers: { visitor_id: "v", fbp: "fb.1.2.3" } }),
    ], { slots: 5, now: at(HOUR) });
    expect(results[0]).toMatchObject({
      identifiers: { customer_id: "7", fbp: "fb.1.2.3" },
      digests: PERSON,
      commerce: { customer_orders: 3, customer_value: "120.50", customer_currency: "USD" },
    });
    expect(results[0]!.commerce).not.toHaveProperty("customer_type");
    const [, viewed] = await shop.events();
    expect(viewed).toMatchObject({ digests: PERSON, enriched: ["email", "external_id", "name", "phone"] });
  });

  test.each([["rdt_cid", "click_id"], ["rdt_uuid", "browser_id"], ["pin_unauth", "browser_id"]])(
    "names what its visitor's %s adds: %s",
    async (identifier, name) => {
      const shop = await newShop(db);
      await shop.ingest([
        fromBrowser("page_viewed", { identifiers: { visitor_id: "v", [identifier]: "known" } }),
      ]);
      const { results } = await shop.ingest([
        fromBrowser("product_viewed", { identifiers: { visitor_id: "v" } }),
      ]);
      expect(results[0]).toMatchObject({ identifiers: { [identifier]: "known" } });
      expect((await shop.events())[1]).toMatchObject({ enriched: [name] });
    },
  );

  test("keeps what it says itself", async () => {
    const shop = await newShop(db);
    await learn(shop, { customer_id: "7", digests: PERSON });
    const { results } = await shop.ingest([order({ digests: { "email.lower": ["another"] } })]);
    expect(results[0]!.digests).toEqual({ ...PERSON, "email.lower": ["another"] });
  });

  test("who refused both purposes has nothing added", async () => {
    const shop = await newShop(db);
    await learn(shop, { customer_id: "7", digests: PERSON });
    await shop.ingest([order({ consent: { analytics: false, marketing: false } })]);
    const [event] = await shop.events();
    expect(event).toMatchObject({ digests: { "email.lower": ["mail"] }, enriched: [] });
  });

  test("of another shop with the same customer id gets nothing", async () => {
    const [mine, theirs] = [await newShop(db), await newShop(db)];
    await learn(theirs, { customer_id: "7", digests: PERSON });
    const { results } = await mine.ingest([order()]);
    expect(results[0]).not.toHaveProperty("digests");
    expect((await mine.events())[0]!["digests"]).toEqual({ "email.lower": ["mail"] });
  });
});

describe("a purchase", () => {
  const typeOf = async (shop: Shop, copy: ReturnType<typeof order>) =>
    (await shop.ingest([copy], { now: at(HOUR) })).results[0]!.commerce?.["customer_type"];

  test.each<[string, Record<string, unknown> | null, string | undefined]>([
    ["of a customer Shopify says has bought nothing", { orders: 0, as_of: at(-60).toISOString() }, "new"],
    ["of a customer with earlier orders", { orders: 2, as_of: at(-60).toISOString() }, "returning"],
    ["whose order Shopify's count holds already", { orders: 1, as_of: at(60).toISOString() }, "new"],
    ["whose order that count holds beside another", { orders: 2, as_of: at(60).toISOString() }, "returning"],
    ["of a customer Shopify never told about", null, undefined],
  ])("%s is called what it is", async (_, known, expected) => {
    const shop = await newShop(db);
    if (known) await learn(shop, { customer_id: "7", spent: "1", currency: "USD", ...known });
    expect(await typeOf(shop, order())).toBe(expected);
  });

  test("of a guest is not called new for what an email would lead to", async () => {
    const shop = await newShop(db);
    await learn(shop, { customer_id: "7", orders: 0, spent: "0", as_of: at(-60).toISOString() });
    await shop.ingest([
      fromBrowser("page_viewed", { identifiers: { customer_id: "7" }, digests: { "email.lower": ["mail"] } }),
    ]);
    expect(await typeOf(shop, order({ identifiers: {} }))).toBeUndefined();
  });
});

describe("a customer's history", () => {
  test("counts each order once, whatever copies and topics arrive, and takes refunds off", async () => {
    const shop = await newShop(db);
    const first = order({}, at(0));
    await shop.ingest([first], { now: at(1) });
    await shop.ingest([{ ...first, keys: [...first.keys, "webhook:again"] }], { now: at(2) });
    await shop.ingest([{ ...first, topic: "orders/paid" }], { now: at(3) });
    await shop.ingest([order({}, at(HOUR)), order({ test: true }, at(HOUR + 1)), order({}, at(HOUR + 2))], {
      now: at(2 * HOUR),
    });
    await shop.ingest([
      fromShopify("order_refunded", {
        commerce: { order_id: String(at(0).getTime()), total: "10.00", currency: "USD" },
        topic: "refunds/create",
      }),
    ], { now: at(3 * HOUR) });
    expect(await customerOf(shop)).toMatchObject({
      orders: 3,
      spent: "51.50",
      currency: "USD",
      known_at: null,
    });
    // with the browser's copy first, the webhook's is the one that counts
    await shop.ingest([fromBrowser("checkout_completed", { event_id: "both" })], { now: at(4 * HOUR) });
    await shop.ingest([{ ...order({ event_id: "both" }, at(4 * HOUR)) }], { now: at(4 * HOUR + 5) });
    expect(await customerOf(shop)).toMatchObject({ orders: 4, spent: "72.00" });
  });

  test("is corrected by Shopify's figures, which hold every order up to their moment", async () => {
    const shop = await newShop(db);
    await shop.ingest([order({}, at(0))], { now: at(1) });
    await learn(shop, {
      customer_id: "7",
      orders: 9,
      spent: "900",
      currency: "USD",
      as_of: at(60).toISOString(),
    });
    // late: Shopify's figures hold it
    await shop.ingest([order({}, at(30))], { now: at(90) });
    expect(await customerOf(shop)).toMatchObject({ orders: 9, spent: "900" });
    await shop.ingest([order({}, at(HOUR))], { now: at(HOUR) });
    expect(await customerOf(shop)).toMatchObject({ orders: 10, spent: "920.50" });
    // another currency than the shop's books: counted, not added
    await shop.ingest([
      order({ commerce: { order_id: "e", total: "5", currency: "EUR" } }, at(2 * HOUR)),
    ], { now: at(2 * HOUR) });
    expect(await customerOf(shop)).toMatchObject({ orders: 11, spent: "920.50", currency: "USD" });
  });

  test("is of figures: an order, which anybody can place under any address, teaches no digest", async () => {
    const shop = await newShop(db);
    await shop.ingest([order()]);
    expect(await customerOf(shop)).toMatchObject({ orders: 1, digests: {} });
    await learn(shop, { customer_id: "7", digests: { "email.lower": ["told"] } });
    await shop.ingest([order({}, at(HOUR))], { now: at(HOUR) });
    expect(await customerOf(shop)).toMatchObject({ orders: 2, digests: { "email.lower": ["told"] } });
  });

  test("two batches with the same customers in opposite order do not wait for each other", async () => {
    const shop = await newShop(db);
    const batch = (ids: string[], from: number) =>
      ids.map((id, index) => order({ identifiers: { customer_id: id } }, at(from + index)));
    const [a, b] = [await db.connect("trakit_edge"), await db.connect("trakit_edge")];
    await a.query("begin");
    await shop.ingest(batch(["1", "2", "3"], 0), { on: a });
    const second = shop.ingest(batch(["3", "2", "1"], 100), { on: b });
    await a.query("commit");
    await second;
    const rows = await db.query<{ orders: number }>(
      "postgres",
      "select orders from trakit.customers where shop_id = $1",
      [
        shop.id,
      ],
    );
    expect(rows.map((row) => row.orders)).toEqual([2, 2, 2]);
  });
});

test("match quality says what events brought themselves, beside what they had in the end", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  await learn(shop, { customer_id: "7", digests: PERSON });
  const sent = await shop.ingest([order(), order({ identifiers: { customer_id: "8" } }, at(1))], {
    slots: 5,
  });
  await db.query("trakit_edge", "select trakit.settle_deliveries($1, $2::jsonb, $3)", [
    shop.id,
    JSON.stringify(sent.sends.map((send, index) => ({
      ...send,
      kind: "delivered",
      reason: "accepted",
      match_score: 5,
      match_keys: index === 0 ? ["email", "phone"] : ["email"],
    }))),
    at(2),
  ]);
  expect(await db.as("authenticated", { shop_id: shop.id }).query("select * from api.match_quality"))
    .toMatchObject([
      { coverage: { email: 1, phone: 0.5 }, own_coverage: { email: 1, phone: 0 } },
    ]);
});
