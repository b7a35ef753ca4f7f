import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, fromBrowser, fromShopify, NOON } from "../../support/captured.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();

const hex = (n: number) => n.toString(16).padStart(32, "0");

async function view(shop: Shop, identifiers: object, rest: object = {}, now = NOON) {
  const answer = await shop.ingest([fromBrowser("page_viewed", { identifiers, ...rest })], { now });
  return { ...answer, own: answer.results[0]!.identifiers! };
}

describe("ids", () => {
  test.each(["visitor_id", "client_id", "customer_id"])(
    "%s leads to the same visitor again and restores its cookies",
    async (key) => {
      const shop = await newShop(db);
      await view(shop, { [key]: hex(1), fbp: "fb.1.1.1", gclid: "click" });
      const again = await view(shop, { [key]: hex(1) }, {}, at(5));
      expect(again.visitor).toEqual({ [key]: hex(1), fbp: "fb.1.1.1", gclid: "click" });
      expect(again.own).toEqual(again.visitor);
      expect(await shop.visitors()).toHaveLength(1);
    },
  );

  test("any two of them merge two visitors; the older one stays and newer values win", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), fbp: "old", ttp: "old" });
    await view(shop, { customer_id: "77", fbp: "new", epik: "new" }, {}, at(10));
    const [older, newer] = await shop.visitors();
    const answer = await view(shop, { visitor_id: hex(1), customer_id: "77" }, {}, at(20));

    const left = await shop.visitors();
    expect(left.map((visitor) => visitor.id)).toEqual([older!.id]);
    expect(left[0]!.identifiers).toMatchObject({ fbp: "new", ttp: "old", epik: "new" });
    expect(answer.visitor).toMatchObject({ fbp: "new", ttp: "old", epik: "new" });
    expect(newer!.id).not.toBe(older!.id);
    for (const [kind, value] of [["visitor", hex(1)], ["customer", "77"]] as const) {
      expect((await shop.link(kind, value))!.visitor_id).toBe(older!.id);
    }
  });

  test("three visitors merge into the oldest at once", async () => {
    const shop = await newShop(db);
    await view(shop, { client_id: hex(3) });
    await view(shop, { visitor_id: hex(1) }, {}, at(1));
    await view(shop, { customer_id: "77" }, {}, at(2));
    const [oldest] = await shop.visitors();
    await view(shop, { visitor_id: hex(1), client_id: hex(3), customer_id: "77" }, {}, at(3));
    expect((await shop.visitors()).map((visitor) => visitor.id)).toEqual([oldest!.id]);
  });

  test("a merge happens also where other events of the call come first", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1) });
    await view(shop, { visitor_id: hex(2) }, {}, at(1));
    await shop.ingest([
      fromBrowser("page_viewed", { identifiers: { visitor_id: hex(3) } }),
      fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1), customer_id: "77" } }),
      fromBrowser("page_viewed", { identifiers: { visitor_id: hex(2), customer_id: "77" } }),
    ], { now: at(2) });
    // within one call customer 77 was nobody's yet: the next event of it merges
    await view(shop, { visitor_id: hex(2), customer_id: "77" }, {}, at(3));
    expect(await shop.visitors()).toHaveLength(2);
    expect((await shop.link("visitor", hex(2)))!.visitor_id).toBe(
      (await shop.link("visitor", hex(1)))!.visitor_id,
    );
  });

  test("a key that joined more than twenty visitors stops joining", async () => {
    const shop = await newShop(db);
    for (let n = 1; n <= 25; n++) {
      await view(shop, { visitor_id: hex(n) }, {}, at(n));
      await view(shop, { visitor_id: hex(n), customer_id: "77" }, {}, at(n));
    }
    expect((await shop.link("customer", "77"))!.joined).toBe(21);
    // twenty-one came together, the others stay who they are
    expect(await shop.visitors()).toHaveLength(5);
    const before = (await shop.visitors()).length;
    await view(shop, { customer_id: "77" }, {}, at(99));
    await view(shop, { customer_id: "77" }, {}, at(100));
    expect(await shop.visitors()).toHaveLength(before);
  });

  test("a key leads nowhere in another shop", async () => {
    const [one, two] = [await newShop(db), await newShop(db)];
    await view(one, { visitor_id: hex(1), fbp: "one" });
    expect((await view(two, { visitor_id: hex(1) })).visitor).toEqual({ visitor_id: hex(1) });
  });

  test("past twenty new browsers a customer's key joins nothing: a shared till is nobody's", async () => {
    const shop = await newShop(db);
    for (let n = 1; n <= 25; n++) await view(shop, { visitor_id: hex(n), customer_id: "77" }, {}, at(n));
    expect((await shop.link("customer", "77"))!.joined).toBe(21);
    // twenty-one met there without one of them ever being folded
    expect(await shop.visitors()).toHaveLength(5);
  });

  test("past twenty customers a browser's own key joins nothing: they take nothing of each other home", async () => {
    const shop = await newShop(db);
    const till = { visitor_id: hex(1), client_id: hex(2), fbc: "of the till" };
    for (let n = 1; n <= 25; n++) await view(shop, { ...till, customer_id: `${n}` }, {}, at(n));
    expect(await shop.link("visitor", hex(1))).toMatchObject({ joined: 21 });
    expect(await shop.link("client", hex(2))).toMatchObject({ joined: 21 });
    const home = await view(shop, { visitor_id: hex(99), customer_id: "25" }, {}, at(99));
    expect(home.visitor).toEqual({ visitor_id: hex(99), customer_id: "25" });
    await view(shop, { visitor_id: hex(98), customer_id: "24", fbc: "another" }, {}, at(100));
    expect((await view(shop, { visitor_id: hex(99) }, {}, at(101))).visitor).not.toMatchObject({
      fbc: "another",
    });
  });

  test("a pixel's new id beside our own is the same browser's, and counts for nothing", async () => {
    const shop = await newShop(db);
    for (let n = 1; n <= 25; n++) {
      await view(shop, { visitor_id: hex(1), client_id: hex(100 + n) }, {}, at(n));
    }
    expect(await shop.visitors()).toHaveLength(1);
    expect((await shop.link("visitor", hex(1)))!.joined).toBe(1);
  });
});

