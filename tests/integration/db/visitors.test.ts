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

describe("strong keys", () => {
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

  test("an order's signed customer id is a strong key, its attributes are not", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), fbp: "one" });
    const order = {
      identifiers: { customer_id: "77", visitor_id: hex(1), fbp: "typed" },
      commerce: { order_id: "1" },
    };
    const answer = await shop.ingest([fromShopify("checkout_completed", order)], { now: at(5) });
    // its own go with this event …
    expect((await shop.events()).at(-1)!["identifiers"]).toMatchObject({ customer_id: "77", fbp: "typed" });
    expect(answer.visitor).toEqual({});
    // … but customer 77 is not that visitor, and the vault learned no cookie from the order
    const visitors = await shop.visitors();
    expect(visitors).toHaveLength(2);
    expect((await shop.link("customer", "77"))!.visitor_id).not.toBe(
      (await shop.link("visitor", hex(1)))!.visitor_id,
    );
    expect(visitors.map((visitor) => visitor.identifiers["fbp"])).toEqual(["one", undefined]);
  });
});

const WEAK = [
  ["checkout", { commerce: { checkout_token: "weak-1" } }],
  ["cart", { commerce: { cart_token: "weak-1" } }],
  ["email", { digests: { "email.lower": ["weak-1"] } }],
  ["phone", { digests: { "phone.e164": ["weak-1"] } }],
] as const;

describe.each(WEAK)("weak key %s", (kind, carried) => {
  test("enriches another event's request and gives the browser nothing back", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), fbp: "victim", fbc: "victim" }, carried);
    const answer = await view(shop, { visitor_id: hex(2), fbp: "own" }, carried, at(5));
    expect(answer.own).toEqual({ visitor_id: hex(2), fbp: "own", fbc: "victim" });
    expect(answer.visitor).toEqual({ visitor_id: hex(2), fbp: "own" });
  });

  test("never merges visitors", async () => {
    const shop = await newShop(db);
    for (let n = 1; n <= 4; n++) await view(shop, { visitor_id: hex(n) }, carried, at(n));
    expect(await shop.visitors()).toHaveLength(4);
  });

  test("makes no visitor of its own and restores nothing", async () => {
    const shop = await newShop(db);
    await view(shop, { visitor_id: hex(1), fbp: "victim" }, carried);
    const answer = await view(shop, {}, carried, at(5));
    expect(answer.own).toMatchObject({ fbp: "victim" });
    expect(answer.visitor).toEqual({});
    expect(await shop.visitors()).toHaveLength(1);
  });

  test("stops enriching, and its row stops being written, past twenty visitors", async () => {
    const shop = await newShop(db);
    for (let n = 1; n <= 25; n++) await view(shop, { visitor_id: hex(n), fbp: `v${n}` }, carried, at(n));
    expect((await shop.link(kind, "weak-1"))!.joined).toBe(21);
    const answer = await shop.ingest([fromShopify("order_refunded", carried)], { now: at(99) });
    expect(answer.results[0]).not.toHaveProperty("identifiers");
  });
});

test("the most specific weak key enriches: checkout before cart before email", async () => {
  const shop = await newShop(db);
  await view(shop, { visitor_id: hex(1), fbp: "email" }, { digests: { "email.lower": ["e"] } });
  await view(shop, { visitor_id: hex(2), fbp: "cart" }, { commerce: { cart_token: "c" } });
  await view(shop, { visitor_id: hex(3), fbp: "checkout" }, { commerce: { checkout_token: "k" } });
  const order = (commerce: object) =>
    shop.ingest([fromShopify("order_refunded", { digests: { "email.lower": ["e"] }, commerce })], {
      now: at(9),
    });
  expect((await order({ checkout_token: "k", cart_token: "c" })).results[0]!.identifiers).toMatchObject({
    fbp: "checkout",
  });
  expect((await order({ cart_token: "c" })).results[0]!.identifiers).toMatchObject({ fbp: "cart" });
  expect((await order({})).results[0]!.identifiers).toMatchObject({ fbp: "email" });
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
