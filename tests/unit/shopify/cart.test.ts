import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCart } from "@trakit/shopify/cart.ts";
import { fixture } from "./fixture.ts";
import { pathsOf, replaceAt, UNSTORABLE } from "./mutate.ts";

const SHOP = { shop: "trakit-demo.myshopify.com" };
type Payload = Record<string, unknown> & { line_items: Record<string, unknown>[] };
const payload = () => structuredClone(fixture("cart-update")) as Payload;
const decoded = (value: unknown) => {
  const result = decodeCart(value, SHOP);
  if (!result.ok) throw new Error(result.issues.join());
  return result.cart;
};

test("a cart is its token, its times and its lines, each with the event an add to it is", () => {
  const cart = decoded(payload());
  expect(cart).toMatchObject({
    token: "Z2NwLXVzLWVhc3QxOjAxSzhRWFZCTjdKRjg0VFlXU1I1UUUzMEtE",
    created_at: "2026-10-26T07:05:02.481Z",
    updated_at: "2026-10-26T07:09:31.120Z",
  });
  expect(
    cart.lines.map(({ key, variant_id, quantity, unit_discount }) => ({
      key,
      variant_id,
      quantity,
      unit_discount,
    })),
  )
    .toEqual([
      {
        key: "44512345678901:3abdf474dce81d0025dd15b9a02ef6bf",
        variant_id: "44512345678901",
        quantity: 2,
        unit_discount: "0",
      },
      {
        key: "44512345678917:9f1c2d3e4b5a69788796a5b4c3d2e1f0",
        variant_id: "44512345678917",
        quantity: 1,
        unit_discount: "0",
      },
    ]);
  expect(cart.lines[0]!.event).toMatchObject({
    name: "product_added_to_cart",
    source: "webhook",
    occurred_at: "2026-10-26T07:09:31.120Z",
    page: { url: "https://trakit-demo.myshopify.com/" },
    commerce: {
      currency: "USD",
      cart_token: cart.token,
      items: [{
        product_id: "8123456789012",
        variant_id: "44512345678901",
        sku: "MB-CHAR",
        unit_price: "32.00",
      }],
    },
    consent: { analytics: null, marketing: null },
  });
});

describe("money", () => {
  test("is what the visitor saw, discount by unit", () => {
    const cart = payload();
    Object.assign(cart.line_items[0]!, {
      price_set: {
        shop_money: { amount: "32.00", currency_code: "USD" },
        presentment_money: { amount: "30", currency_code: "EUR" },
      },
      discounted_price_set: {
        shop_money: { amount: "28.80", currency_code: "USD" },
        presentment_money: { amount: "27", currency_code: "EUR" },
      },
    });
    const [line] = decoded(cart).lines;
    expect(line).toMatchObject({ unit_discount: "3.00", event: { commerce: { currency: "EUR" } } });
    expect(line!.event.commerce.items[0]!.unit_price).toBe("30.00");
  });

  test("without a currency stays without one; without a price the cart is unreadable", () => {
    const cart = payload();
    delete cart.line_items[0]!.price_set;
    expect(decoded(cart).lines[0]!.event.commerce).toMatchObject({
      currency: null,
      items: [{ unit_price: "32.00" }],
    });
    delete cart.line_items[0]!.price;
    expect(decodeCart(cart, SHOP)).toEqual({ ok: false, issues: ["line_items.0.price: missing"] });
  });
});

test("one key twice is one line; a line of none is none; a line without key has its variant's", () => {
  const cart = payload();
  const [first, second] = cart.line_items as [Record<string, unknown>, Record<string, unknown>];
  cart.line_items = [first, { ...first, quantity: 3 }, { ...second, quantity: 0 }, { ...second, key: null }];
  expect(decoded(cart).lines.map(({ key, quantity }) => [key, quantity])).toEqual([
    ["44512345678901:3abdf474dce81d0025dd15b9a02ef6bf", 5],
    ["44512345678917", 1],
  ]);
});

test("without token or time it is unreadable", () => {
  const { token: _, id: __, updated_at: ___, ...rest } = payload();
  expect(decodeCart(rest, SHOP)).toEqual({ ok: false, issues: ["token: missing", "updated_at: missing"] });
});

test("whatever it holds, decoding it gives a cart fit to be stored or issues, and throws nothing", () => {
  const paths = pathsOf(payload());
  fc.assert(fc.property(fc.constantFrom(...paths), fc.anything(), (path, value) => {
    const changed = payload();
    replaceAt(changed, path, value);
    const result = decodeCart(changed, SHOP);
    if (result.ok) expect(JSON.stringify(result.cart)).not.toMatch(UNSTORABLE);
    else expect(result.issues.length).toBeGreaterThan(0);
  }));
});
