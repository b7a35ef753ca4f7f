import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, fromBrowser, fromShopify, HOUR, NOON } from "../../support/captured.ts";
import { newShop } from "../../support/shop.ts";

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

const browserCopy = {
  ...purchase,
  occurred_at: at(-2),
  page: { url: "https://shop.example/checkout", title: "Thank you" },
  commerce: { total: "1.00", currency: "USD", checkout_token: "co-1", search_query: "shoes" },
  identifiers: { fbp: "fb.1.browser", visitor_id: "f".repeat(32) },
  digests: { "email.lower": ["browser"], "phone.e164": ["browser"] },
  client: { ip: "203.0.113.7", user_agent: "browser", city: "Browserville", language: "nl" },
  consent: { marketing: true, analytics: true },
};
const webhookCopy = {
  ...purchase,
  occurred_at: at(-1),
  page: { url: "https://shop.example/landing", referrer: "https://search.example/" },
  identifiers: { fbp: "fb.1.webhook", customer_id: "77" },
  digests: { "email.lower": ["webhook"] },
  client: { ip: "198.51.100.1", user_agent: "webhook", city: "Delft", country: "NL" },
  consent: { marketing: true, analytics: true, sale_of_data: false },
  channel: "web",
};
const merged = {
  event_id: purchase.event_id,
  occurred_at: at(-1),
  page: { url: "https://shop.example/checkout", title: "Thank you", referrer: "https://search.example/" },
  commerce: { ...purchase.commerce, search_query: "shoes" },
  identifiers: { fbp: "fb.1.browser", visitor_id: "f".repeat(32), customer_id: "77" },
  digests: { "email.lower": ["webhook"], "phone.e164": ["browser"] },
  consent: { marketing: true, analytics: true, sale_of_data: false },
  client: { ip: "203.0.113.7", user_agent: "browser", language: "nl", city: "Delft", country: "NL" },
};

describe("two copies, one event", () => {
  test("browser first, then Shopify: money and person from Shopify, cookies, page and client from the browser", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)]);
    const answer = await shop.ingest([fromShopify("checkout_completed", webhookCopy)], {
      now: at(3),
      slots: 5,
    });
    expect(answer.results[0]).toMatchObject({ status: "merged" });
    const events = await shop.events();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ ...merged, browser_at: NOON, webhook_at: at(3), signed: true });
    expect(events[0]!["visitor_id"]).not.toBeNull();
    // and what is sent now is the merged event, not Shopify's half of it
    expect(answer.sends).toHaveLength(1);
    const { occurred_at: _, ...shown } = merged;
    expect(answer.results[0]!.event).toMatchObject({ ...shown, source: "webhook" });
  });

  test("Shopify first, then browser: the same fields win", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromShopify("checkout_completed", webhookCopy)]);
    const answer = await shop.ingest([fromBrowser("checkout_completed", browserCopy)], { now: at(3) });
    expect(answer.results[0]!.status).toBe("merged");
    const events = await shop.events();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ ...merged, browser_at: at(3), webhook_at: NOON, signed: true });
    expect(events[0]!["visitor_id"]).not.toBeNull();
  });

  test("at most one browser copy ever merges", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)]);
    const forged = fromBrowser("checkout_completed", { ...browserCopy, identifiers: { fbp: "fb.1.forged" } });
    expect((await shop.ingest([forged])).results[0]!.status).toBe("duplicate");
    await shop.ingest([fromShopify("checkout_completed", webhookCopy)]);
    expect((await shop.ingest([forged])).results[0]!.status).toBe("duplicate");
    expect((await shop.events())[0]!["identifiers"]).toMatchObject({ fbp: "fb.1.browser" });
  });

  test.each([["skipped", "sent_by_tag"], ["permanent", "past_dedup_window"]])(
    "what the page's tag would end (%s: %s) is handed back where Shopify's copy came while it was looked at",
    async (kind, reason) => {
      const shop = await newShop(db);
      await shop.ingest([fromBrowser("checkout_started", { ...browserCopy, event_id: "b".repeat(32) })]);
      const { items } = await shop.claim("meta", { now: at(60) });
      expect(items).toHaveLength(1);
      await shop.ingest([fromShopify("checkout_started", { ...webhookCopy, event_id: "b".repeat(32) })], {
        now: at(61),
      });
      await shop.settle(items, { kind, reason }, at(62));
      expect(await shop.delivery()).toMatchObject({ state: "pending", reason: "second_copy", lease: null });
      await shop.settle((await shop.claim("meta", { now: at(63) })).items, { kind: "delivered" }, at(64));
      expect(await shop.delivery()).toMatchObject({ state: "delivered" });
    },
  );

  test("a delivery already ended is not touched by the second copy", async () => {
    const shop = await newShop(db);
    const { sends } = await shop.ingest([fromShopify("checkout_completed", webhookCopy)], { slots: 1 });
    await shop.settle(sends, { kind: "delivered" });
    const before = await shop.delivery();
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)], { slots: 5, now: at(3) });
    expect(await shop.delivery()).toEqual(before);
  });

  test("a delivery being sent is not touched by the second copy", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromShopify("checkout_completed", webhookCopy)], { slots: 1 });
    const before = await shop.delivery();
    const answer = await shop.ingest([fromBrowser("checkout_completed", browserCopy)], {
      slots: 5,
      now: at(3),
    });
    expect(answer.sends).toEqual([]);
    expect(await shop.delivery()).toEqual(before);
  });

  test("a vendor that asked for time gets it though the second copy arrives", async () => {
    const shop = await newShop(db);
    const { sends } = await shop.ingest([fromShopify("checkout_completed", webhookCopy)], { slots: 1 });
    await shop.settle(sends, { kind: "retry", reason: "throttled", delay_ms: 600_000 }, at(1));
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)], { slots: 5, now: at(3) });
    expect(await shop.delivery()).toMatchObject({
      lease: null,
      attempts: 1,
      next_attempt_at: at(601),
      reason: "throttled",
    });
  });

  test("a consent refused in the browser's later copy stops what is not sent yet", async () => {
    const shop = await newShop(db);
    await shop.ingest([
      fromShopify("checkout_completed", { ...webhookCopy, consent: {}, client: { country: "US" } }),
    ]);
    expect(await shop.delivery()).toMatchObject({ state: "pending" });
    await shop.ingest([
      fromBrowser("checkout_completed", { ...browserCopy, consent: { marketing: false, analytics: true } }),
    ]);
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_denied" });
  });
});

