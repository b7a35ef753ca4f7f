/** The theme app embed's Liquid, rendered as Shopify would. */
import { describe, expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { type Product, PRODUCTS } from "@trakit/sandbox/shop/catalog.ts";
import { readExtensions } from "@trakit/sandbox/shop/extensions.ts";
import {
  liquidCart,
  liquidCollection,
  liquidProduct,
  liquidSearch,
} from "@trakit/sandbox/shop/liquid-objects.ts";
import {
  collectionViewed,
  pixelVariant,
  productViewed,
  searchSubmitted,
} from "@trakit/sandbox/shop/pixel-shapes.ts";
import type { Cart } from "@trakit/sandbox/shop/state.ts";
import { browserEventSchema } from "@trakit/shopify/browser-schema.ts";

const folder = fileURLToPath(new URL("../../../packages/storefront/extensions", import.meta.url));
const { embed, asset } = readExtensions(folder, null);

interface Data {
  address: string;
  cart: { currency: string; items: Record<string, unknown>[] };
  events: [string, Record<string, unknown>][];
}

function dataOf(html: string): Data {
  const found = /<script type="application\/json">([\s\S]*?)<\/script>\s*<script src="[^"]*" defer><\/script>/
    .exec(html);
  return JSON.parse(found![1]!) as Data;
}

const cartOf = (...lines: [string, number][]): Cart => ({
  token: "t",
  key: "k",
  lines: lines.map(([variantId, quantity]) => ({ variantId, quantity, properties: {} })),
  attributes: {},
  note: null,
  createdAt: 0,
  updatedAt: 0,
  checkoutToken: null,
  told: false,
});
const cartShown = {
  name: "cart_viewed",
  data: {
    cart: {
      totalQuantity: 3,
      cost: { totalAmount: { amount: 78.95, currencyCode: "USD" } },
      lines: [[PRODUCTS[0]!, 2, 64], [PRODUCTS[3]!, 1, 14.95]].map((
        [product, quantity, amount],
      ) => ({
        quantity,
        cost: { totalAmount: { amount, currencyCode: "USD" } },
        merchandise: pixelVariant(product as Product, (product as Product).variants[0]!, "USD"),
      })),
    },
  },
};
const EMPTY = liquidCart(null, "USD");
const page = (type: string, objects: Record<string, unknown> = {}, settings: Record<string, unknown> = {}) =>
  embed({ request: { page_type: type, origin: "https://shop.example" }, cart: EMPTY, ...objects }, settings);

describe("theme app embed", () => {
  test("a page nobody needs to know about says its path and its cart, no more", () => {
    expect(dataOf(page("index"))).toEqual({
      address: "/apps/trakit/*",
      cart: { currency: "USD", items: [] },
      events: [],
    });
  });

  test.each([
    ["product", productViewed(PRODUCTS[4]!, PRODUCTS[4]!.variants[0]!, "USD"), {
      product: liquidProduct(PRODUCTS[4]!, "USD"),
    }],
    ["collection", collectionViewed(PRODUCTS, "EUR"), {
      collection: liquidCollection(PRODUCTS, "EUR"),
      cart: liquidCart(null, "EUR"),
    }],
    ["search", searchSubmitted("“mug” </script>", [PRODUCTS[3]!, PRODUCTS[1]!], "USD"), {
      search: liquidSearch("“mug” </script>", [PRODUCTS[3]!, PRODUCTS[1]!], "USD"),
    }],
    ["cart", cartShown, {
      cart: liquidCart(cartOf(["44512345678901", 2], ["44512345678941", 1]), "USD"),
    }],
  ])("a %s page reports what a pixel would, in a shape the server reads", (type, pixel, objects) => {
    const { name } = pixel;
    const { events } = dataOf(page(type, objects));
    expect(events.map(([one]) => one)).toEqual([name]);
    const parsed = browserEventSchema.safeParse({
      name,
      id: "x".repeat(32),
      timestamp: 1,
      data: events[0]![1],
    });
    expect(parsed.error?.issues).toBeUndefined();
    // the web pixel of the same page says the same, and more
    expect(pixel.data).toMatchObject(events[0]![1]);
  });

  test("a search without results and an empty cart report no variants and nothing", () => {
    const { events } = dataOf(page("search", { search: liquidSearch("nothing", [], "USD") }));
    expect(events).toEqual([["search_submitted", {
      searchResult: { query: "nothing", productVariants: [] },
    }]]);
    expect(dataOf(page("search", { search: { performed: false } })).events).toEqual([]);
    expect(dataOf(page("cart")).events).toEqual([]);
  });

  const evil = `</script><script>alert(1)</script><!-- <script> "\\ \u2028 & {{ 1 }} \\u003c`;
  const evilProduct = {
    ...liquidProduct({ ...PRODUCTS[0]!, title: evil, vendor: evil, type: evil } as Product, "USD"),
    title: evil,
    vendor: evil,
    type: evil,
  };
  const evilItem = {
    ...(liquidCart(cartOf(["44512345678901", 2]), "USD") as { items: object[] }).items[0],
    sku: evil,
    vendor: evil,
    product: evilProduct,
    variant: { id: "1", sku: evil, title: evil, price: 1 },
  };
  // whether Shopify's filter escapes is not said anywhere we know of: the block does not depend on it
  describe.each([
    ["Shopify's", embed],
    [
      "one that escapes nothing",
      readExtensions(folder, null, { json: (value) => JSON.stringify(value ?? null) }).embed,
    ],
  ])("with a filter `json` like %s", (_which, render) => {
    test.each([
      ["product", { product: evilProduct }],
      ["collection", { collection: { id: "1", title: evil, products: [evilProduct] } }],
      ["search", { search: liquidSearch(evil, [PRODUCTS[0]!], "USD") }],
      ["cart", { cart: { ...liquidCart(cartOf(["44512345678901", 2]), "USD"), items: [evilItem] } }],
    ])("no text of a %s page ends the data or starts a script", (type, objects) => {
      const html = render({
        request: { page_type: type, origin: "https://shop.example" },
        cart: EMPTY,
        ...objects,
      }, {});
      expect(html.match(/<[a-z!/]+/g)).toEqual(["<script", "</script", "<script", "</script"]);
      expect(JSON.stringify(dataOf(html)).split(JSON.stringify(evil).slice(1, -1)).length).toBeGreaterThan(1);
    });
  });

  test("the block prints nothing of a person", () => {
    const customer = { id: "7", name: evil, first_name: evil, email: "zoe@example.com" };
    const cart = { ...EMPTY, note: evil, attributes: { a: evil } };
    for (const type of ["index", "product", "cart", "customers/account"]) {
      const html = page(type, { customer, cart, product: liquidProduct(PRODUCTS[0]!, "USD") });
      expect(html).not.toContain("alert");
      expect(html).not.toContain("zoe");
    }
  });

  test("the merchant's path and key are followed", () => {
    const html = page("index", {}, { path: "/tools/t-rk", key: "blue-mugs.7snYwolvnTWl9q14zEF-7w" });
    expect(dataOf(html).address).toBe("/tools/t-rk/*?key=blue-mugs.7snYwolvnTWl9q14zEF-7w");
    expect(html).toContain('<script src="https://shop.example/tools/t-rk/trakit.js" defer></script>');
    expect(page("index", {}, { own_address: false })).toContain(
      '<script src="/shop/extension/trakit.js" defer></script>',
    );
    expect(asset("trakit.js")).not.toBeNull();
  });
});
