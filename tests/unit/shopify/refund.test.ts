import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import { decodeRefund } from "@trakit/shopify/refund.ts";
import { fixture, SHOP } from "./fixture.ts";
import { pathsOf, replaceAt, UNSTORABLE } from "./mutate.ts";

// deno-lint-ignore no-explicit-any
function refund(change: (payload: any) => void = () => {}) {
  const payload = fixture("refund-create");
  change(payload);
  return decodeRefund(payload, { shop: SHOP });
}

// deno-lint-ignore no-explicit-any
function event(change?: (payload: any) => void) {
  const decoded = refund(change);
  if (!decoded.ok || decoded.event === null) throw new Error(JSON.stringify(decoded));
  return decoded.event;
}

describe("a refund", () => {
  test("is worth what went back, with the lines it was for, under the refund's event id", () => {
    expect(event()).toMatchObject({
      name: "order_refunded",
      event_id: conversionEventId(SHOP, "order_refunded", naturalKey.refund("912345678901")),
      occurred_at: "2026-10-29T13:31:02.000Z",
      source: "webhook",
      commerce: {
        order_id: "5890123456781",
        currency: "USD",
        total: "34.84",
        subtotal: "32.00",
        tax: "2.84",
        items: [{
          product_id: "8123456789012",
          variant_id: "44512345678901",
          quantity: 1,
          unit_price: "32.00",
          line_discount: "0",
        }],
      },
    });
  });

  test("of a discounted line says the discount of the units that went back", () => {
    const items = event((payload) => {
      payload.refund_line_items[0].quantity = 2;
      payload.refund_line_items[0].subtotal_set.presentment_money.amount = "57.60";
    }).commerce.items;
    expect(items).toEqual([
      expect.objectContaining({ quantity: 2, unit_price: "32.00", line_discount: "6.40" }),
    ]);
  });

  test.each(["success", "pending"])("counts a transaction that is %s", (status) => {
    expect(event((payload) => payload.transactions[0].status = status).commerce.total).toBe("34.84");
  });

  test.each([
    // deno-lint-ignore no-explicit-any
    ["failed", (payload: any) => payload.transactions[0].status = "failure"],
    // deno-lint-ignore no-explicit-any
    ["is no refund", (payload: any) => payload.transactions[0].kind = "void"],
    // deno-lint-ignore no-explicit-any
    ["gives nothing", (payload: any) => payload.transactions[0].amount = "0.00"],
    // deno-lint-ignore no-explicit-any
    ["is not there", (payload: any) => payload.transactions = []],
    // deno-lint-ignore no-explicit-any
    ["names no currency", (payload: any) => payload.transactions[0].currency = null],
  ])("whose transaction %s is a record without money: no event", (_, change) => {
    expect(refund(change)).toEqual({ ok: true, event: null });
  });

  test("given back in another currency than its lines are told in has no lines, and never mixes amounts", () => {
    const { commerce } = event((payload) => {
      payload.transactions[0].currency = "EUR";
      payload.transactions[0].amount = "31.20";
    });
    expect(commerce).toMatchObject({ currency: "EUR", total: "31.20", subtotal: null, tax: null, items: [] });
  });

  test("knows nobody, nor any consent: ingest takes those from the order, and without one it is not a web order's", () => {
    expect(event()).toMatchObject({
      channel: "other",
      digests: {},
      identifiers: { customer_id: null, visitor_id: null },
      consent: { analytics: null, marketing: null, sale_of_data: null },
    });
  });

  test("without id, order or time is refused with paths, never values", () => {
    const decoded = refund((payload) => {
      payload.id = "x";
      payload.admin_graphql_api_id = null;
      payload.order_id = "SECRET";
      payload.processed_at = payload.created_at = "SECRET";
      payload.transactions[0].amount = "SECRET";
    });
    expect(decoded).toMatchObject({ ok: false });
    if (!decoded.ok) {
      expect(decoded.issues.join()).not.toContain("SECRET");
      expect(decoded.issues).toContain("transactions.0.amount: not_a_decimal");
    }
  });

  test("with anything anywhere in the payload is an event or a refusal, never an exception", () => {
    const paths = pathsOf(fixture("refund-create"));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...paths), fc.jsonValue()), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const decoded = refund((payload) => {
            for (const [path, value] of changes) replaceAt(payload, path, value);
          });
          if (decoded.ok && decoded.event) {
            expect(JSON.stringify(decoded.event)).not.toMatch(UNSTORABLE);
            expect(Number(decoded.event.commerce.total)).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
