import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CanonicalEvent, EVENT_NAMES, type Identifiers, type Item } from "@trakit/core/event.ts";
import { FORM_NAMES } from "@trakit/core/identity/forms.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { google } from "@trakit/destinations/google/index.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_MUG,
  EXAMPLE_NOW,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { canonicalEvent, onWire } from "./arbitrary.ts";

const SETTINGS = google.settings.parse({ id: "G-AB12CD34EF" });
const NOBODY = exampleEvent("page_viewed").identifiers;
const KNOWN: Identifiers = { ...NOBODY, ga_client_id: "1234567890.1747132561", ga_session_id: "1773480000" };

function map(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false) {
  const result = google.map(event, { settings: { ...SETTINGS, ...given }, limited, now: EXAMPLE_NOW });
  return result.ok ? { ...result, body: onWire(result.body) } : result;
}

function sent(event: CanonicalEvent, given: Partial<typeof SETTINGS> = {}, limited = false): JsonObject {
  const result = map(event, given, limited);
  if (!result.ok) throw new Error(`not sent: ${result.reason}`);
  return onWire(result.body);
}

function eventOf(body: JsonObject): { name: string; params: JsonObject; timestamp_micros: number } {
  return (body["events"] as JsonObject[])[0] as ReturnType<typeof eventOf>;
}

function purchase(given: Partial<CanonicalEvent> = {}): CanonicalEvent {
  return exampleEvent("checkout_completed", { commerce: EXAMPLE_ORDER, identifiers: KNOWN, ...given });
}

describe("the steps of a checkout", () => {
  const commerce = { ...EXAMPLE_ORDER, shipping_tier: "Standard", payment_type: "shopify_payments" };
  test.each(
    [
      ["checkout_shipping_info_submitted", "shipping_tier", "Standard"],
      ["payment_info_submitted", "payment_type", "shopify_payments"],
      ["customer_registered", "method", "account"],
    ] as const,
  )("%s says %s, the others do not", (name, key, value) => {
    expect(eventOf(sent(purchase({ name, commerce }))).params[key]).toBe(value);
    expect(eventOf(sent(purchase({ commerce }))).params).not.toHaveProperty(key);
  });
});

