import { describe, expect, test } from "vitest";
import { at, type CapturedCopy, fromBrowser, fromShopify } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop, type Shop } from "../../support/shop.ts";

/**
 * What a key may do depends on who vouches for it (docs/architecture.md, "Identity"). A stranger opens sessions like anybody,
 * so every event of theirs here is signed; every value of theirs holds the word, and so does every value of the victim's.
 */
const db = await testDatabase();

const STRANGER = "stranger";
const VICTIM = "victim";
/** What anybody can know of the victim, and type. */
const ADDRESS = { "email.lower": ["victim-address"], "phone.e164": ["victim-number"] };
const CUSTOMER = "7016459804731";

const browserOf = (word: string) => ({
  visitor_id: `${word}-visitor`,
  client_id: `${word}-client`,
  fbp: `${word}-fbp`,
  fbc: `${word}-fbc`,
  ga_client_id: `${word}-ga`,
});
const tokensOf = (word: string) => ({ checkout_token: `${word}-checkout`, cart_token: `${word}-cart` });

/** Everything kept of events that carry one of these ids, of their visitors, and of the keys and customers these hold. */
async function rowsOf(shop: Shop, eventIds: string[]): Promise<string> {
  const rows = await db.query(
    "postgres",
    `with own as (select * from trakit.events e where e.shop_id = $1 and e.event_id = any ($2))
     select to_jsonb(o) as row from own o
     union all select to_jsonb(v) from trakit.visitors v where v.shop_id = $1 and v.id in (select o.visitor_id from own o)
     union all select to_jsonb(l) from trakit.visitor_links l
       where l.shop_id = $1 and l.visitor_id in (select o.visitor_id from own o)`,
    [shop.id, eventIds],
  );
  return JSON.stringify(rows);
}
const idOf = (copy: CapturedCopy) => copy.event["event_id"] as string;

/** A stranger with an ad's click of their own types the victim's address and number wherever there is a field. */
async function typesTheAddress(shop: Shop, when: number): Promise<string[]> {
  const copies = [
    "lead_submitted",
    "customer_registered",
    "checkout_contact_info_submitted",
    "checkout_started",
  ].map(
    (name) =>
      fromBrowser(name, {
        identifiers: browserOf(STRANGER),
        digests: ADDRESS,
        commerce: name.startsWith("checkout") ? tokensOf(STRANGER) : {},
      }),
  );
  await shop.ingest(copies, { now: at(when) });
  return copies.map(idOf);
}

const purchaseId = { event_id: "victim-purchase".padEnd(32, "0") };
const order = (rest: object = {}) =>
  fromShopify("checkout_completed", {
    ...purchaseId,
    digests: ADDRESS,
    identifiers: { customer_id: CUSTOMER },
    commerce: { order_id: "victim-order", total: "20.00", currency: "USD", ...tokensOf(VICTIM) },
    ...rest,
  });
const visit = (identifiers: object, rest: object = {}) =>
  fromBrowser("page_viewed", { identifiers, ...rest });