const TOKENS = [
  ["checkout", { commerce: { checkout_token: "token-1" } }],
  ["cart", { commerce: { cart_token: "token-1" } }],
] as const;

describe.each(TOKENS)("a %s token", (kind, carried) => {
  test("joins Shopify's event to its browser: cookies and click ids flow to it, its visitor is named", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), customer_id: "77", fbp: "own", fbc: "own" }, carried);
    const { results } = await shop.ingest([
      fromShopify("checkout_started", { ...carried, identifiers: { fbp: "typed" } }),
    ], { now: at(5) });
    // who was logged in is no cookie: whose order it is, the order says
    expect(results[0]!.identifiers).toEqual({ visitor_id: hex(1), fbp: "typed", fbc: "own" });
    expect((await shop.events())[1]!["visitor_id"]).toBe((await shop.visitors())[0]!.id);
  });

  test("lets nothing flow back: an order founds no visitor, and teaches none anything", async () => {
    const shop = await newShop(db);
    const order = {
      identifiers: { customer_id: "77", visitor_id: hex(2), client_id: hex(3), fbp: "typed" },
      digests: { "email.lower": ["typed"] },
      commerce: { ...carried.commerce, order_id: "1" },
    };
    await shop.ingest([fromShopify("checkout_completed", order)]);
    expect(await shop.visitors()).toEqual([]);
    await view(shop, { visitor_id: hex(1) }, carried, at(1));
    await shop.ingest([
      fromShopify("checkout_completed", { ...order, commerce: { ...carried.commerce, order_id: "2" } }),
    ], { now: at(2) });
    expect((await shop.visitors()).map(({ identifiers }) => identifiers)).toEqual([{ visitor_id: hex(1) }]);
    for (const [kind, key] of [["customer", "77"], ["visitor", hex(2)], ["client", hex(3)]] as const) {
      expect(await shop.link(kind, key)).toBeUndefined();
    }
  });

  test("adds nothing to a browser that has an id of its own, and gives it nothing back", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), fbp: "one", fbc: "one" }, carried);
    const answer = await view(shop, { visitor_id: hex(2), fbp: "two" }, carried, at(5));
    expect([answer.own, answer.visitor]).toEqual([undefined, { visitor_id: hex(2), fbp: "two" }]);
    // it is where the checkout goes on: Shopify's next word of it is joined to this browser
    const { results } = await shop.ingest([fromShopify("checkout_started", carried)], { now: at(6) });
    expect(results[0]!.identifiers).toEqual({ visitor_id: hex(2), fbp: "two" });
  });

  test("never merges visitors", async () => {
    const shop = await newShop(db);
    for (let n = 1; n <= 4; n++) await view(shop, { visitor_id: hex(n) }, carried, at(n));
    expect(await shop.visitors()).toHaveLength(4);
  });

  test("makes no visitor of its own and restores nothing", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), fbp: "own" }, carried);
    const answer = await view(shop, {}, carried, at(5));
    expect(answer.own).toMatchObject({ fbp: "own" });
    expect(answer.visitor).toEqual({});
    expect(await shop.visitors()).toHaveLength(1);
  });

  test("stops joining, and its row stops being written, past twenty visitors", async () => {
    const shop = await newShop(db);
    for (let n = 1; n <= 25; n++) await view(shop, { visitor_id: hex(n), fbp: `v${n}` }, carried, at(n));
    expect((await shop.link(kind, "token-1"))!.joined).toBe(21);
    const answer = await shop.ingest([fromShopify("checkout_started", carried)], { now: at(99) });
    expect(answer.results[0]).not.toHaveProperty("identifiers");
  });
});