describe("the body", () => {
  test("stays within Google's limits, which it enforces silently", () => {
    fc.assert(fc.property(canonicalEvent, fc.boolean(), (event, limited) => {
      const result = map(event, { custom_events: true }, limited);
      if (!result.ok) return;
      const { name, params, timestamp_micros } = eventOf(result.body);
      expect(result.body["client_id"]).toMatch(/^[1-9]\d*\.[1-9]\d*$/);
      expect(name).toMatch(/^[a-z][a-z_]{0,39}$/);
      expect(Object.keys(params).length).toBeLessThanOrEqual(25);
      for (const [key, value] of Object.entries(params)) {
        if (key === "items") continue;
        const limit = { page_location: 1000, page_referrer: 420, page_title: 300 }[key] ?? 100;
        expect(["string", "number"]).toContain(typeof value);
        expect(String(value).length).toBeLessThanOrEqual(limit);
      }
      for (const item of (params["items"] ?? []) as JsonObject[]) {
        expect(item["item_id"] ?? item["item_name"]).toBeTypeOf("string");
        expect(item["price"]).toBeTypeOf("number");
        for (const value of Object.values(item)) expect(String(value).length).toBeLessThanOrEqual(100);
      }
      expect(Object.hasOwn(params, "value")).toBe(Object.hasOwn(params, "currency"));
      expect(Number.isSafeInteger(timestamp_micros)).toBe(true);
      expect(Object.keys(result.body["consent"] as JsonObject).sort()).toEqual([
        "ad_personalization",
        "ad_user_data",
      ]);
    }));
  });

  test("500 items with the longest names still make a body Google reads", () => {
    const long = "名".repeat(300);
    const items = Array.from({ length: 500 }, (_, index): Item => ({
      ...EXAMPLE_MUG,
      variant_id: String(index),
      title: long,
      brand: long,
      category: long,
      variant_title: long,
    }));
    const body = sent(purchase({ commerce: { ...EXAMPLE_ORDER, items } }));
    expect(new TextEncoder().encode(JSON.stringify(body)).length).toBeLessThan(130_000);
    const short = items.map((item) => ({
      ...item,
      title: "a",
      brand: null,
      category: null,
      variant_title: null,
    }));
    expect(eventOf(sent(purchase({ commerce: { ...EXAMPLE_ORDER, items: short } }))).params["items"])
      .toHaveLength(200);
  });

  test("the time is in microseconds, never in the future", () => {
    expect(eventOf(sent(purchase({ occurred_at: "2026-03-14T09:26:53.001Z" }))).timestamp_micros).toBe(
      1773480413001000,
    );
    expect(eventOf(sent(purchase({ occurred_at: "2026-03-15T00:00:00.000Z" }))).timestamp_micros)
      .toBe(EXAMPLE_NOW * 1000);
  });

  test("items are in the terms of the value: without tax where it is, and they add up", () => {
    const params = (value: typeof SETTINGS["value"]) => eventOf(sent(purchase(), { value })).params;
    const sum = (items: unknown) =>
      (items as { price: number; quantity: number }[]).reduce(
        (all, one) => all + one.price * one.quantity,
        0,
      );
    expect(sum(params("items_without_tax")["items"])).toBeCloseTo(42.15, 2);
    expect(params("items_without_tax")["value"]).toBe(42.15);
    expect(sum(params("subtotal")["items"])).toBeCloseTo(51, 2);
    expect(params("subtotal")["value"]).toBe(51);
    expect(params("total")["value"]).toBe(55.95);
  });

  test("each field of user_data takes its own normal form", () => {
    const digests = Object.fromEntries(
      FORM_NAMES.map((form, index) => [form, [String(index).padStart(64, "0")]]),
    );
    expect(sent(purchase({ digests }))["user_data"]).toEqual({
      sha256_email_address: digests["email.gmail"],
      sha256_phone_number: digests["phone.e164"],
      address: [{
        sha256_first_name: digests["first_name.letters"]![0],
        sha256_last_name: digests["last_name.letters"]![0],
        sha256_street: digests["street.letters"]![0],
      }],
    });
  });

  test.each([
    ["'s-Hertogenbosch", "shertogenbosch"],
    ["New York", "new york"],
    ["Sa\u0303o Paulo", "são paulo"],
    [" 12 Apostles! ", "apostles"],
  ])("the town %j goes as %j", (city, expected) => {
    const user =
      sent(purchase({ digests: EXAMPLE_PERSON, client: { ...EXAMPLE_CLIENT, city } }))["user_data"];
    expect(user).toMatchObject({ address: [{ city: expected }] });
  });
  test.each([[" SW1A 1AA", "SW1A 1AA"], ["94045-1234", "94045-1234"], ["12.345~6", "123456"]])(
    "the postal code %j goes as %j",
    (postal_code, expected) => {
      const user =
        sent(purchase({ digests: EXAMPLE_PERSON, client: { ...EXAMPLE_CLIENT, postal_code } }))["user_data"];
      expect(user).toMatchObject({ address: [{ postal_code: expected }] });
    },
  );
  test("a town without a hashed name or street stays here", () => {
    const client = { ...EXAMPLE_CLIENT, city: "Delft", postal_code: "2611 AB" };
    expect(sent(purchase({ client }))).not.toHaveProperty("user_data");
    expect(JSON.stringify(sent(purchase({ client, digests: { "email.gmail": ["a".repeat(64)] } })))).not
      .toContain("delft");
  });
});