/** How the victim buys, each with what they did before. */
const PURCHASES: [string, (shop: Shop) => Promise<string[]>][] = [
  ["that only Shopify reports", async (shop) => {
    await shop.ingest([order({ commerce: { order_id: "victim-order", total: "20.00", currency: "USD" } })], {
      now: at(60),
    });
    return [];
  }],
  ["of a guest", async (shop) => {
    const views = visit(browserOf(VICTIM), { commerce: { cart_token: "victim-cart" } });
    await shop.ingest([views], { now: at(50) });
    await shop.ingest([order({ identifiers: {} })], { now: at(60) });
    return [idOf(views)];
  }],
  ["of somebody logged in", async (shop) => {
    const views = visit({ ...browserOf(VICTIM), customer_id: CUSTOMER }, {
      commerce: { cart_token: "victim-cart" },
    });
    await shop.ingest([views], { now: at(50) });
    await shop.ingest([order()], { now: at(60) });
    return [idOf(views)];
  }],
  ["of somebody who typed their address here before", async (shop) => {
    const typed = fromBrowser("lead_submitted", { identifiers: browserOf(VICTIM), digests: ADDRESS });
    await shop.ingest([typed], { now: at(-1_000) });
    const again = visit(browserOf(VICTIM), { commerce: { cart_token: "victim-cart" } });
    await shop.ingest([again], { now: at(50) });
    await shop.ingest([order()], { now: at(60) });
    return [idOf(typed), idOf(again)];
  }],
  ["whose browser's copy comes first", async (shop) => {
    await shop.ingest([
      fromBrowser("checkout_completed", {
        ...purchaseId,
        identifiers: browserOf(VICTIM),
        digests: ADDRESS,
        commerce: tokensOf(VICTIM),
      }),
    ], { now: at(55) });
    await shop.ingest([order()], { now: at(60) });
    return [];
  }],
];

describe.each(PURCHASES)("a stranger types somebody's address, and a purchase of theirs %s", (_, buys) => {
  test.each([["before it", 0], ["after it", 100]])(
    "%s: carries nothing of the stranger's, and the stranger gets nothing of it",
    async (_when, when) => {
      const shop = await newShop(db);
      const typed: string[] = [];
      if (when === 0) typed.push(...await typesTheAddress(shop, when));
      const events = await buys(shop);
      if (when !== 0) typed.push(...await typesTheAddress(shop, when));
      const back = visit({ visitor_id: `${STRANGER}-visitor` });
      const answer = await shop.ingest([back], { now: at(200) });

      const theirs = await rowsOf(shop, [...events, purchaseId.event_id]);
      expect(theirs).toContain(VICTIM);
      expect(theirs).not.toContain(STRANGER);
      const strangers = await rowsOf(shop, [...typed, idOf(back)]);
      expect(strangers).toContain(STRANGER);
      // the address the stranger typed is on the very rows it was typed on
      expect(strangers.replaceAll(/victim-(address|number)/g, "")).not.toContain(VICTIM);
      expect(JSON.stringify([answer.visitor, answer.results])).not.toContain(VICTIM);
      expect(await rowsOf(shop, [idOf(back)])).not.toContain(VICTIM);
      if (_ !== "that only Shopify reports") expect(theirs).toContain("victim-fbc");
    },
  );
});

describe("a guest who checks out under somebody's address", () => {
  const guests = { event_id: "stranger-purchase".padEnd(32, "0") };
  const underTheirAddress = fromShopify("checkout_completed", {
    ...guests,
    digests: ADDRESS,
    identifiers: { customer_id: CUSTOMER },
    commerce: { order_id: "stranger-order", total: "5.00", currency: "USD", ...tokensOf(STRANGER) },
  });

  test("gets of them what Shopify told of the customer, for this order, and no click id, cookie or visitor", async () => {
    const shop = await newShop(db);
    await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
      shop.domain,
      JSON.stringify({
        customer_id: CUSTOMER,
        digests: { "last_name.lower": ["victim-name"] },
        orders: 3,
        spent: "60",
        currency: "USD",
        as_of: at(-60).toISOString(),
      }),
      at(0),
    ]);
    await shop.ingest([visit({ ...browserOf(VICTIM), customer_id: CUSTOMER }, { digests: ADDRESS })]);
    await shop.ingest([visit(browserOf(STRANGER), { commerce: tokensOf(STRANGER) })], { now: at(1) });
    const { results } = await shop.ingest([underTheirAddress], { now: at(2) });
    expect(results[0]).toMatchObject({
      digests: { ...ADDRESS, "last_name.lower": ["victim-name"] },
      commerce: { customer_orders: 3, customer_type: "returning" },
      identifiers: { ...browserOf(STRANGER), customer_id: CUSTOMER },
    });
    const rows = await rowsOf(shop, [guests.event_id]);
    for (const key of ["visitor", "client", "fbp", "fbc", "ga"]) {
      expect(rows).not.toContain(`${VICTIM}-${key}`);
    }
    // the row's own customer and digests aside, the stranger's visitor learnt nothing of it
    const later = visit({ visitor_id: `${STRANGER}-visitor` });
    await shop.ingest([later], { now: at(3) });
    expect(await rowsOf(shop, [idOf(later)])).not.toMatch(/victim|7016459804731/);
  });

  test("puts nothing of theirs on what the other does afterwards", async () => {
    const shop = await newShop(db);
    await shop.ingest([visit(browserOf(STRANGER), { commerce: tokensOf(STRANGER) })]);
    await shop.ingest([underTheirAddress], { now: at(1) });
    const logged = visit({ ...browserOf(VICTIM), customer_id: CUSTOMER });
    await shop.ingest([logged], { now: at(2) });
    await shop.ingest([order()], { now: at(3) });
    expect(await rowsOf(shop, [idOf(logged), purchaseId.event_id])).not.toContain(STRANGER);
  });

  test("teaches the customer's record no digest, and counts its money", async () => {
    const shop = await newShop(db);
    await shop.ingest([underTheirAddress]);
    const [customer] = await db.query(
      "postgres",
      "select digests, orders, spent from trakit.customers where shop_id = $1",
      [
        shop.id,
      ],
    );
    expect(customer).toEqual({ digests: {}, orders: 1, spent: "5.00" });
  });
});

