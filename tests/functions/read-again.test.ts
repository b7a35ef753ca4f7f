import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import type { Consent } from "@trakit/core/event.ts";
import { connect } from "@trakit/db/connection.ts";
import { purge } from "@trakit/db/calls/purge.ts";
import { destination } from "@trakit/destinations/registry.ts";
import { pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { ingest } from "@trakit/pipeline/ingest/ingest.ts";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { openApp } from "@trakit/pipeline/shopify/installation.ts";
import { readDueAgain, readOrdersAgain } from "@trakit/pipeline/shopify/read-again.ts";
import type { AdminWorld } from "@trakit/pipeline/shopify/shop-token.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { drainHandler } from "../../functions/drain/handler.ts";
import { expectUnlogged, KEYS } from "../support/pipeline.ts";
import { merchantKit } from "../support/merchant.ts";
import { YES } from "../support/storefront.ts";
import { fixture } from "../unit/shopify/fixture.ts";

const kit = await merchantKit();
const deps = pipelineDependencies({
  ...kit.world,
  db: connect({ url: kit.database.url("trakit_edge"), max: 4 }),
  send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now: kit.world.now }),
  random: () => 0.5,
  keys: KEYS,
  vendorHosts: kit.vendorHosts,
  slots: new Slots(64),
});

/** The way to Shopify, counted. */
let asked = 0;
const world: AdminWorld = {
  ...kit.world,
  shopify: {
    ...kit.world.shopify,
    graphql: (...call) => {
      asked++;
      return kit.world.shopify.graphql(...call);
    },
  } as AdminWorld["shopify"],
};

/** A shop where nobody is sent anywhere without a decision, with Meta and Google. */
async function shopWith({ installed = true } = {}) {
  asked = 0;
  const domain = kit.newDomain();
  if (installed) await openApp(kit.world, domain, kit.shopify().sessionToken(domain));
  const yesterday = new Date(kit.world.now() - 86_400_000);
  const [added] = await kit.database.query<{ shop: { id: string } }>(
    "trakit_worker",
    "select trakit.add_shop($1, 'US', $2, $3) as shop",
    [domain, JSON.stringify({ unknown_consent: "skip" }), yesterday],
  );
  const { id } = added!.shop;
  for (const platform of ["meta", "google"]) {
    const rules = destination(platform)!;
    const demo = DEMO_DESTINATIONS[platform]!;
    await kit.database.query(
      "trakit_worker",
      "select trakit.set_destination($1, $2, $3, $4, $5, $6, $7, null, $8)",
      [
        domain,
        platform,
        rules.purpose,
        rules.limits.maxAgeMs,
        JSON.stringify({ settings: rules.settings.parse({ id: demo.id }) }),
        seal(KEYS, demo.token, tokenSubject(id, platform)),
        demo.token.slice(-4),
        yesterday,
      ],
    );
  }
  return { id, domain };
}

let orderId = 77_000_000;

/** One purchase of a guest: as Shopify's webhook tells it, as its admin does, and as the browser does. */
function purchase(shop: string, consent: Record<string, unknown> = {}) {
  const id = String(orderId++);
  const token = randomBytes(16).toString("hex");
  const at = new Date(kit.world.now() - 60_000).toISOString();
  const body = {
    ...fixture("order-web-guest"),
    id: Number(id),
    checkout_token: token,
    created_at: at,
    processed_at: at,
    updated_at: at,
    // what the admin API tells: no first page and no browser
    landing_site: null,
    referring_site: null,
    client_details: null,
    note_attributes: [{ name: "__trk_fbp", value: "fb.1.1792998010123.1111111111" }, ...attribute(consent)],
  };
  kit.orders.set(shop, [...kit.orders.get(shop) ?? [], { id, updatedAt: at, body }]);
  const pixel = fixture("pixel-checkout_completed");
  pixel.data.checkout.token = token;
  pixel.timestamp = kit.world.now() - 30_000;
  // what only Shopify knows comes from Shopify
  for (const field of ["email", "phone", "billingAddress", "shippingAddress"]) {
    pixel.data.checkout[field] = null;
  }
  return {
    id,
    order: async () => {
      const decoded = decodeOrder(body, { shop });
      if (!decoded.ok) throw new Error("unread");
      const { results, deliver } = await ingest(deps, shop, [{
        event: decoded.event,
        keys: [`order:${id}`, `webhook:${randomBytes(8).toString("hex")}`],
        topic: "orders/create",
        signed: null,
      }], {});
      await deliver();
      return results[0]!.status;
    },
    browser: async (given: Partial<Consent> = YES) => {
      const decoded = decodeBrowserEvent(pixel, {
        shop,
        ip: "198.51.100.23",
        userAgent: "Mozilla/5.0 (of the browser)",
        customerId: null,
        now: kit.world.now(),
        visitor: { visitor_id: "ab".repeat(16), ga: "GA1.1.111.222" },
        consent: { analytics: null, marketing: null, preferences: null, sale_of_data: null, ...given },
      });
      if (!decoded.ok) throw new Error("unread");
      const { results, deliver } = await ingest(deps, shop, [
        { event: decoded.event, keys: [], topic: null, signed: true },
      ], {
        browser: {
          sender: { prefix: "", origin: null, events: 1, signed: true, consent: null, country: null },
          fired: [],
        },
      });
      await deliver();
      return results[0]!.status;
    },
    again: () => readOrdersAgain(deps, world, shop),
  };
}