describe("consent", () => {
  const consent = (analytics: boolean | null, marketing: boolean | null) => ({
    ...exampleEvent("page_viewed").consent,
    analytics,
    marketing,
  });
  test.each([
    [true, true, false, "GRANTED"],
    [true, false, false, "DENIED"],
    [true, true, true, "DENIED"],
    // Who decided on analytics alone has not allowed marketing.
    [true, null, false, "DENIED"],
    // Of whom nothing is known the shop's policy has decided before.
    [null, null, false, "GRANTED"],
    [null, null, true, "DENIED"],
  ])("analytics %j, marketing %j, limited %j: %s", (analytics, marketing, limited, state) => {
    const given = { digests: EXAMPLE_PERSON, consent: consent(analytics, marketing) };
    const body = sent(purchase(given), {}, limited);
    expect(body["consent"]).toEqual({ ad_user_data: state, ad_personalization: state });
    expect(Object.hasOwn(body, "user_data")).toBe(state === "GRANTED");
  });
});

describe("who it is from", () => {
  test("gtag's own client and session are used", () => {
    const body = sent(purchase());
    expect(body["client_id"]).toBe("1234567890.1747132561");
    expect(eventOf(body).params).toMatchObject({ session_id: "1773480000", engagement_time_msec: 1 });
  });
  test.each(["GA1.1.1234567890.1747132561", "1234567890", "0.5", "1.2.3", "a.b", "", "1.2; x"])(
    "%j is no client id",
    (ga_client_id) => {
      const identifiers = { ...NOBODY, ga_client_id };
      expect(map(exampleEvent("page_viewed", { identifiers }))).toEqual({
        ok: false,
        reason: "no_client_id",
      });
    },
  );
  test.each(["GS2.1.s1747132561$o1$g0", "12x", ""])("%j is no session id", (ga_session_id) => {
    const body = sent(purchase({ identifiers: { ...KNOWN, ga_session_id } }));
    expect(eventOf(body).params).not.toHaveProperty("session_id");
  });
  test("a conversion of an unknown visitor gets a stable id, other events none", () => {
    const unknown = { ...NOBODY, visitor_id: "0".repeat(32) };
    const id = (given: Partial<CanonicalEvent>) =>
      sent(purchase({ identifiers: unknown, ...given }))["client_id"];
    expect(id({})).toMatch(/^\d{1,10}\.\d{10}$/);
    expect(id({})).toBe(id({ name: "order_refunded" }));
    expect(id({})).toBe(id({ name: "checkout_started" }));
    expect(id({})).not.toBe(id({ identifiers: { ...NOBODY, visitor_id: "1".repeat(32) } }));
    expect(id({})).not.toBe(id({ identifiers: { ...NOBODY, customer_id: "0".repeat(32) } }));
    for (const name of EVENT_NAMES) {
      const made = ["checkout_started", "checkout_completed", "order_refunded"].includes(name);
      expect(map(purchase({ name, identifiers: unknown }), { custom_events: true }).ok).toBe(made);
    }
  });
  test("a till's sale has no visitor to make an id from", () => {
    expect(map(purchase({ channel: "pos", identifiers: NOBODY }))).toEqual({
      ok: false,
      reason: "no_client_id",
    });
    expect(map(purchase({ channel: "pos" })).ok).toBe(true);
  });
  test("the IP address goes where it is public, else the country", () => {
    expect(sent(purchase({ client: EXAMPLE_CLIENT }))).toMatchObject({ ip_override: "203.0.113.9" });
    const hidden = sent(purchase({ client: { ...EXAMPLE_CLIENT, ip: "192.168.0.7", region_code: "NH" } }));
    expect(hidden).toMatchObject({ user_location: { country_id: "NL", region_id: "NL-NH" } });
    expect(hidden).not.toHaveProperty("ip_override");
  });
});