describe("a cart whose attributes name somebody else's visitor", () => {
  test.each([["before Shopify's word", true], ["after it", false]])(
    "counts for its own row, and neither leads there nor teaches: their visit comes %s",
    async (_, first) => {
      const shop = await newShop(db);
      const theirs = visit(browserOf(VICTIM));
      if (first) await shop.ingest([theirs]);
      const typed = fromShopify("checkout_completed", {
        identifiers: {
          visitor_id: "victim-visitor",
          client_id: "victim-client",
          fbc: "stranger-fbc",
          ttp: "stranger-ttp",
        },
        commerce: { order_id: "stranger-order", total: "5.00", currency: "USD", ...tokensOf(STRANGER) },
      });
      await shop.ingest([typed], { now: at(1) });
      if (!first) await shop.ingest([theirs], { now: at(2) });
      const again = visit({ visitor_id: "victim-visitor" });
      const answer = await shop.ingest([again], { now: at(3) });

      const [row] = (await shop.events()).filter(({ event_id }) => event_id === idOf(typed));
      expect(row).toMatchObject({
        visitor_id: null,
        identifiers: {
          visitor_id: "victim-visitor",
          client_id: "victim-client",
          fbc: "stranger-fbc",
          ttp: "stranger-ttp",
        },
        enriched: [],
      });
      expect(answer.visitor).toEqual(browserOf(VICTIM));
      expect(await rowsOf(shop, [idOf(theirs), idOf(again)])).not.toContain(STRANGER);
    },
  );
});

