import { describe, expect, test } from "vitest";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { decodeCart } from "@trakit/shopify/cart.ts";
import { decodeCheckout } from "@trakit/shopify/checkout.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { decodeRefund } from "@trakit/shopify/refund.ts";
import { decode, NOW } from "./browser-events.ts";
import { fixture, SHOP } from "./fixture.ts";

function events(name: string, payload: unknown): CanonicalEvent[] {
  if (name.startsWith("pixel-")) {
    const decoded = decode({ ...payload as object, timestamp: NOW });
    return decoded.ok ? [decoded.event] : [];
  }
  if (name.startsWith("cart-")) {
    const decoded = decodeCart(payload, { shop: SHOP });
    return decoded.ok ? decoded.cart.lines.map((line) => line.event) : [];
  }
  const reader = name.startsWith("order-")
    ? decodeOrder
    : name.startsWith("refund-")
    ? decodeRefund
    : decodeCheckout;
  const decoded = reader(payload, { shop: SHOP });
  return decoded.ok && decoded.event ? [decoded.event] : [];
}

/** Every text of a payload, as the path to it. */
function* texts(value: unknown, path: (string | number)[] = []): Generator<(string | number)[]> {
  if (typeof value === "string") yield path;
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      yield* texts(inner, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  }
}

function withText(payload: unknown, path: (string | number)[], text: string): unknown {
  const copy = structuredClone(payload) as Record<string | number, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as typeof at;
  at[path.at(-1)!] = text;
  return copy;
}

/** A browser's own name for itself; and codes and addresses of machines, which may be all digits. */
const TOOLS = new Set(["user_agent", "userAgent"]);
const CODES = new Set(["sku", "zip", "name", "browser_ip"]);

const FIXTURES = [
  "order-web-guest",
  "order-web-customer-eur-discount",
  "order-pos",
  "checkout-create",
  "cart-update",
  "refund-create",
  "pixel-checkout_completed",
  "pixel-checkout_started",
  "pixel-page_viewed",
  "pixel-product_added_to_cart",
];

describe.each(FIXTURES)("whatever text of %s", (name) => {
  const payload = fixture(name);

  test.each([
    ["an email address", "for jane.doe@example.com please"],
    ["a phone number", "call 0170 1234567 please"],
  ])("has %s in it, the event has not", (kind, text) => {
    let looked = 0;
    for (const path of texts(payload)) {
      const field = String(path.at(-1));
      if (TOOLS.has(field) || (kind === "a phone number" && CODES.has(field))) continue;
      for (const event of events(name, withText(payload, path, text))) {
        looked++;
        expect(/jane\.doe|0170 1234567/.test(JSON.stringify(event)), path.join(".")).toBe(false);
      }
    }
    expect(looked).toBeGreaterThan(4);
  });
});

test("a title, a search, a collection or a discount code that names a person is not known, and everything else is", () => {
  const page = (title: string) => decode({ page: { url: `https://${SHOP}/`, title } });
  expect(page("Account of jane@example.com – Shop")).toMatchObject({ event: { page: { title: null } } });
  expect(page("iPhone 15 2024 edition 128 GB")).toMatchObject({
    event: { page: { title: "iPhone 15 2024 edition 128 GB" } },
  });
  const collection = (title: string) =>
    decode({ name: "collection_viewed", data: { collection: { id: "1", title, productVariants: [] } } });
  expect(collection("Gifts for +49 170 1234567")).toMatchObject({
    event: { commerce: { collection_id: "1", collection_title: null } },
  });
  const search = (query: string) =>
    decode({ name: "search_submitted", data: { searchResult: { query, productVariants: [] } } });
  expect(search("491701234567")).toMatchObject({ event: { commerce: { search_query: null } } });
  expect(search("4006381333931")).toMatchObject({ event: { commerce: { search_query: "4006381333931" } } });
  const order = fixture("order-web-guest") as Record<string, unknown>;
  expect(
    decodeOrder({ ...order, discount_codes: [{ code: "jane@example.com" }, { code: "SAVE10" }] }, {
      shop: SHOP,
    }),
  ).toMatchObject({ event: { commerce: { coupon: "SAVE10" } } });
});

test("half an address is none either: a title is looked at before it is cut", () => {
  expect(decode({ page: { title: `${"x".repeat(290)} jane.doe@example.com` } })).toMatchObject({
    event: { page: { title: null } },
  });
});