describe("what is sent at all", () => {
  test("custom events need the setting", () => {
    const known = (custom_events: boolean) =>
      EVENT_NAMES.filter((name) => {
        const commerce = { ...EXAMPLE_ORDER, search_query: "mug" };
        return map(purchase({ name, commerce }), { custom_events }).ok;
      });
    expect(known(false)).toEqual(EVENT_NAMES.filter((name) => google.events[name] !== undefined));
    expect(known(true)).toEqual([...EVENT_NAMES]);
  });
  test("an event about things without any, and a search for nothing, are not sent", () => {
    const nothing = { ...EXAMPLE_ORDER, items: [] };
    for (
      const name of ["product_viewed", "collection_viewed", "cart_viewed", "checkout_completed"] as const
    ) {
      expect(map(purchase({ name, commerce: nothing }))).toEqual({ ok: false, reason: "no_items" });
    }
    expect(map(purchase({ name: "search_submitted", commerce: nothing }))).toEqual({
      ok: false,
      reason: "no_search_term",
    });
  });
  test("a purchase names its order, even one without a number; an empty id would join all purchases", () => {
    expect(eventOf(sent(purchase())).params["transaction_id"]).toBe("5678901234567");
    const unnumbered = purchase({ commerce: { ...EXAMPLE_ORDER, order_id: null } });
    expect(eventOf(sent(unnumbered)).params["transaction_id"]).toBe(unnumbered.event_id);
  });
  test("a refund without its order, a purchase without value are not sent; a free order is", () => {
    const refund = purchase({ name: "order_refunded", commerce: { ...EXAMPLE_ORDER, order_id: null } });
    expect(map(refund)).toEqual({ ok: false, reason: "no_order_id" });
    expect(map(purchase({ commerce: { ...EXAMPLE_ORDER, currency: null } }))).toEqual({
      ok: false,
      reason: "no_value",
    });
    const free = purchase({ commerce: { ...EXAMPLE_ORDER, subtotal: "0.00", tax: "0.00" } });
    expect(eventOf(sent(free)).params["value"]).toBe(0);
  });
});

describe("the request", () => {
  const context = { settings: SETTINGS, token: "s3cr+t", baseUrl: google.baseUrl, testCode: null };
  const page = (occurred_at: string, given: Partial<CanonicalEvent> = {}) =>
    sent(exampleEvent("page_viewed", { occurred_at, identifiers: KNOWN, ...given }));

  test("goes to the stream with the secret in the query", () => {
    const request = google.request([page("2026-03-14T09:00:00.000Z")], context);
    expect(request).toMatchObject({
      method: "POST",
      url: "https://www.google-analytics.com/mp/collect?measurement_id=G-AB12CD34EF&api_secret=s3cr%2Bt",
      headers: { "content-type": "application/json" },
      redactedUrl: "https://www.google-analytics.com/mp/collect?measurement_id=G-AB12CD34EF&api_secret=***",
    });
  });
  test("events of one client, each at its own time, make one body", () => {
    const bodies = [page("2026-03-14T09:00:00.000Z"), page("2026-03-14T09:01:00.000Z")];
    const key = google.limits.perRequestKey!;
    expect(key(bodies[0]!)).toBe(key(bodies[1]!));
    const merged = JSON.parse(google.request(bodies, context).body);
    expect(merged.client_id).toBe("1234567890.1747132561");
    expect(merged.events.map((event: { timestamp_micros: number }) => event.timestamp_micros)).toEqual([
      1773478800000000,
      1773478860000000,
    ]);
  });
  test("another client, consent or address needs another request", () => {
    const one = page("2026-03-14T09:00:00.000Z");
    const others = [
      page("2026-03-14T09:00:00.000Z", { identifiers: { ...KNOWN, ga_client_id: "2.3" } }),
      page("2026-03-14T09:00:00.000Z", {
        consent: { ...exampleEvent("page_viewed").consent, marketing: false },
      }),
      page("2026-03-14T09:00:00.000Z", { client: EXAMPLE_CLIENT }),
    ];
    for (const other of others) {
      expect(google.limits.perRequestKey!(other)).not.toBe(google.limits.perRequestKey!(one));
      expect(() => google.request([one, other], context)).toThrow(RangeError);
    }
  });
  test("the EU host replaces Google's own, never a test's", () => {
    const url = (baseUrl: string) =>
      google.request([page("2026-03-14T09:00:00.000Z")], {
        ...context,
        baseUrl,
        settings: { ...SETTINGS, eu: true },
      }).url;
    expect(url(google.baseUrl)).toMatch(/^https:\/\/region1\.google-analytics\.com\/mp\/collect\?/);
    expect(url("http://127.0.0.1:54330")).toMatch(/^http:\/\/127\.0\.0\.1:54330\/mp\/collect\?/);
  });
  test("debug mode is on every event and only with its code: its mere presence switches it on", () => {
    const bodies = [page("2026-03-14T09:00:00.000Z"), page("2026-03-14T09:01:00.000Z")];
    const request = google.request(bodies, { ...context, testCode: "debug_view" });
    const testing = JSON.parse(request.body);
    expect(testing.events.map((event: { params: JsonObject }) => event.params["debug_mode"])).toEqual([1, 1]);
    expect(request.url).toContain("/mp/collect?");
    for (const testCode of [null, "validate"]) {
      expect(google.request(bodies, { ...context, testCode }).body).not.toContain("debug_mode");
    }
  });
  test("any other test code sends to the validation server, which records nothing", () => {
    const bodies = [page("2026-03-14T09:00:00.000Z")];
    for (const testCode of ["validate", "TEST12345"]) {
      const request = google.request(bodies, { ...context, testCode });
      expect(request.url).toContain("/debug/mp/collect?");
      expect(JSON.parse(request.body)["validation_behavior"]).toBe("ENFORCE_RECOMMENDATIONS");
    }
    expect(google.testMode.problem("TEST12345")).toContain("validate");
    for (const code of google.testMode.examples) expect(google.testMode.problem(code)).toBeNull();
  });
  test.each(["UA-12345-1", "g-ab12cd34ef", "AB12CD34EF", "G-", "G-AB12 CD", "GTM-ABC123"])(
    "the id %j is refused",
    (id) => {
      expect(google.settings.safeParse({ id }).error?.issues[0]?.message).toContain("G-AB12CD34EF");
    },
  );
  test("an id pasted as the secret is noticed: Google would never say so", () => {
    expect(google.tokenProblem("G-AB12CD34EF")).toContain("API secret");
    expect(google.tokenProblem("G-x9_QwErTyUiOpAsDfGhJk")).toBeNull();
  });
});