describe("a registration, which an address anybody can type makes one event of two copies", () => {
  const registration = { event_id: "registration".padEnd(32, "0") };
  const byBrowser = fromBrowser("customer_registered", {
    ...registration,
    identifiers: browserOf(STRANGER),
    digests: ADDRESS,
    page: { url: "https://shop.example/stranger" },
    client: { ip: "stranger-ip" },
    consent: { analytics: true, marketing: true },
  });
  const byShopify = fromShopify("customer_registered", {
    ...registration,
    digests: { "email.lower": ["victim-address"] },
    page: { url: "https://shop.example/account" },
    client: { city: "victim-city" },
    consent: {},
  });

  test("is counted once, and Shopify's word gets nothing of who typed it", async () => {
    const shop = await newShop(db, { settings: { unknown_consent: "send" } });
    await shop.ingest([byShopify]);
    const { results } = await shop.ingest([byBrowser], { now: at(1) });
    expect(results[0]!.status).toBe("merged");
    const events = await shop.events();
    expect(events).toHaveLength(1);
    expect(JSON.stringify(events)).not.toContain(STRANGER);
    expect(events[0]).toMatchObject({
      visitor_id: null,
      digests: { "email.lower": ["victim-address"] },
      consent: {},
    });
  });

  test("is the browser's own word, and nothing of Shopify's, where Shopify's could not be sent for want of a consent", async () => {
    const shop = await newShop(db, { settings: { unknown_consent: "skip" } });
    await shop.ingest([byShopify]);
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_unknown" });
    await shop.ingest([byBrowser], { now: at(1) });
    expect(await shop.delivery()).toMatchObject({ state: "pending" });
    const [event] = await shop.events();
    expect(event).toMatchObject({
      identifiers: browserOf(STRANGER),
      digests: ADDRESS,
      page: { url: "https://shop.example/stranger" },
      client: { ip: "stranger-ip", city: null },
    });
  });

  test("is Shopify's word where a browser's refused: a refusal under an address concerns its own copy", async () => {
    const shop = await newShop(db, { settings: { unknown_consent: "send" } });
    const refusal = {
      ...byBrowser,
      event: { ...byBrowser.event, consent: { analytics: false, marketing: false } },
    };
    await shop.ingest([refusal]);
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_denied" });
    await shop.ingest([byShopify], { now: at(1) });
    expect(await shop.delivery()).toMatchObject({ state: "pending", reason: null });
    const [event] = await shop.events();
    expect(event).toMatchObject({
      visitor_id: null,
      identifiers: {},
      digests: { "email.lower": ["victim-address"] },
      page: { url: "https://shop.example/account" },
      consent: {},
    });
  });

  test("is counted once, and who typed it gets nothing of Shopify's word", async () => {
    const shop = await newShop(db, { settings: { unknown_consent: "send" } });
    await shop.ingest([byBrowser]);
    const before = await shop.events();
    await shop.ingest([byShopify], { now: at(1) });
    const after = await shop.events();
    expect(after).toEqual([{ ...before[0], webhook_at: at(1) }]);
  });
});

describe("an order placed in a browser where another customer was logged in before", () => {
  const browser = { visitor_id: "shared-visitor", fbp: "shared-fbp" };
  const purchase = { event_id: "shared-purchase".padEnd(32, "0") };
  const tokens = { checkout_token: "shared-checkout-token", cart_token: "shared-cart-token" };
  const copies = {
    browser: fromBrowser("checkout_completed", {
      ...purchase,
      identifiers: browser,
      digests: { "email.lower": ["buyers-address"] },
      commerce: tokens,
    }),
    shopify: fromShopify("checkout_completed", {
      ...purchase,
      identifiers: { customer_id: "222" },
      digests: { "email.lower": ["buyers-address"] },
      commerce: { order_id: "shared-order", total: "5.00", currency: "USD", ...tokens },
    }),
  };

  test.each([["browser", "shopify"], ["shopify", "browser"]] as const)(
    "is its own customer's, and nothing of the other's goes with it: %s first",
    async (first, second) => {
      const shop = await newShop(db);
      await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
        shop.domain,
        JSON.stringify({
          customer_id: "111",
          digests: { "email.lower": ["others-address"], "phone.e164": ["others-number"] },
          orders: 7,
          spent: "70",
          currency: "USD",
          as_of: at(-60),
        }),
        at(-60),
      ]);
      await shop.ingest([visit({ ...browser, customer_id: "111" })], { now: at(-30) });
      await shop.ingest([copies[first]]);
      await shop.ingest([copies[second]], { now: at(1) });
      const [, order] = await shop.events();
      expect(order).toMatchObject({
        identifiers: { ...browser, customer_id: "222" },
        digests: { "email.lower": ["buyers-address"] },
      });
      expect(JSON.stringify(order)).not.toMatch(/others-|customer_orders|customer_value/);
    },
  );
});
