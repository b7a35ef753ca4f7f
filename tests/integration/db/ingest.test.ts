import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, fromBrowser, fromShopify, HOUR, NOON } from "../../support/captured.ts";
import { newShop, PLATFORMS, sealedToken } from "../../support/shop.ts";

const db = await testDatabase();

const purchase = {
  event_id: "a".repeat(32),
  commerce: {
    order_id: "1001",
    order_name: "#1001",
    total: "49.90",
    currency: "EUR",
    checkout_token: "co-1",
  },
};

describe("what arrives", () => {
  test("an event is stored with a delivery for each destination, leased up to the caller's slots", async () => {
    const shop = await newShop(db, { platforms: PLATFORMS });
    const answer = await shop.ingest([fromShopify("checkout_completed", purchase)], { slots: 3 });

    expect(answer.results).toMatchObject([{ event_id: purchase.event_id, status: "accepted" }]);
    expect(answer.sends).toHaveLength(3);
    expect(answer.sends.map((send) => send.index)).toEqual([0, 0, 0]);
    for (const send of answer.sends) {
      expect(answer.destinations[send.destination_id]).toMatchObject({
        platform: PLATFORMS.find((platform) => shop.lanes[platform] === send.destination_id),
        version: 1,
        sealed: sealedToken(),
      });
    }
    const rows = await shop.deliveries();
    expect(rows.map((row) => row.platform)).toEqual(PLATFORMS);
    for (const row of rows) {
      const sent = answer.sends.find((send) => send.destination_id === row.destination_id);
      expect(row).toMatchObject(
        sent
          ? { state: "pending", attempts: 1, lease: sent.lease, next_attempt_at: at(30) }
          : { state: "pending", attempts: 0, lease: null, next_attempt_at: NOON },
      );
      expect(row.retry_until).toEqual(at(24 * HOUR));
    }
  });

  test("slots count across all events of a call, and none are taken when there are none", async () => {
    const shop = await newShop(db, { platforms: ["meta", "tiktok"] });
    const three = [1, 2, 3].map(() => fromBrowser("page_viewed"));
    expect((await shop.ingest(three, { slots: 3 })).sends.map((send) => send.index)).toEqual([0, 0, 1]);
    const none = await shop.ingest([fromBrowser("page_viewed")], { slots: 0 });
    expect(none.sends).toEqual([]);
    expect((await shop.ingest([fromBrowser("page_viewed")], { slots: -5 })).sends).toEqual([]);
  });

  test("a destination gets only the events chosen for it", async () => {
    const shop = await newShop(db, { platforms: [] });
    await shop.set("meta", { events: ["checkout_completed"] });
    await shop.set("tiktok", { events: ["page_viewed"] });
    await shop.ingest([fromBrowser("page_viewed")]);
    expect((await shop.deliveries()).map((row) => row.platform)).toEqual(["tiktok"]);
  });

  test("a disabled destination gets no delivery", async () => {
    const shop = await newShop(db, { platforms: ["meta", "tiktok"] });
    await shop.set("meta", { enabled: false });
    await shop.ingest([fromBrowser("page_viewed")]);
    expect((await shop.deliveries()).map((row) => row.platform)).toEqual(["tiktok"]);
  });

  test("what a destination was owed before it was disabled comes with all that is needed to send it", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_completed", purchase)]);
    await shop.set("meta", { enabled: false });
    const answer = await shop.ingest([fromShopify("checkout_completed", purchase)], { slots: 1, now: at(1) });
    expect(answer.sends).toHaveLength(1);
    expect(answer.destinations[answer.sends[0]!.destination_id])
      .toMatchObject({ platform: "meta", sealed: sealedToken() });
  });

  test("a destination without a token has a held lane: its deliveries wait and nothing is leased", async () => {
    const shop = await newShop(db, { platforms: ["meta"], tokenless: ["tiktok"] });
    const answer = await shop.ingest([fromBrowser("page_viewed")], { slots: 5 });
    expect(answer.sends.map((send) => send.destination_id)).toEqual([shop.lanes.meta]);
    expect(await shop.delivery("tiktok")).toMatchObject({ state: "pending", attempts: 0, lease: null });
    expect(await shop.lane("tiktok")).toMatchObject({ state: "held", reason: "no_token" });
    expect((await shop.claim("tiktok")).items).toEqual([]);
  });

  test("retries never go past the age the platform takes", async () => {
    const shop = await newShop(db, { platforms: [] });
    await shop.set("pinterest", { maxAgeMs: HOUR * 1_000 });
    await shop.ingest([fromBrowser("page_viewed")]);
    expect((await shop.delivery("pinterest")).retry_until).toEqual(at(HOUR));
  });

  test("an event without keys is a bug of the caller, not a duplicate", async () => {
    const shop = await newShop(db);
    await expect(shop.ingest([fromBrowser("page_viewed", { keys: [] })])).rejects.toMatchObject({
      code: "22023",
    });
    expect(await shop.events()).toEqual([]);
  });

  test("what some vendors take in clear stands apart from the event", async () => {
    const shop = await newShop(db);
    await shop.ingest([
      fromBrowser("page_viewed", { client: { ip: "203.0.113.7", user_agent: "Mozilla", city: "Delft" } }),
    ]);
    const [event] = await shop.events();
    expect(event!["client"]).toMatchObject({ ip: "203.0.113.7", user_agent: "Mozilla", city: "Delft" });
    const { client, ...row } = event!;
    expect(JSON.stringify(row)).not.toContain("203.0.113.7");
    expect(client).toBeTruthy();
  });
});