describe("the answer", () => {
  test("the validation server's messages refuse the event they name, in its words", () => {
    const body = JSON.stringify({
      validationMessages: [{
        fieldPath: "events[1].params.value",
        description: "not a number",
        validationCode: "VALUE_INVALID",
      }],
    });
    expect(google.classify({ status: 200, headers: {}, body }, 2)).toMatchObject({
      outcomes: [{ kind: "delivered" }, {
        kind: "permanent",
        reason: "invalid_event",
        detail: "VALUE_INVALID events[1].params.value not a number",
      }],
    });
    const whole = body.replace("events[1].params.value", "client_id");
    expect(google.classify({ status: 200, headers: {}, body: whole }, 2)).toMatchObject({
      outcomes: [{ kind: "permanent" }, { kind: "permanent" }],
    });
  });

  const read = (status: number, count = 1) => google.classify({ status, headers: {}, body: "" }, count);
  test.each([200, 204, 202])("%i is received", (status) => {
    expect(read(status, 2)).toMatchObject({ outcomes: [{ kind: "delivered" }, { kind: "delivered" }] });
  });
  test.each([401, 403, 404, 405])(
    "%i is a fault of the request: there is no token Google would refuse",
    (status) => {
      expect(read(status, 2)).toMatchObject({
        outcomes: [{ kind: "permanent", lane_wide: false }, { kind: "permanent" }],
      });
    },
  );
  test.each([[400, "invalid_event"], [413, "too_large"]])(
    "%i halves a batch and fails one event",
    (status, reason) => {
      expect(read(status, 2).kind).toBe("split");
      expect(read(status)).toMatchObject({ outcomes: [{ kind: "permanent", reason }] });
    },
  );
  test("only purchases are repeated in doubt: nothing else has an id Google deduplicates by", () => {
    for (const name of EVENT_NAMES) {
      expect(google.inDoubtRepeats(name)).toBe(name === "checkout_completed" ? 2 : 0);
    }
  });
});