function attribute(consent: Record<string, unknown>) {
  return "attribute" in consent ? [{ name: "__trk_consent", value: consent["attribute"] }] : [];
}

interface Row {
  identifiers: Record<string, string>;
  digests: Record<string, string[]>;
  page: object;
  client: object;
  commerce: { total: string; order_id: string };
  deliveries: Record<string, string>;
}

/** What is stored of an order, and what became of it. */
async function stored(shopId: string, order: string): Promise<Row> {
  const [row] = await kit.database.query<Row>(
    "postgres",
    `select e.identifiers, e.digests, e.page, e.commerce,
       (select to_jsonb(c) - array['captured_at', 'event_row', 'shop_id'] from trakit.event_clients c
        where c.captured_at = e.captured_at and c.event_row = e.id) as client,
       (select jsonb_object_agg(d.platform, concat_ws(': ', d.state, d.reason)) from trakit.deliveries d
        where d.captured_at = e.captured_at and d.event_row = e.id) as deliveries
     from trakit.events e where e.shop_id = $1 and e.commerce ->> 'order_id' = $2`,
    [shopId, order],
  );
  return row!;
}

const list = (shopId: string) =>
  kit.database.query<{ order_id: string; tries: number; trouble: string | null; due_at: Date | null }>(
    "postgres",
    "select order_id, tries, trouble, due_at from trakit.order_readings where shop_id = $1",
    [shopId],
  );