describe("who sends it", () => {
  test("a shop nobody knows is counted and nothing is stored", async () => {
    const shop = await newShop(db);
    const sql = "select trakit.ingest_events($1, $2, 0, 'webhooks', '{}', $3) as ingested";
    const copies = JSON.stringify([fromBrowser("page_viewed"), fromBrowser("page_viewed")]);
    const count = () =>
      db.query<{ count: string }>(
        "postgres",
        "select sum(count)::text as count from trakit.refusals where shop_id = '00000000-0000-0000-0000-000000000000' " +
          "and place = 'webhooks' and reason = 'unknown_shop' and day = '2031-03-12'",
      );
    const before = Number((await count())[0]?.count ?? 0);
    const [row] = await db.query<{ ingested: { shop: string; results: unknown[] } }>(
      "trakit_edge",
      sql,
      ["nobody.myshopify.com", copies, NOON],
    );
    expect(row!.ingested).toMatchObject({ shop: "unknown", results: [], sends: [] });
    expect(Number((await count())[0]!.count)).toBe(before + 2);
    expect(await shop.events()).toEqual([]);
  });

  test("an uninstalled shop's events are counted under it and not stored", async () => {
    const shop = await newShop(db);
    await db.query(
      "postgres",
      "update trakit.shops set status = 'uninstalled', uninstalled_at = $2 where id = $1",
      [shop.id, NOON],
    );
    expect(await shop.ingest([fromBrowser("page_viewed")], { slots: 5 })).toMatchObject({
      shop: "uninstalled",
      sends: [],
    });
    expect(await shop.events()).toEqual([]);
    expect(
      await db.query(
        "postgres",
        "select place, reason, sum(count)::text as count from trakit.refusals where shop_id = $1 group by 1, 2",
        [
          shop.id,
        ],
      ),
    ).toEqual([{ place: "proxy", reason: "uninstalled_shop", count: "1" }]);
  });

  test("what the caller refused is added to the day's counters", async () => {
    const shop = await newShop(db);
    await shop.ingest([], { refused: { stale_token: 2, forged_token: 1 } });
    await shop.ingest([fromBrowser("page_viewed")], { refused: { stale_token: 3, nothing: 0 }, now: at(60) });
    await shop.ingest([], { refused: { stale_token: 1 }, now: at(12 * HOUR), place: "webhooks" });
    expect(
      await db.query(
        "postgres",
        "select day::text, place, reason, sum(count)::text as count from trakit.refusals where shop_id = $1 group by 1, 2, 3 order by 1, 2, 3",
        [shop.id],
      ),
    ).toEqual([
      { day: "2031-03-12", place: "proxy", reason: "forged_token", count: "1" },
      { day: "2031-03-12", place: "proxy", reason: "stale_token", count: "5" },
      { day: "2031-03-13", place: "webhooks", reason: "stale_token", count: "1" },
    ]);
  });
});

describe("a browser's event without a token", () => {
  test("is stored and marked unsigned where the shop accepts it", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("page_viewed", { signed: false })]);
    expect((await shop.events())[0]).toMatchObject({ signed: false });
  });

  test("is refused, counted and leaves its key free where the shop does not", async () => {
    const shop = await newShop(db, { settings: { unsigned_events: false } });
    const id = { event_id: "e".repeat(32) };
    const answer = await shop.ingest(
      [fromBrowser("page_viewed", { ...id, signed: false }), fromBrowser("page_viewed", { signed: false })],
      { slots: 5, refused: { unsigned_event: 1 } },
    );
    expect(answer.results.map(({ status, reason }) => [status, reason])).toEqual([
      ["refused", "unsigned_event"],
      ["refused", "unsigned_event"],
    ]);
    expect(answer.sends).toEqual([]);
    expect(await shop.events()).toEqual([]);
    expect(await shop.visitors()).toEqual([]);
    expect(
      await db.query(
        "postgres",
        "select reason, sum(count)::int as n from trakit.refusals where shop_id = $1 group by 1",
        [
          shop.id,
        ],
      ),
    ).toEqual([{ reason: "unsigned_event", n: 3 }]);
    expect((await shop.ingest([fromBrowser("page_viewed", id)])).results[0]!.status).toBe("accepted");
  });

  test("says nothing about Shopify's copies, which carry none", async () => {
    const shop = await newShop(db, { settings: { unsigned_events: false } });
    expect((await shop.ingest([fromShopify("checkout_completed", purchase)])).results[0]!.status).toBe(
      "accepted",
    );
  });
});

