import { describe, expect, test } from "vitest";
import { parseJson } from "@trakit/shopify/json.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { fixtureText, SHOP } from "./fixture.ts";
import { decode, event, issues, type Payload } from "./orders.ts";

describe("ids", () => {
  test("an id beyond 2^53 keeps its digits from the raw text to the event", () => {
    const text = fixtureText("order-web-guest")
      .replaceAll("5890123456781", "820982911946154508")
      .replace("8123456789012", "820982911946154509")
      .replace('"id": 7012345678801', '"id": 820982911946154511');
    const parsed = parseJson(text);
    const result = decodeOrder(parsed.ok ? parsed.value : null, { shop: SHOP });
    expect(result).toMatchObject({
      ok: true,
      keys: { order: "820982911946154508" },
      event: {
        commerce: { order_id: "820982911946154508", items: [{ product_id: "820982911946154509" }, {}] },
        identifiers: { customer_id: "820982911946154511" },
      },
    });
  });

  test("an id some parser has rounded is taken from the gid, never from the number", () => {
    const gid = "gid://shopify/Order/820982911946154508";
    const decoded = event((order) =>
      Object.assign(order, { id: 820982911946154500, admin_graphql_api_id: gid })
    );
    expect(decoded.commerce.order_id).toBe("820982911946154508");
    expect(issues((order) => Object.assign(order, { id: 820982911946154500, admin_graphql_api_id: null })))
      .toEqual(["id: missing"]);
  });

  test("ids may come as strings; a line without product is a custom item", () => {
    const decoded = event((order) => {
      order.id = "5890123456781";
      Object.assign(order.line_items[0], { product_id: null, variant_id: null, sku: null, title: "Gravur" });
    });
    expect(decoded.commerce.order_id).toBe("5890123456781");
    expect(decoded.commerce.items[0]).toMatchObject({
      product_id: null,
      variant_id: null,
      sku: null,
      title: "Gravur",
    });
  });

  test("without a checkout token the order id makes the event id; an empty token is none", () => {
    const byOrder = event((order) => order.checkout_token = null);
    expect(byOrder.event_id).toBe("44098ebd80fbb81f6965fe6add2e6a21");
    expect(event((order) => order.checkout_token = "").event_id).toBe(byOrder.event_id);
  });
});

describe("channels", () => {
  test.each([
    ["web", "token", "web"],
    ["web", null, "web"],
    ["pos", null, "pos"],
    ["pos", "token", "pos"],
    ["shopify_draft_order", "token", "draft"],
    ["subscription_contract", null, "subscription"],
    ["subscription_contract_checkout_one", "token", "subscription"],
    ["iphone", null, "app"],
    ["android", "token", "app"],
    ["580111", "token", "web"],
    ["3890849", null, "other"],
    [null, "token", "web"],
    [null, null, "other"],
  ])("source %j with checkout token %j is %s", (source, token, channel) => {
    expect(event((order) => Object.assign(order, { source_name: source, checkout_token: token })).channel)
      .toBe(channel);
  });
});

describe("money", () => {
  const EUR = "order-web-customer-eur-discount";

  test("one amount without the buyer's currency puts the whole order in the shop's", () => {
    const commerce = event((order) => delete order.line_items[1].price_set, EUR).commerce;
    expect(commerce).toMatchObject({
      currency: "USD",
      total: "78.76",
      subtotal: "73.26",
      tax: "12.57",
      shipping: "5.50",
      discount: "8.14",
      items: [{ unit_price: "33.00", line_discount: "3.30" }, { unit_price: "24.20", line_discount: "4.84" }],
    });
    expect(
      event((order) => delete order.line_items[0].discount_allocations[0].amount_set, EUR).commerce.currency,
    ).toBe("USD");
    expect(event((order) => order.total_price_set.presentment_money = null, EUR).commerce.currency).toBe(
      "USD",
    );
  });

  test("a total the order names in the shop's currency only is left out, not mixed in", () => {
    const { commerce } = event((order) => order.total_tax_set = null, EUR);
    expect(commerce).toMatchObject({ currency: "EUR", total: "71.60", tax: null });
  });

  test("plain amounts do where there is one currency", () => {
    const { commerce } = event((order) => {
      for (const key of Object.keys(order)) if (key.endsWith("_set")) delete order[key];
      for (const line of order.line_items) delete line.price_set;
      delete order.presentment_currency;
    });
    expect(commerce).toMatchObject({
      currency: "USD",
      total: "102.25",
      subtotal: "88.50",
      tax: "7.85",
      shipping: null,
      discount: "0.00",
      items: [{ unit_price: "32.00" }, { unit_price: "24.50" }],
    });
  });

  test("numbers and strings give the same amount, with the currency's fraction digits", () => {
    const total = (amount: unknown, currency: string) =>
      event((order) => {
        Object.assign(order, { currency, presentment_currency: currency });
        order.total_price_set.presentment_money = { amount, currency_code: currency };
      }).commerce.total;
    expect(total(102.25, "USD")).toBe("102.25");
    expect(total("102.5", "USD")).toBe("102.50");
    expect(total(1200, "JPY")).toBe("1200");
    expect(total("1200.00", "JPY")).toBe("1200");
    expect(total("1.5", "KWD")).toBe("1.500");
    expect(total("0.125", "USD")).toBe("0.125");
  });

  test("several discounts on a line add up exactly", () => {
    const { commerce } = event((order) => {
      order.line_items[0].discount_allocations = ["0.10", "0.20", 0.3].map((amount) => ({ amount }));
    });
    expect(commerce.items[0]?.line_discount).toBe("0.60");
  });

  test.each([
    [
      "total_price_set.presentment_money.amount",
      (o: Payload) => o.total_price_set.presentment_money.amount = "12,50",
    ],
    ["line_items.1.price", (o: Payload) => o.line_items[1].price = "free"],
    ["total_tax", (o: Payload) => o.total_tax = "7.85 USD"],
  ])("an amount we cannot read is refused at %s, not guessed", (path, change) => {
    expect(issues(change)).toEqual([`${path}: not_a_decimal`]);
  });

  test("a line without any price is refused", () => {
    expect(issues((order) => Object.assign(order.line_items[1], { price: null, price_set: null })))
      .toEqual(["line_items.1.price: missing"]);
  });
});

describe("items", () => {
  test("a line edited to nothing is not bought", () => {
    expect(event((order) => order.line_items[0].quantity = 0).commerce.items.map((item) => item.sku)).toEqual(
      ["TB-750"],
    );
  });

  test.each([[-1], [1.5], [null], ["2x"], [{}]])("a quantity of %j is refused", (quantity) => {
    expect(issues((order) => order.line_items[0].quantity = quantity)).toHaveLength(1);
  });

  test("of more than 500 lines the first 500 become items, the totals are the order's, and it says so", () => {
    const result = decode((order) => {
      order.line_items = Array.from(
        { length: 12_000 },
        (_, index) => ({ ...order.line_items[0], sku: `S${index}` }),
      );
    });
    if (!result.ok) throw new Error();
    expect(result.event.commerce.items).toHaveLength(500);
    expect(result.event.commerce.items.at(-1)?.sku).toBe("S499");
    expect(result.event.commerce.total).toBe("102.25");
    expect(result.dropped).toEqual(["line_items"]);
  });
});
