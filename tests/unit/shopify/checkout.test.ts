import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { decodeCheckout } from "@trakit/shopify/checkout.ts";
import { fixture } from "./fixture.ts";
import { pathsOf, replaceAt, UNSTORABLE } from "./mutate.ts";

const SHOP = { shop: "trakit-demo.myshopify.com" };
const payload = () => structuredClone(fixture("checkout-create")) as Record<string, unknown>;
const decoded = (change: Record<string, unknown> = {}) => {
  const result = decodeCheckout({ ...payload(), ...change }, SHOP);
  if (!result.ok || result.event === null) throw new Error("no event");
  return result;
};

test("a checkout begins under the id the browser computes, with its money, its cart and its hints", () => {
  const { event, dropped } = decoded();
  expect(event).toMatchObject({
    name: "checkout_started",
    event_id: conversionEventId(SHOP.shop, "checkout_started", "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3"),
    occurred_at: "2026-10-26T07:10:02.000Z",
    source: "webhook",
    channel: "web",
    commerce: {
      checkout_token: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3",
      cart_token: "Z2NwLXVzLWVhc3QxOjAxSzhRWFZCTjdKRjg0VFlXU1I1UUUzMEtE",
      currency: "USD",
      total: "88.50",
      subtotal: "88.50",
      items: [
        { variant_id: "44512345678901", quantity: 2, unit_price: "32.00", line_discount: "0" },
        { variant_id: "44512345678917", quantity: 1, unit_price: "24.50", line_discount: "0" },
      ],
    },
    identifiers: {
      fbp: "fb.1.1792998010123.1234567890",
      fbc: "fb.1.1792998009000.IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal",
      // no visitor id of ours: hints are read as strictly as anything
      visitor_id: null,
    },
    consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
  });
  expect(event.page.url).toContain("https://trakit-demo.myshopify.com/products/merino-beanie?");
  expect(event.page.referrer).toBe("https://l.facebook.com/");
  expect(dropped).toEqual([]);
});

test("an update knows the person, as digests", () => {
  const { event } = decoded({
    email: "Zoe@Example.com",
    shipping_address: {
      first_name: "Zoë",
      last_name: "Müller",
      city: "Köln",
      country_code: "DE",
      phone: "0221 123456",
    },
    customer: { id: 7012345678901 },
  });
  expect(event.digests["email.lower"]).toEqual([
    createHash("sha256").update("zoe@example.com").digest("hex"),
  ]);
  expect(event.client).toMatchObject({ city: "Köln", country: "DE" });
  expect(event.identifiers.customer_id).toBe("7012345678901");
  expect(JSON.stringify(event).toLowerCase()).not.toMatch(/zoe|müller|0221/);
});

describe("money", () => {
  test("in two currencies is none: which one the amounts are in is not known", () => {
    const { event } = decoded({ presentment_currency: "EUR" });
    expect(event.commerce).toMatchObject({ currency: null, total: null, items: [] });
  });

  test("discounts are the line's", () => {
    const lines = payload()["line_items"] as Record<string, unknown>[];
    lines[0]!["discount_allocations"] = [{ amount: "3.20" }, { amount: "1.00" }];
    expect(decoded({ line_items: lines }).event.commerce.items[0]!.line_discount).toBe("4.20");
  });

  test("a line without a price is unreadable", () => {
    expect(decodeCheckout({ ...payload(), line_items: [{ quantity: 1 }] }, SHOP))
      .toEqual({ ok: false, issues: ["line_items.price: missing"] });
  });
});

test("a checkout that is over, or began more than a day before this update, begins nothing", () => {
  expect(decodeCheckout({ ...payload(), completed_at: "2026-10-26T07:12:00Z" }, SHOP))
    .toEqual({ ok: true, event: null, reason: "checkout_completed" });
  const at = (updated_at: string) => decodeCheckout({ ...payload(), updated_at }, SHOP);
  expect(at("2026-10-27T07:10:02Z")).toMatchObject({ ok: true, event: { name: "checkout_started" } });
  expect(at("2026-10-27T07:10:03Z")).toEqual({ ok: true, event: null, reason: "stale_checkout" });
});

test("without token or time it is unreadable", () => {
  expect(decodeCheckout({}, SHOP)).toEqual({ ok: false, issues: ["token: missing", "created_at: missing"] });
});

test("whatever it holds, decoding it gives an event fit to be stored or issues, and throws nothing", () => {
  const paths = pathsOf(payload());
  fc.assert(fc.property(fc.constantFrom(...paths), fc.anything(), (path, value) => {
    const changed = payload();
    replaceAt(changed, path, value);
    const result = decodeCheckout(changed, SHOP);
    if (result.ok) expect(JSON.stringify(result)).not.toMatch(UNSTORABLE);
    else expect(result.issues.length).toBeGreaterThan(0);
  }));
});