describe("a purchase only the browser knows", () => {
  test("waits for the order and is never sent before it", async () => {
    const shop = await newShop(db);
    const answer = await shop.ingest([fromBrowser("checkout_completed", browserCopy)], { slots: 5 });
    expect(answer.sends).toEqual([]);
    expect(await shop.delivery()).toMatchObject({ state: "pending", waits_for: "order", attempts: 0 });
    expect((await shop.claim("meta", { now: at(23 * HOUR) })).items).toEqual([]);
    expect(await shop.due("meta", at(23 * HOUR))).toBe(false);
  });

  test("goes the moment the order arrives", async () => {
    const shop = await newShop(db, { platforms: ["meta", "tiktok"] });
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)], { slots: 5 });
    const answer = await shop.ingest([fromShopify("checkout_completed", webhookCopy)], {
      now: at(60),
      slots: 1,
    });
    expect(answer.sends).toHaveLength(1);
    for (const row of await shop.deliveries()) {
      const leased = answer.sends[0]!.destination_id === row.destination_id;
      expect(row).toMatchObject({ waits_for: null, state: "pending", attempts: leased ? 1 : 0 });
      expect(row.next_attempt_at).toEqual(leased ? at(90) : at(60));
    }
  });

  test("is skipped as no_order after 24 hours, not a second earlier", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)]);
    await shop.expire(at(24 * HOUR - 1));
    expect((await shop.delivery()).state).toBe("pending");
    await shop.expire(at(24 * HOUR));
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "no_order", waits_for: null });
  });

  test("is skipped after 24 hours in a held lane too", async () => {
    const shop = await newShop(db, { platforms: [], tokenless: ["meta"] });
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)]);
    await shop.expire(at(24 * HOUR));
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "no_order" });
  });

  test("is judged by the order: an excluded channel skips it", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)]);
    await shop.ingest([fromShopify("checkout_completed", { ...webhookCopy, channel: "draft" })], {
      slots: 5,
    });
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "source_excluded" });
  });
});

