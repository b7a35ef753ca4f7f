import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseBig, stringifyBig } from "@trakit/sandbox/shop/big-json.ts";
import { PRODUCTS } from "@trakit/sandbox/shop/catalog.ts";
import { COUNTRIES, COUNTRY_CODES } from "@trakit/sandbox/shop/countries.ts";
import { createIds } from "@trakit/sandbox/shop/ids.ts";
import { CURRENCIES } from "@trakit/sandbox/shop/money.ts";
import { buildOrder } from "@trakit/sandbox/shop/order.ts";
import type { OrderInput } from "@trakit/sandbox/shop/order.ts";
import { priceCart } from "@trakit/sandbox/shop/pricing.ts";
import type { CartLine, PricingTerms } from "@trakit/sandbox/shop/pricing.ts";
import { shopTime } from "@trakit/sandbox/shop/shop-time.ts";

const fixture = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../fixtures/shopify/${name}.json`, import.meta.url), "utf8"));
const guest = fixture("order-web-guest");
const AT = Date.UTC(2026, 9, 26, 7, 12, 43);
const zeros = (size: number): Uint8Array => new Uint8Array(size).fill(7);

function order(lines: CartLine[], terms: PricingTerms, extra: Partial<OrderInput> = {}) {
  const cart = priceCart(lines, terms);
  const built = buildOrder({
    cart,
    channel: "web",
    test: false,
    buyer: COUNTRIES[terms.country].buyer,
    customer: { id: "7", addressId: "8", createdAt: shopTime(AT), account: false, ordersBefore: 0 },
    acceptsMarketing: false,
    cartToken: "cart",
    checkoutToken: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3",
    browser: {
      ip: "81.2.69.142",
      userAgent: "UA",
      acceptLanguage: "en-US",
      landingSite: "/",
      referringSite: null,
    },
    attributes: { __trk_consent: "a1m1p1s1" },
    note: null,
    shopDomain: "trakit-demo.myshopify.com",
    at: AT,
    ...extra,
  }, createIds(() => AT, zeros));
  return { cart, built, text: stringifyBig(built.body), wire: JSON.parse(stringifyBig(built.body)) };
}

const line = (variantId: string, quantity: number): CartLine => ({ variantId, quantity, properties: {} });
const US: PricingTerms = { country: "US", currency: "USD", discount: null, shipped: true };

/** "12.34" → 1234, refusing anything that is not money as Shopify prints it. */
function cents(text: unknown): number {
  if (typeof text !== "string" || !/^\d+\.\d\d$/.test(text)) throw new Error(`not money: ${String(text)}`);
  return Number(text.replace(".", ""));
}

describe("ids beyond 2^53", () => {
  test("are written as digits and read back whole", () => {
    const text = stringifyBig({ product_id: 8209829119461545087n, small: 5 });
    expect(text).toBe('{"product_id":8209829119461545087,"small":5}');
    expect(parseBig(text)).toEqual({ product_id: 8209829119461545087n, small: 5 });
    expect(parseBig('[1.5,1e3,9007199254740991,"8209829119461545087"]')).toEqual([
      1.5,
      1000,
      9007199254740991,
      "8209829119461545087",
    ]);
  });

  test("one product's id would show a parser that rounds", () => {
    const { text } = order([line("4451234567890123457", 1)], US);
    expect(text).toContain('"product_id":8209829119461545087,');
    expect(JSON.parse(text).line_items[0].product_id).not.toBe(8209829119461545087n);
  });

  test("order ids have 13 digits and never come again, not even after a restart", () => {
    let now = AT;
    const first = createIds(() => now, zeros);
    const before = Array.from({ length: 50 }, () => first.next("order"));
    now += 1_000;
    const after = createIds(() => now, zeros).next("order");
    const all = [...before, after];
    expect(new Set(all).size).toBe(51);
    for (const id of all) expect(id).toMatch(/^\d{13}$/);
  });
});

describe("order body", () => {
  test("computes what the reference order of the same cart says", () => {
    const { wire } = order([line("44512345678901", 2), line("44512345678917", 1)], US);
    for (
      const field of [
        "subtotal_price",
        "total_price",
        "total_tax",
        "total_line_items_price",
        "total_discounts",
        "total_weight",
        "tax_lines",
        "total_price_set",
        "total_shipping_price_set",
        "taxes_included",
      ]
    ) expect(wire[field], field).toEqual(field === "total_weight" ? 2 * 90 + 310 : guest[field]);
    const taxes = (entries: { tax_lines: unknown }[]) => entries.map((entry) => entry.tax_lines);
    expect(taxes(wire.line_items)).toEqual(taxes(guest["line_items"] as { tax_lines: unknown }[]));
  });

  test("computes the reference's German order with 10 % off, tax included and two currencies", () => {
    const reference = fixture("order-web-customer-eur-discount");
    const { wire } = order([line("44512345678901", 1), line("44512345678917", 2)], {
      country: "DE",
      currency: "EUR",
      discount: { code: "HERBST10", percent: 10 },
      shipped: true,
    });
    for (
      const field of [
        "total_price_set",
        "subtotal_price_set",
        "total_tax_set",
        "total_discounts_set",
        "total_line_items_price_set",
        "total_shipping_price_set",
        "tax_lines",
        "discount_codes",
        "discount_applications",
        "taxes_included",
        "currency",
        "presentment_currency",
      ]
    ) expect(wire[field], field).toEqual(reference[field]);
    const allocations = (entries: { discount_allocations: unknown }[]) =>
      entries.map((entry) => entry.discount_allocations);
    expect(allocations(wire.line_items)).toEqual(
      allocations(reference["line_items"] as { discount_allocations: unknown }[]),
    );
  });

  test.each(["order-web-guest", "order-web-customer-eur-discount", "order-pos", "order-test"])(
    "has every field of %s, with every nested field of its lines, addresses and customer, and no other",
    (name) => {
      const reference = fixture(name);
      const pos = name === "order-pos";
      const { wire } = order(
        [line("44512345678901", 1)],
        { ...US, discount: { code: "X", percent: 10 }, shipped: !pos },
        pos
          ? {
            channel: "pos",
            buyer: null,
            customer: null,
            browser: null,
            cartToken: null,
            checkoutToken: null,
          }
          : { test: name === "order-test" },
      );
      const keys = (value: unknown): string[] => Object.keys(value as object).sort();
      const at = (body: Record<string, unknown>, list: string): object => (body[list] as object[])[0] ?? {};
      expect(keys(wire)).toEqual(keys(reference));
      expect(keys(at(wire, "line_items"))).toEqual(keys(at(reference, "line_items")));
      if ((reference["tax_lines"] as object[]).length > 0) {
        expect(keys(at(wire, "tax_lines"))).toEqual(keys(at(reference, "tax_lines")));
      }
      for (const part of ["client_details", "customer", "billing_address", "shipping_address"]) {
        expect(wire[part] === null, part).toBe(reference[part] === null);
        if (wire[part] !== null) expect(keys(wire[part]), part).toEqual(keys(reference[part]));
      }
      if (!pos) {
        expect(keys(at(wire, "shipping_lines"))).toEqual(keys(at(reference, "shipping_lines")));
        expect(keys(wire.customer.default_address)).toEqual(
          keys((reference["customer"] as { default_address: object }).default_address),
        );
      }
      expect([wire.source_name, wire.test, wire.payment_gateway_names]).toEqual(
        [reference["source_name"], reference["test"], [
          pos ? "cash" : name === "order-test" ? "bogus" : "shopify_payments",
        ]],
      );
    },
  );

  test("carries where the buyer came from, and the cart's attributes as note_attributes", () => {
    const { wire } = order([line("44512345678901", 1)], US, {
      browser: {
        ip: "81.2.69.160",
        userAgent: "Mozilla",
        acceptLanguage: "de-DE",
        landingSite: "/?fbclid=Ab",
        referringSite: "https://l.facebook.com/",
      },
      attributes: { __trk_vid: "v", Grußkarte: "Für Zoë" },
    });
    expect(wire.browser_ip).toBe("81.2.69.160");
    expect(wire.client_details).toMatchObject({
      browser_ip: "81.2.69.160",
      user_agent: "Mozilla",
      accept_language: "de-DE",
    });
    expect([wire.landing_site, wire.referring_site]).toEqual(["/?fbclid=Ab", "https://l.facebook.com/"]);
    expect(wire.note_attributes).toEqual([{ name: "__trk_vid", value: "v" }, {
      name: "Grußkarte",
      value: "Für Zoë",
    }]);
  });

  test("a cart of gift cards has no shipping, no tax and no discount", () => {
    const { wire } = order([line("44512345678961", 2)], {
      ...US,
      discount: { code: "TRAKIT10", percent: 10 },
    });
    expect(wire).toMatchObject({
      shipping_address: null,
      shipping_lines: [],
      tax_lines: [],
      discount_codes: [],
      discount_applications: [],
      total_price: "50.00",
    });
  });

  test("is dated in the shop's time zone, summer and winter", () => {
    expect(shopTime(AT)).toBe("2026-10-26T03:12:43-04:00");
    expect(shopTime(Date.UTC(2026, 0, 15, 4, 30))).toBe("2026-01-14T23:30:00-05:00");
  });

  test("adds up in both currencies, for any cart, discount and country", () => {
    const variants = PRODUCTS.flatMap((product) => product.variants.map((v) => v.id));
    const carts = fc.array(
      fc.record({ variantId: fc.constantFrom(...variants), quantity: fc.integer({ min: 1, max: 999 }) }),
      { minLength: 1, maxLength: 8 },
    );
    const percent = fc.option(fc.integer({ min: 1, max: 100 }));
    fc.assert(
      fc.property(
        carts,
        percent,
        fc.constantFrom(...COUNTRY_CODES),
        fc.constantFrom(...CURRENCIES),
        fc.boolean(),
        (lines, off, country, currency, shipped) => {
          const { wire } = order(lines.map((l) => ({ ...l, properties: {} })), {
            country,
            currency,
            discount: off === null ? null : { code: "ANY", percent: off },
            shipped,
          });
          for (const side of ["shop_money", "presentment_money"] as const) {
            // deno-lint-ignore no-explicit-any
            const of = (set: any): number => {
              expect(set[side].currency_code).toBe(side === "shop_money" ? "USD" : currency);
              return cents(set[side].amount);
            };
            const add = (values: number[]): number => values.reduce((a, b) => a + b, 0);
            // deno-lint-ignore no-explicit-any
            const items: any[] = wire.line_items;
            const gross = items.map((item) => of(item.price_set) * item.quantity);
            const off = items.map((item) =>
              add(item.discount_allocations.map((a: { amount_set: unknown }) => of(a.amount_set)))
            );
            items.forEach((_, index) => expect(off[index]).toBeLessThanOrEqual(gross[index]!));
            const shipping = add(wire.shipping_lines.map((s: { price_set: unknown }) => of(s.price_set)));
            const taxed = [...items, ...wire.shipping_lines].flatMap((entry) => entry.tax_lines);
            const tax = add(taxed.map((t: { price_set: unknown }) => of(t.price_set)));

            expect(of(wire.total_line_items_price_set)).toBe(add(gross));
            expect(of(wire.total_discounts_set)).toBe(add(off));
            expect(of(wire.subtotal_price_set)).toBe(add(gross) - add(off));
            expect(of(wire.total_shipping_price_set)).toBe(shipping);
            expect(of(wire.total_tax_set)).toBe(tax);
            expect(add(wire.tax_lines.map((t: { price_set: unknown }) => of(t.price_set)))).toBe(tax);
            expect(of(wire.total_price_set)).toBe(
              add(gross) - add(off) + shipping + (wire.taxes_included ? 0 : tax),
            );
            expect(of(wire.current_total_price_set)).toBe(of(wire.total_price_set));
          }
          for (
            const name of [
              "total_price",
              "subtotal_price",
              "total_tax",
              "total_discounts",
              "total_line_items_price",
            ]
          ) {
            expect(wire[name]).toBe(wire[`${name}_set`].shop_money.amount);
          }
          expect(wire.taxes_included).toBe(country !== "US");
        },
      ),
      { numRuns: 150 },
    );
  });
});
