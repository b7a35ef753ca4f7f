import { describe, expect, test } from "vitest";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { browserBatchSchema } from "@trakit/shopify/browser-schema.ts";
import { decode, event, HOUR, NOW } from "./browser-events.ts";

describe("names", () => {
  test("every canonical name but refunds may come from a browser", () => {
    for (const name of EVENT_NAMES) {
      const data = name.startsWith("checkout_")
        ? { checkout: { token: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3" } }
        : {};
      expect(decode({ name, data })).toMatchObject(
        name === "order_refunded"
          ? { ok: false, reason: "not_from_browser", issues: [] }
          : { ok: true, event: { name } },
      );
    }
  });

  test.each(["", "Page_Viewed", "clicked", "__proto__", "constructor"])("%j is unknown", (name) => {
    expect(decode({ name })).toEqual({ ok: false, reason: "unknown_event", issues: [] });
  });
});

describe("times", () => {
  test.each([
    [NOW - 24 * HOUR, NOW - 24 * HOUR],
    [NOW - 1, NOW - 1],
    [NOW, NOW],
    [NOW + 1, NOW],
    [NOW + 300_000, NOW],
  ])("%d is taken as %d: a clock slightly ahead counts as now", (timestamp, taken) => {
    expect(event({ timestamp }).occurred_at).toBe(new Date(taken).toISOString());
    expect(event({ timestamp: new Date(timestamp).toISOString() }).occurred_at).toBe(
      new Date(taken).toISOString(),
    );
  });

  test.each([NOW - 24 * HOUR - 1, NOW + 300_001, 0, 8.64e15])("%d is stale", (timestamp) => {
    expect(decode({ timestamp })).toEqual({ ok: false, reason: "stale_event", issues: [] });
  });

  test.each(["", "now", "2026-10-26T08:00:00", -1, null, undefined, {}])("%j is no time", (timestamp) => {
    const result = decode({ timestamp });
    expect(result).toMatchObject({ ok: false, reason: "invalid_event" });
    expect(!result.ok && result.issues[0]).toMatch(/^timestamp: /);
  });
});

describe("event ids", () => {
  test.each([undefined, null, 12345678, "short", "x".repeat(65), "abc def gh", "äbcdefgh", ""])(
    "%j is none",
    (id) => expect(decode({ id })).toEqual({ ok: false, reason: "missing_event_id", issues: [] }),
  );

  test("8 to 64 letters, digits, _ and - are one", () => {
    expect(event({ id: "aZ0_-678" }).event_id).toBe("aZ0_-678");
    expect(event({ id: "x".repeat(64) }).event_id).toBe("x".repeat(64));
  });

  test("a conversion's own id is computed whatever the page says", () => {
    const checkout = { token: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3" };
    expect(event({ name: "checkout_completed", id: "forged-id-0", data: { checkout } }).event_id)
      .toBe("b64deb3571505b1c8ea90c131103093e");
    expect(event({ name: "checkout_started", id: "forged-id-0", data: { checkout } }).event_id)
      .toBe("cb7a6838e2fb7daa6400b55fa212f2aa");
  });

  test("a checkout without a token has no id: an order's id can be guessed, and would claim that order's purchase", () => {
    const checkout = { token: null, order: { id: "gid://shopify/Order/5890123456783" } };
    for (const name of ["checkout_started", "checkout_completed"]) {
      expect(decode({ name, data: { checkout } })).toMatchObject({ reason: "missing_event_id" });
      expect(decode({ name, data: { checkout: { order: null } } })).toMatchObject({
        reason: "missing_event_id",
      });
    }
  });
});

describe("a token that could be guessed is none", () => {
  const GUESSED = [
    "5890123456783",
    "gid://shopify/Order/5890123456783",
    "0".repeat(32),
    "5890123456783".padStart(128, "0"),
    "order:5890123456783",
    "refund:5890123456783",
    "email:nobody@example.com",
    "#1042",
    "trakit-1042",
    "",
  ];

  test.each(GUESSED)("%j joins no order, and its event no browser", (token) => {
    for (const name of ["checkout_started", "checkout_completed"]) {
      expect(decode({ name, data: { checkout: { token } } })).toMatchObject({ reason: "missing_event_id" });
    }
    const rest = event({
      name: "payment_info_submitted",
      data: { checkout: { token }, cart: { id: token } },
    });
    expect(rest.commerce).toMatchObject({ checkout_token: null, cart_token: null });
    const page = event({ page: { url: `https://shop.example/checkouts/cn/${token}` } });
    expect(page.commerce.cart_token).toBeNull();
  });
});

describe("the body of POST /event", () => {
  const one = { name: "page_viewed" };

  test("has 1 to 50 events, whatever is in them", () => {
    expect(browserBatchSchema.safeParse({ events: [one, null, 7] }).success).toBe(true);
    expect(browserBatchSchema.safeParse({ events: Array(50).fill(one) }).success).toBe(true);
    for (const events of [[], Array(51).fill(one), {}, null, undefined]) {
      expect(browserBatchSchema.safeParse({ events }).success).toBe(false);
    }
  });

  test("a cookie that is no text is null and takes nothing with it", () => {
    const batch = browserBatchSchema.parse({
      events: [one],
      visitor: { fbp: 7, fbc: "x".repeat(5_000), ttp: "ok", fbclid_at: "later", unknown: 1 },
      user_agent: 5,
    });
    expect(batch.visitor).toEqual({ fbp: null, fbc: null, ttp: "ok", fbclid_at: null });
    expect(batch.user_agent).toBeNull();
  });

  test("consent that is none is refused", () => {
    expect(browserBatchSchema.safeParse({ events: [one], consent: { marketing: "no" } }).success).toBe(false);
    expect(browserBatchSchema.parse({ events: [one], consent: { marketing: false } }).consent?.marketing)
      .toBe(false);
  });
});
