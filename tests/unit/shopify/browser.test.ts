import { describe, expect, test } from "vitest";
import type { CanonicalEvent, Commerce } from "@trakit/core/event.ts";
import { EMPTY_IDENTIFIERS, emptyCommerce, UNKNOWN_CONSENT } from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import { type BrowserContext, decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { fixture, SHOP } from "./fixture.ts";

const CONTEXT: BrowserContext = {
  shop: SHOP,
  ip: "198.51.100.23",
  userAgent: "header agent",
  customerId: null,
  now: Date.parse("2026-10-26T07:13:00Z"),
};

function decoded(name: string, context: Partial<BrowserContext> = {}): CanonicalEvent {
  const result = decodeBrowserEvent(fixture(name), { ...CONTEXT, ...context });
  if (!result.ok) throw new Error(`${result.reason} ${result.issues.join()}`);
  return result.event;
}

const LANDING =
  "https://store.example.com/products/merino-beanie?utm_source=facebook&utm_medium=paid_social&utm_campaign=autumn_26&fbclid=IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal";
const AGENT =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";
const CART = "Z2NwLXVzLWVhc3QxOjAxSzhRWFZCTjdKRjg0VFlXU1I1UUUzMEtE";
const IDENTIFIERS = { ...EMPTY_IDENTIFIERS, client_id: "c7b3f99b-4d34-463b-835f-c879482a7750" };
const CLIENT = {
  ip: "198.51.100.23",
  user_agent: AGENT,
  language: "en-US",
  city: null,
  region: null,
  region_code: null,
  postal_code: null,
  country: null,
  policy_country: null,
};
const BEANIE = {
  product_id: "8123456789012",
  variant_id: "44512345678901",
  sku: "MB-CHAR",
  title: "Merino Beanie",
  variant_title: "Charcoal",
  brand: "Northfold",
  category: "accessories",
  unit_price: "32.00",
  line_discount: "0",
};
const BOTTLE = {
  product_id: "8123456789013",
  variant_id: "44512345678917",
  sku: "TB-750",
  title: "Trail Bottle",
  variant_title: "750 ml",
  brand: "Northfold",
  category: "accessories",
  unit_price: "24.50",
  line_discount: "0",
};

describe("sample web pixel events", () => {
  test("page_viewed", () => {
    expect(decoded("pixel-page_viewed")).toEqual({
      name: "page_viewed",
      event_id: "sh-0a1c5e7d-8B2F-4C36-9D41-6E0F7A28C3B1",
      occurred_at: "2026-10-26T07:00:10.123Z",
      source: "browser",
      channel: "web",
      test: false,
      page: { url: LANDING, referrer: "https://l.facebook.com/", title: "Merino Beanie – Trakit Demo" },
      commerce: emptyCommerce(),
      digests: {},
      client: CLIENT,
      // Made from the click id in the URL, at the time of the event.
      identifiers: { ...IDENTIFIERS, fbc: "fb.1.1792998010123.IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal" },
      consent: UNKNOWN_CONSENT,
    });
    expect(new Date(1792998010123).toISOString()).toBe("2026-10-26T07:00:10.123Z");
  });

  test("product_viewed", () => {
    expect(decoded("pixel-product_viewed")).toMatchObject({
      name: "product_viewed",
      event_id: "sh-0a1c5e7d-8B2F-4C36-9D41-6E0F7A28C3B2",
      commerce: { ...emptyCommerce(), currency: "USD", items: [{ ...BEANIE, quantity: 1 }] },
      digests: {},
    });
  });

  test("product_added_to_cart", () => {
    expect(decoded("pixel-product_added_to_cart")).toMatchObject({
      name: "product_added_to_cart",
      event_id: "sh-0a1c5e7d-8B2F-4C36-9D41-6E0F7A28C3B3",
      page: { url: "https://store.example.com/products/merino-beanie" },
      commerce: { ...emptyCommerce(), currency: "USD", items: [{ ...BEANIE, quantity: 2 }] },
      identifiers: IDENTIFIERS,
    });
  });

  test("checkout_started: nothing is known of the buyer but the country", () => {
    const event = decoded("pixel-checkout_started");
    expect(event).toMatchObject({
      name: "checkout_started",
      // SHA-256 of …|checkout_started|5f7028e0bd52c2e9a4d4f5f8a6b1c2d3
      event_id: "cb7a6838e2fb7daa6400b55fa212f2aa",
      occurred_at: "2026-10-26T07:10:02.905Z",
      page: { referrer: "https://store.example.com/cart", title: "Checkout - Trakit Demo" },
      commerce: {
        currency: "USD",
        total: "88.50",
        subtotal: "88.50",
        tax: "0.00",
        shipping: "0.00",
        discount: "0.00",
        taxes_included: null,
        items: [{ ...BEANIE, quantity: 2 }, { ...BOTTLE, quantity: 1 }],
        order_id: null,
        checkout_token: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3",
        cart_token: CART,
        customer_type: null,
      },
      client: { ...CLIENT, country: "US" },
      identifiers: IDENTIFIERS,
    });
    expect(Object.keys(event.digests)).toEqual(["country.lower"]);
  });

  test("checkout_completed", () => {
    const event = decoded("pixel-checkout_completed");
    expect(event).toMatchObject({
      name: "checkout_completed",
      event_id: "b64deb3571505b1c8ea90c131103093e",
      occurred_at: "2026-10-26T07:12:46.310Z",
      page: {
        // without the token that opens the checkout
        url: "https://store.example.com/checkouts/cn/thank-you",
        referrer: null,
        title: "Thank you for your purchase! - Trakit Demo - Checkout",
      },
      commerce: {
        currency: "USD",
        total: "102.25",
        subtotal: "88.50",
        tax: "7.85",
        shipping: "5.90",
        discount: "0.00",
        items: [{ ...BEANIE, quantity: 2 }, { ...BOTTLE, quantity: 1 }],
        order_id: "5890123456781",
        checkout_token: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3",
        cart_token: CART,
        customer_type: "new",
      },
      client: {
        ...CLIENT,
        city: "Brooklyn",
        region: null,
        region_code: "NY",
        postal_code: "11221",
        country: "US",
      },
      // The customer the page names is not one Shopify signed for.
      identifiers: IDENTIFIERS,
    });
    expect(event.digests).toEqual(
      captureDigests({
        emails: ["maya.okafor@example.com"],
        phones: [{ value: "+17185550123", country: "US" }],
        first_name: "Maya",
        last_name: "Okafor",
        street: "41 Linden Street",
        city: "Brooklyn",
        region: null,
        region_code: "NY",
        postal_code: "11221",
        country: "US",
        external_ids: [],
      }).digests,
    );
    const text = JSON.stringify(event).toLowerCase();
    for (const clear of ["maya", "okafor", "linden", "7185550123"]) expect(text).not.toContain(clear);
  });

  test("the pixel's and the webhook's copy of one order share id, money, items and tokens", () => {
    const browser = decoded("pixel-checkout_completed");
    const result = decodeOrder(fixture("order-web-guest"), { shop: SHOP });
    if (!result.ok) throw new Error();
    const webhook = result.event;
    expect(browser.event_id).toBe(webhook.event_id);
    const shared = (commerce: Commerce) => {
      const { currency, total, subtotal, tax, shipping, discount, order_id, checkout_token, cart_token } =
        commerce;
      // The pixel alone knows the product's type.
      const items = commerce.items.map((item) => ({ ...item, category: null }));
      return {
        currency,
        total,
        subtotal,
        tax,
        shipping,
        discount,
        order_id,
        checkout_token,
        cart_token,
        items,
      };
    };
    expect(shared(browser.commerce)).toEqual(shared(webhook.commerce));
    expect(browser.digests["email.lower"]).toEqual(webhook.digests["email.lower"]);
    expect(browser.digests["phone.e164"]).toEqual(webhook.digests["phone.e164"]);
  });
});

describe("our own form of an event", () => {
  test("says the same as the pixel's", () => {
    const pixel = fixture("pixel-product_viewed");
    const own = {
      name: pixel.name,
      id: pixel.id,
      timestamp: Date.parse(pixel.timestamp),
      page: {
        url: pixel.context.document.location.href,
        referrer: pixel.context.document.referrer,
        title: pixel.context.document.title,
      },
      data: pixel.data,
    };
    const result = decodeBrowserEvent(own, {
      ...CONTEXT,
      userAgent: AGENT,
      language: "en-US",
      visitor: { client_id: pixel.clientId },
    });
    expect(result.ok && result.event).toEqual(decoded("pixel-product_viewed"));
  });

  test("a signed customer and the visitor's id become external ids", () => {
    const visitor_id = "0123456789abcdef0123456789abcdef";
    const event = decoded("pixel-page_viewed", { customerId: "7012345678801", visitor: { visitor_id } });
    expect(event.identifiers).toMatchObject({ customer_id: "7012345678801", visitor_id });
    expect(event.digests["external_id.plain"]).toEqual([
      "be5b0827f2f118cd69cc570975bc53adf330dbf875f41efccc9071c93b580aa6",
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
  });

  test("consent is the batch's", () => {
    const consent = { analytics: true, marketing: false, preferences: null, sale_of_data: false };
    expect(decoded("pixel-page_viewed", { consent }).consent).toEqual(consent);
  });
});