describe("what is one event", () => {
  test("a repeated webhook is counted once", async () => {
    const shop = await newShop(db);
    const webhook = fromShopify("order_refunded", { webhook_id: "w-1" });
    expect((await shop.ingest([webhook])).results[0]!.status).toBe("accepted");
    const again = await shop.ingest([webhook], { slots: 5, now: at(60) });
    expect(again.results).toEqual([{ event_id: webhook.event["event_id"], status: "duplicate" }]);
    expect(again.sends).toEqual([]);
    expect(await shop.deliveries()).toHaveLength(1);
  });

  test("a webhook id alone makes it a repeat, whatever event id it carries", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromShopify("product_added_to_cart", { webhook_id: "w-1" })]);
    const again = await shop.ingest([fromShopify("product_added_to_cart", { webhook_id: "w-1" })]);
    expect(again.results[0]!.status).toBe("duplicate");
    expect(await shop.events()).toHaveLength(1);
  });

  test("a repeated order id is counted once", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromShopify("checkout_completed", purchase)]);
    const other = fromShopify("checkout_completed", { ...purchase, event_id: "b".repeat(32) });
    expect((await shop.ingest([other])).results[0]!.status).toBe("duplicate");
    expect(await shop.events()).toHaveLength(1);
  });

  test("one order by both topics is one event, whichever comes first", async () => {
    for (const topics of [["orders/create", "orders/paid"], ["orders/paid", "orders/create"]]) {
      const shop = await newShop(db, { settings: { order_topic: "orders/paid" } });
      const statuses = [];
      for (const topic of topics) {
        const answer = await shop.ingest([fromShopify("checkout_completed", { ...purchase, topic })]);
        statuses.push([topic, answer.results[0]!.status, answer.results[0]!.reason]);
      }
      expect(statuses).toContainEqual(["orders/create", "ignored", "other_topic"]);
      expect(statuses).toContainEqual(["orders/paid", "accepted", undefined]);
      expect(await shop.events()).toHaveLength(1);
    }
  });

  test("a copy by the other topic takes no key from the right one in the same call", async () => {
    const shop = await newShop(db);
    const answer = await shop.ingest([
      fromShopify("checkout_completed", { ...purchase, topic: "orders/paid" }),
      fromShopify("checkout_completed", { ...purchase, topic: "orders/create" }),
    ]);
    expect(answer.results.map((result) => result.status)).toEqual(["ignored", "accepted"]);
    const later = fromShopify("checkout_completed", { ...purchase, event_id: "c".repeat(32) });
    expect((await shop.ingest([later])).results[0]!.status).toBe("duplicate");
  });

  test("a duplicate inside one call is found", async () => {
    const shop = await newShop(db);
    const view = fromBrowser("page_viewed");
    const answer = await shop.ingest([view, view, fromBrowser("page_viewed")], { slots: 9 });
    expect(answer.results.map((result) => result.status)).toEqual(["accepted", "duplicate", "accepted"]);
    expect(answer.sends.map((send) => send.index)).toEqual([0, 2]);
  });

  test("both copies in one call become one event", async () => {
    const shop = await newShop(db);
    const answer = await shop.ingest([
      fromBrowser("checkout_completed", purchase),
      fromShopify("checkout_completed", purchase),
    ], {
      slots: 5,
    });
    expect(answer.results.map((result) => result.status)).toEqual(["accepted", "merged"]);
    expect(answer.sends.map((send) => send.index)).toEqual([1]);
    expect(await shop.deliveries()).toHaveLength(1);
  });

  test("the same keys in two shops are two events", async () => {
    const [one, two] = [await newShop(db), await newShop(db)];
    for (const shop of [one, two]) {
      expect(
        (await shop.ingest([fromShopify("checkout_completed", { ...purchase, webhook_id: "w-1" })]))
          .results[0]!.status,
      )
        .toBe("accepted");
    }
  });
});
