import { describe, expect, test } from "vitest";
import { decode, event } from "./browser-events.ts";

const price = (amount: number | string, currencyCode = "EUR") => ({ amount, currencyCode });
const variant = (amount: number | string, currencyCode = "EUR") => ({
  id: "gid://shopify/ProductVariant/820982911946154508",
  price: price(amount, currencyCode),
  product: { id: "820982911946154507", title: "Hat" },
});

describe("money and items", () => {
  test("ids beyond 2^53 keep their digits", () => {
    const { commerce } = event({ name: "product_viewed", data: { productVariant: variant(1) } });
    expect(commerce.items[0]).toMatchObject({
      product_id: "820982911946154507",
      variant_id: "820982911946154508",
    });
  });

  test("numbers become decimals without a float's noise", () => {
    const unit = (amount: number | string, currency?: string) =>
      event({ name: "product_viewed", data: { productVariant: variant(amount, currency) } }).commerce.items[0]
        ?.unit_price;
    expect(unit(0.1)).toBe("0.10");
    expect(unit(19.99)).toBe("19.99");
    expect(unit(1e21)).toBe("1000000000000000000000.00");
    expect(unit("24.5")).toBe("24.50");
    expect(unit(1200, "JPY")).toBe("1200");
    expect(unit(1.5, "KWD")).toBe("1.500");
  });

  test.each([-1, "-0.01", "free", "", null, undefined, {}])(
    "a price of %j makes the event invalid",
    (amount) => {
      const result = decode({
        name: "product_viewed",
        data: { productVariant: { id: "1", price: { amount, currencyCode: "EUR" } } },
      });
      expect(result).toMatchObject({ ok: false, reason: "invalid_event" });
      expect(!result.ok && result.issues[0]).toMatch(/^data\.productVariant\.price\.amount: [a-z_]+$/);
    },
  );

  test("amounts of two currencies make no sum", () => {
    const lines = [variant(1, "EUR"), variant(1, "USD")].map((merchandise) => ({ merchandise, quantity: 1 }));
    expect(decode({ name: "cart_viewed", data: { cart: { id: "Z2NwLXVzLWVhc3Qx", lines } } }))
      .toEqual({ ok: false, reason: "invalid_event", issues: ["data: mixed_currencies"] });
  });

  test("beside a line that was added, a cart only says which cart it is", () => {
    const cartLine = { merchandise: variant(22), quantity: 2 };
    const { commerce } = event({
      name: "product_added_to_cart",
      id: "0123456789abcdef",
      data: {
        cartLine,
        cart: {
          id: "Z2NwLXVzLWVhc3Qx",
          cost: { totalAmount: price(99) },
          lines: [{ merchandise: variant(1), quantity: 9 }],
        },
      },
    });
    expect(commerce).toMatchObject({
      cart_token: "Z2NwLXVzLWVhc3Qx",
      subtotal: null,
      items: [{ quantity: 2, unit_price: "22.00" }],
    });
    expect(commerce.items).toHaveLength(1);
  });

  test("a cart brings its token, lines and cost; what a line costs less is its discount", () => {
    const { commerce } = event({
      name: "cart_viewed",
      data: {
        cart: {
          id: "gid://shopify/Cart/Z2NwLXVzLWVhc3Qx?key=abc",
          cost: { totalAmount: price(43.2) },
          lines: [
            { merchandise: variant(22), quantity: 2, cost: { totalAmount: price(39.6) } },
            { merchandise: variant(3.6), quantity: 1 },
            { merchandise: variant(9), quantity: 0 },
          ],
        },
      },
    });
    expect(commerce).toMatchObject({
      currency: "EUR",
      cart_token: "Z2NwLXVzLWVhc3Qx",
      subtotal: "43.20",
      total: null,
    });
    expect(
      commerce.items.map(({ quantity, unit_price, line_discount }) => [quantity, unit_price, line_discount]),
    ).toEqual([
      [2, "22.00", "4.40"],
      [1, "3.60", "0"],
    ]);
  });

  test("collections and searches bring their products, one each", () => {
    expect(
      event({
        name: "collection_viewed",
        data: { collection: { id: "7", title: "Herbst", productVariants: [variant(1), variant(2)] } },
      }).commerce,
    ).toMatchObject({
      collection_id: "7",
      collection_title: "Herbst",
      items: [{ quantity: 1 }, { quantity: 1 }],
    });
    expect(
      event({
        name: "search_submitted",
        data: { searchResult: { query: "mütze", productVariants: [] } },
      }).commerce,
    ).toMatchObject({ search_query: "mütze", items: [], currency: null });
  });

  test("a checkout's discounts, coupon and custom item", () => {
    const { commerce } = event({
      name: "payment_info_submitted",
      data: {
        checkout: {
          token: "t1",
          currencyCode: "EUR",
          totalPrice: price(30),
          discountsAmount: price(5),
          discountApplications: [{ type: "AUTOMATIC", title: "Sale" }, {
            type: "DISCOUNT_CODE",
            title: "HERBST10",
          }],
          order: { id: null, customer: { isFirstOrder: false } },
          lineItems: [
            {
              title: "Hat",
              quantity: 2,
              variant: variant(10),
              discountAllocations: [{ amount: price(1.5) }, { amount: price(2) }],
            },
            {
              title: "Gift wrap",
              quantity: 3,
              variant: null,
              finalLinePrice: price(8.5),
              discountAllocations: [{ amount: price(1.5) }],
            },
          ],
        },
      },
    });
    expect(commerce).toMatchObject({
      total: "30.00",
      discount: "5.00",
      coupon: "HERBST10",
      customer_type: "returning",
    });
    expect(commerce.items).toMatchObject([
      { unit_price: "10.00", line_discount: "3.50", variant_id: "820982911946154508" },
      { title: "Gift wrap", unit_price: "3.33", line_discount: "1.50", variant_id: null },
    ]);
  });

  test.each(["product_added_to_cart", "product_removed_from_cart"])(
    "%s without a line is still an event",
    (name) => {
      expect(event({ name, data: { cartLine: null } }).commerce.items).toEqual([]);
    },
  );

  test("no more than 500 lines become items", () => {
    const lines = Array.from({ length: 2_000 }, () => ({ merchandise: variant(1), quantity: 1 }));
    expect(event({ name: "cart_viewed", data: { cart: { lines } } }).commerce.items).toHaveLength(500);
  });
});

describe("how it is paid for and delivered", () => {
  const of = (type: string | null) =>
    event({
      name: "checkout_completed",
      data: {
        checkout: {
          token: "c".repeat(32),
          delivery: { selectedDeliveryOptions: [{ title: "Standard", type }] },
          transactions: [{ gateway: "shopify_payments" }],
        },
      },
    }).commerce;

  test("the first option and gateway are named", () => {
    expect(of("shipping")).toMatchObject({ shipping_tier: "Standard", payment_type: "shopify_payments" });
  });

  test.each([["shipping", "home_delivery"], ["local", "home_delivery"], ["pickup", "in_store"], [
    "pickupPoint",
    null,
  ], [null, null]])(
    "%s is %s",
    (type, category) => {
      expect(of(type).delivery_category).toBe(category);
    },
  );

  test("nonsense in it costs nothing else", () => {
    const { commerce } = event({
      name: "checkout_completed",
      data: { checkout: { token: "c".repeat(32), delivery: "x", transactions: [7, null], lineItems: [] } },
    });
    expect(commerce).toMatchObject({ shipping_tier: null, payment_type: null, delivery_category: null });
  });
});