test("the checkout's token joins before the cart's", async () => {
  const shop = await newShop(db);
  await view(shop, { visitor_id: hex(2), fbp: "cart" }, { commerce: { cart_token: "c" } });
  await view(shop, { visitor_id: hex(3), fbp: "checkout" }, { commerce: { checkout_token: "k" } });
  const order = (commerce: object) =>
    shop.ingest([fromShopify("checkout_started", { commerce })], { now: at(9) });
  expect((await order({ checkout_token: "k", cart_token: "c" })).results[0]!.identifiers).toMatchObject({
    fbp: "checkout",
  });
  expect((await order({ cart_token: "c" })).results[0]!.identifiers).toMatchObject({ fbp: "cart" });
});

describe("what a visitor remembers", () => {
  test("a new click replaces the old one", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), fbc: "old" });
    await view(shop, { visitor_id: hex(1), fbc: "new" }, {}, at(1));
    expect((await shop.visitors())[0]!.identifiers).toMatchObject({ fbc: "new" });
  });

  test("its row is written at most once a minute while nothing about it changes", async () => {
    const shop = await newShop(db);
    const seen = async () =>
      (await db.query<{ last_seen_at: Date }>(
        "postgres",
        "select last_seen_at from trakit.visitors where shop_id = $1",
        [
          shop.id,
        ],
      ))[0]!.last_seen_at;
    await view(shop, { visitor_id: hex(1) });
    await view(shop, { visitor_id: hex(1) }, {}, at(59));
    expect(await seen()).toEqual(NOON);
    await view(shop, { visitor_id: hex(1) }, {}, at(61));
    expect(await seen()).toEqual(at(61));
  });

  test("the latest explicit decision wins, purpose by purpose, and silence never overrides a no", async () => {
    const shop = await newShop(db);
    const consent = async () => (await shop.visitors())[0]!.consent;
    await view(shop, { visitor_id: hex(1) }, { consent: { marketing: true } });
    await view(shop, { visitor_id: hex(1) }, { consent: { marketing: false, analytics: true } }, at(1));
    await view(shop, { visitor_id: hex(1) }, { consent: {} }, at(2));
    await view(shop, { visitor_id: hex(1) }, { consent: { analytics: true, preferences: true } }, at(3));
    expect(await consent()).toEqual({ marketing: false, analytics: true, preferences: true });
    await view(shop, { visitor_id: hex(1) }, { consent: { marketing: true } }, at(4));
    expect(await consent()).toEqual({ marketing: true, analytics: true, preferences: true });
  });

  test("a merge keeps the later decision and loses no refusal", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1) }, { consent: { marketing: false, analytics: true } });
    await view(shop, { customer_id: "77" }, { consent: { analytics: true } }, at(5));
    await view(shop, { visitor_id: hex(1), customer_id: "77" }, { consent: { analytics: true } }, at(6));
    expect((await shop.visitors()).map((visitor) => visitor.consent)).toEqual([{
      marketing: false,
      analytics: true,
    }]);
  });
});