/** What the vendors were sent in this test, by vendor, less what differs from one purchase to the next. */
function sent(ids: string[]): Record<string, unknown[]> {
  const found: Record<string, unknown[]> = {};
  for (const { vendor, body } of kit.vendors.requests()) {
    const text = JSON.stringify(body);
    (found[vendor] ??= []).push(JSON.parse(
      ids.reduce((all, id) => all.replaceAll(id, "ORDER"), text)
        .replaceAll(/"(event_id|event_time|timestamp_micros|transaction_id|id)":("[^"]*"|\d+)/g, '"$1":0'),
    ));
  }
  return found;
}

const WAITS = { google: "skipped: consent_unknown", meta: "skipped: consent_unknown" };

describe("an order whose buyer decides after it", () => {
  test("is stored without them, read again once they say yes, and sent whole, once", async () => {
    const shop = await shopWith();
    const one = purchase(shop.domain);
    expect(await one.order()).toBe("accepted");
    expect(await stored(shop.id, one.id)).toMatchObject({
      identifiers: {},
      digests: {},
      page: {},
      client: { ip: null, city: null, country: "US" },
      commerce: { total: "102.25" },
      deliveries: WAITS,
    });
    expect(await one.browser()).toBe("merged");
    // nothing goes that is half of it
    expect(await stored(shop.id, one.id)).toMatchObject({ deliveries: WAITS });
    expect(kit.vendors.requests()).toEqual([]);
    expect(await one.again()).toEqual({ read: 1, troubled: 0 });
    const whole = await stored(shop.id, one.id);
    expect(whole).toMatchObject({
      digests: { "email.lower": [expect.stringMatching(/^[0-9a-f]{64}$/)] },
      identifiers: { customer_id: "7012345678801", ga_client_id: "111.222" },
      client: { ip: "198.51.100.23", city: "Brooklyn" },
    });
    expect(Object.values(whole.deliveries).map((state) => state.split(":")[0])).toEqual([
      "delivered",
      "delivered",
    ]);
    expect(kit.vendors.requests()).toHaveLength(2);
    // nobody asks or sends twice, whatever comes again
    const before = asked;
    expect([await one.order(), await one.browser(), await one.again()]).toEqual([
      "duplicate",
      "duplicate",
      { read: 0, troubled: 0 },
    ]);
    expect(asked).toBe(before);
    expect(kit.vendors.requests()).toHaveLength(2);
    expect(await list(shop.id)).toEqual([]);
    expect(await stored(shop.id, one.id)).toEqual(whole);
    expectUnlogged(kit.lines, ["ada@example.com", "198.51.100.23"]);
  });

  const ARRIVALS = [
    ["order", "browser", "again"],
    ["browser", "order", "again"],
    ["order", "again", "browser", "again"],
    ["order", "order", "browser", "browser", "again", "again"],
    ["browser", "again", "order", "again", "order"],
    ["order", "browser", "order", "again"],
  ] as const;
  test.each([
    ["nothing decided in the cart", {}],
    ["allowed in the cart too", { attribute: "a1m1p1s1" }],
    ["analytics allowed in the cart", { attribute: "a1" }],
    ["marketing allowed in the cart", { attribute: "m1" }],
  ])("%s: every order of arrival stores and sends the same", async (_, consent) => {
    const results: { row: Row; sent: unknown }[] = [];
    for (const arrival of ARRIVALS) {
      kit.vendors.reset();
      const shop = await shopWith();
      const one = purchase(shop.domain, consent);
      for (const step of arrival) await one[step]();
      results.push({ row: await stored(shop.id, one.id), sent: sent([one.id]) });
    }
    const comparable = ({ row, sent }: (typeof results)[number]) => ({
      identifiers: row.identifiers,
      digests: row.digests,
      client: row.client,
      states: Object.values(row.deliveries).map((state) => state.split(":")[0]),
      // what goes out last is what counts: a copy sent before the other came may have less
      sent: Object.fromEntries(
        Object.entries(sent as Record<string, unknown[]>).map(([vendor, all]) => [vendor, all.length]),
      ),
    });
    for (const result of results) expect(comparable(result)).toEqual(comparable(results[0]!));
    // what nothing was sent of before both were there goes to the letter the same
    if (!("attribute" in consent)) {
      for (const result of results) expect(result.sent).toEqual(results[0]!.sent);
    }
  });

  test("a refusal by its cart is final: nothing is asked for", async () => {
    for (const arrival of [["order", "browser"], ["browser", "order"]] as const) {
      const shop = await shopWith();
      const one = purchase(shop.domain, { attribute: "a0m0" });
      for (const step of arrival) await one[step]();
      expect(await list(shop.id)).toEqual([]);
      expect(await stored(shop.id, one.id)).toMatchObject({
        identifiers: {},
        digests: {},
        deliveries: { google: "skipped: consent_denied", meta: "skipped: consent_denied" },
      });
    }
  });

  test("one purpose brings back what serves it, and no more is sent", async () => {
    const shop = await shopWith();
    const one = purchase(shop.domain);
    await one.order();
    await one.browser({ analytics: true });
    expect(await one.again()).toEqual({ read: 1, troubled: 0 });
    const row = await stored(shop.id, one.id);
    expect(row.identifiers).not.toHaveProperty("fbp");
    expect(row.deliveries).toMatchObject({ meta: "skipped: consent_unknown" });
    expect(row.deliveries["google"]).toMatch(/^delivered/);
  });
});

describe("the list of orders to be read", () => {
  test("is taken up by the drain, and by any number at once without a second question", async () => {
    const shop = await shopWith();
    const some = [purchase(shop.domain), purchase(shop.domain), purchase(shop.domain)];
    for (const one of some) await one.order();
    for (const one of some) await one.browser();
    const drain = drainHandler({
      ...deps,
      operatorKey: "the-operator-key-of-the-tests-0001",
      pause: () => Promise.resolve(),
      shopify: world,
    });
    asked = 0;
    const call = () =>
      drain(
        new Request("http://edge.test/drain", {
          method: "POST",
          headers: { authorization: "Bearer the-operator-key-of-the-tests-0001" },
        }),
      );
    await Promise.all([call(), readDueAgain(deps, world), readDueAgain(deps, world)]);
    expect(asked).toBe(1);
    for (const one of some) {
      expect(Object.values((await stored(shop.id, one.id)).deliveries).join()).toMatch(
        /^delivered.*delivered/,
      );
    }
  });

  test("loses nothing to a crash: what somebody took and left is due again", async () => {
    const shop = await shopWith();
    const one = purchase(shop.domain);
    await one.order();
    await one.browser();
    const dying: AdminWorld = {
      ...world,
      shopify: {
        ...world.shopify,
        graphql: () => Promise.reject(new Error("killed")),
      } as AdminWorld["shopify"],
    };
    await readDueAgain(deps, dying);
    // another has it no sooner than the lease ends
    expect(await one.again()).toEqual({ read: 0, troubled: 0 });
    kit.pass(121);
    expect(await one.again()).toEqual({ read: 1, troubled: 0 });
  });

  test("waits longer after each failure, a day at most, and says why", async () => {
    const shop = await shopWith();
    const one = purchase(shop.domain);
    await one.order();
    await one.browser();
    kit.orders.set(shop.domain, []);
    kit.stopClock();
    for (const seconds of [60, 120, 240]) {
      expect(await one.again()).toEqual({ read: 0, troubled: 1 });
      expect(await list(shop.id)).toMatchObject([{ trouble: "not_found" }]);
      kit.pass(seconds - 1);
      expect(await one.again()).toEqual({ read: 0, troubled: 0 });
      kit.pass(1);
    }
    kit.pass(86_400);
    expect(await one.again()).toEqual({ read: 0, troubled: 0 });
    expect(await list(shop.id)).toMatchObject([{ trouble: "not_found", due_at: null }]);
    expect(await stored(shop.id, one.id)).toMatchObject({ deliveries: WAITS });
  });

  test("without a token of the shop's stays refused, with the reason, and nothing is sent", async () => {
    const shop = await shopWith({ installed: false });
    const one = purchase(shop.domain);
    await one.order();
    await one.browser();
    expect(await list(shop.id)).toMatchObject([{ trouble: "not_installed" }]);
    expect(await one.again()).toEqual({ read: 0, troubled: 1 });
    expect(asked).toBe(0);
    expect(await list(shop.id)).toMatchObject([{ trouble: "reopen_app" }]);
    expect(await stored(shop.id, one.id)).toMatchObject({ digests: {}, deliveries: WAITS });
    expect(kit.vendors.requests()).toEqual([]);
  });

  test("counts its order once in its customer's history", async () => {
    for (const given of [YES, { analytics: true }]) {
      const shop = await shopWith();
      const one = purchase(shop.domain, given === YES ? {} : { attribute: "a1" });
      await one.order();
      await one.browser(given === YES ? YES : { marketing: true });
      await one.again();
      const rows = await kit.database.query<{ orders: number }>(
        "postgres",
        "select orders from trakit.customers where shop_id = $1",
        [shop.id],
      );
      expect(rows).toEqual([{ orders: 1 }]);
    }
  });
});

test("a yes that is taken back meanwhile reads nothing", async () => {
  const shop = await shopWith();
  const one = purchase(shop.domain);
  await one.order();
  await one.browser();
  await kit.database.query(
    "trakit_edge",
    "select trakit.open_session($1, $2, $3)",
    [
      shop.domain,
      JSON.stringify({ keys: { visitor: "ab".repeat(16) }, host: null, refused: {} }),
      JSON.stringify({
        prefix: "",
        origin: null,
        events: 1,
        consent: { analytics: false, marketing: false },
      }),
    ],
  );
  expect(await list(shop.id)).toEqual([]);
  expect(await one.again()).toEqual({ read: 0, troubled: 0 });
  expect(await stored(shop.id, one.id)).toMatchObject({ digests: {}, deliveries: WAITS });
});

test("the reason stays as long as the event", async () => {
  const shop = await shopWith({ installed: false });
  const one = purchase(shop.domain);
  await one.order();
  await one.browser();
  const after = (days: number) => new Date(kit.world.now() + days * 86_400_000);
  await purge(kit.world.db, 1_000, after(29));
  expect(await list(shop.id)).toHaveLength(1);
  await purge(kit.world.db, 1_000, after(31));
  expect(await list(shop.id)).toEqual([]);
});
