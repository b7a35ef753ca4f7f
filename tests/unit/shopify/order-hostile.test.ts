import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson } from "@trakit/shopify/json.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { fixture, SHOP } from "./fixture.ts";
import { pathsOf, replaceAt, UNSTORABLE } from "./mutate.ts";
import { event, issues } from "./orders.ts";

describe("payloads as they should not be", () => {
  test("the least an order can be", () => {
    expect(decodeOrder({ id: 1, created_at: "2026-10-26T03:12:43Z" }, { shop: SHOP })).toMatchObject({
      ok: true,
      event: {
        channel: "other",
        commerce: { order_id: "1", total: null, currency: null, items: [] },
        digests: {},
      },
    });
  });

  test("NUL and lone surrogates never get into the event", () => {
    const decoded = event((order) => {
      order.name = "#1\u0000";
      order.landing_site = "/p?q=\u0000\ud800";
      Object.assign(order.line_items[0], { title: "a\ud800b", sku: "\u0000", vendor: "x".repeat(10_000) });
      order.billing_address.city = "K\u0000ln";
      order.client_details.user_agent = "\udc00".repeat(5_000);
    });
    const text = JSON.stringify(decoded);
    expect(text).not.toMatch(UNSTORABLE);
    expect(decoded.client.city).toBe("K\ufffdln");
    expect(decoded.client.user_agent).toHaveLength(1000);
    expect(decoded.commerce.items[0]?.brand).toHaveLength(255);
  });

  test("issues name paths and codes, never values", () => {
    const found = issues((order) => {
      order.total_price = "SECRET-VALUE";
      order.line_items[0].quantity = "SECRET-VALUE";
      order.line_items[1] = "SECRET-VALUE";
    });
    expect(found.length).toBeGreaterThanOrEqual(3);
    expect(found.join()).not.toContain("SECRET");
    for (const issue of found) expect(issue).toMatch(/^[a-z_0-9.]+: [a-z_]+$/);
  });

  test("__proto__ in a payload reaches nothing", () => {
    const parsed = parseJson(
      '{"__proto__":{"test":true,"email":"x@example.com"},"id":1,"created_at":"2026-10-26T03:12:43Z"}',
    );
    const result = decodeOrder(parsed.ok ? parsed.value : null, { shop: SHOP });
    expect(result).toMatchObject({ ok: true, event: { test: false, digests: {} } });
  });

  test("never throws on any JSON", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      expect(decodeOrder(value, { shop: SHOP }).ok).toBe(false);
    }));
  });

  test("never throws when any part of an order is replaced by any JSON, and what it accepts can be stored", () => {
    const paths = pathsOf(fixture("order-web-customer-eur-discount"));
    const garbage = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(null, [], {}, "", -1, 1e308, "\u0000", "\ud800", "9".repeat(50), "1e99"),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...paths), garbage), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const order = fixture("order-web-customer-eur-discount");
          for (const [path, value] of changes) replaceAt(order, path, value);
          const result = decodeOrder(order, { shop: SHOP });
          if (result.ok) {
            const text = JSON.stringify(result.event);
            expect(text).not.toMatch(UNSTORABLE);
            expect(result.event.event_id).toMatch(/^[0-9a-f]{32}$/);
          } else {
            expect(result.issues.length).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