describe("what was left out only because the other copy was missing", () => {
  test("an order paid after a day revives the purchase given up as no_order, with time to repeat it", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)]);
    await shop.expire(at(25 * HOUR));
    const answer = await shop.ingest([fromShopify("checkout_completed", webhookCopy)], {
      now: at(40 * HOUR),
      slots: 1,
    });
    expect(answer.sends).toHaveLength(1);
    expect(await shop.delivery()).toMatchObject({
      state: "pending",
      reason: null,
      retry_until: at(64 * HOUR),
      settled_at: null,
    });
  });

  test("a consent the order did not carry has it read again, and then revives what was skipped as consent_unknown", async () => {
    const shop = await newShop(db, { country: "DE" });
    await shop.ingest([fromShopify("checkout_completed", { ...purchase, consent: {} })], { slots: 1 });
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_unknown" });
    const answer = await shop.ingest([fromBrowser("checkout_completed", browserCopy)], {
      now: at(2),
      slots: 1,
    });
    expect(answer.sends).toEqual([]);
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "consent_unknown" });
    const again = { ...fromShopify("checkout_completed", { ...purchase, consent: {} }), again: true };
    expect((await shop.ingest([again], { now: at(3), slots: 1 })).sends).toHaveLength(1);
    // once: it has left the list
    expect(await shop.ingest([again], { now: at(4), slots: 1 })).toMatchObject({
      results: [{ status: "duplicate" }],
      sends: [],
    });
  });

  test("nothing else that ended is revived", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromShopify("checkout_completed", { ...purchase, test: true })]);
    const before = await shop.delivery();
    expect(before).toMatchObject({ state: "skipped", reason: "test_order" });
    await shop.change({ test_orders: "send" });
    await shop.ingest([fromBrowser("checkout_completed", browserCopy)], { now: at(2), slots: 1 });
    expect(await shop.delivery()).toEqual(before);
  });
});

describe("what waits for its other copy", () => {
  for (const name of ["checkout_started", "product_added_to_cart"]) {
    test(`${name} of a browser alone goes after the shop's grace`, async () => {
      const shop = await newShop(db, { settings: { grace_seconds: 30 } });
      const answer = await shop.ingest([fromBrowser(name)], { slots: 5 });
      expect(answer.sends).toEqual([]);
      expect(await shop.delivery()).toMatchObject({ next_attempt_at: at(30), waits_for: null });
      expect((await shop.claim("meta", { now: at(29) })).items).toEqual([]);
      expect((await shop.claim("meta", { now: at(30) })).items).toHaveLength(1);
    });

    test(`${name} goes at once when both copies are here`, async () => {
      const shop = await newShop(db);
      const id = { event_id: "d".repeat(32) };
      await shop.ingest([fromBrowser(name, id)]);
      const answer = await shop.ingest([fromShopify(name, id)], { slots: 5, now: at(2) });
      expect(answer.sends).toHaveLength(1);
    });

    test(`${name} of Shopify without a known visitor gives the browser ten seconds`, async () => {
      const shop = await newShop(db);
      const id = { event_id: "d".repeat(32) };
      expect((await shop.ingest([fromShopify(name, id)], { slots: 5 })).sends).toEqual([]);
      expect(await shop.delivery()).toMatchObject({ next_attempt_at: at(10), waits_for: null });
      const answer = await shop.ingest([fromBrowser(name, id)], { slots: 5, now: at(1) });
      expect(answer.sends).toHaveLength(1);
      expect(answer.results[0]!.event).toMatchObject({ source: "webhook" });
    });

    test(`${name} of Shopify with a known visitor goes at once`, async () => {
      const shop = await newShop(db);
      await shop.ingest([fromBrowser("page_viewed", {
        identifiers: { visitor_id: "1".repeat(32) },
        commerce: { cart_token: "cart-1" },
      })]);
      const answer = await shop.ingest([fromShopify(name, { commerce: { cart_token: "cart-1" } })], {
        slots: 5,
        now: at(5),
      });
      expect(answer.sends).toHaveLength(1);
    });
  }

  test("what only browsers know goes at once", async () => {
    const shop = await newShop(db);
    for (const name of ["page_viewed", "product_viewed", "search_submitted", "payment_info_submitted"]) {
      expect((await shop.ingest([fromBrowser(name)], { slots: 1 })).sends).toHaveLength(1);
    }
  });
});
