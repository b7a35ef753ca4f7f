import { describe, expect, test } from "vitest";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { EMPTY_CLIENT, EMPTY_IDENTIFIERS, UNKNOWN_CONSENT } from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import { decodeOrder } from "@trakit/shopify/order.ts";
import { fixture, SHOP } from "./fixture.ts";

function decoded(name: string) {
  const result = decodeOrder(fixture(name), { shop: SHOP });
  if (!result.ok) throw new Error(result.issues.join());
  return result;
}

const BEANIE = {
  product_id: "8123456789012",
  variant_id: "44512345678901",
  sku: "MB-CHAR",
  title: "Merino Beanie",
  variant_title: "Charcoal",
  brand: "Northfold",
  category: null,
};
const BOTTLE = {
  product_id: "8123456789013",
  variant_id: "44512345678917",
  sku: "TB-750",
  title: "Trail Bottle",
  variant_title: "750 ml",
  brand: "Northfold",
  category: null,
};

describe("sample orders", () => {
  test("a guest's web order in one currency", () => {
    const { event, keys, dropped } = decoded("order-web-guest");
    const expected: CanonicalEvent = {
      name: "checkout_completed",
      // SHA-256 of trakit/1|trakit-demo.myshopify.com|checkout_completed|5f7028e0bd52c2e9a4d4f5f8a6b1c2d3
      event_id: "b64deb3571505b1c8ea90c131103093e",
      occurred_at: "2026-10-26T07:12:41.000Z",
      source: "webhook",
      channel: "web",
      test: false,
      page: {
        url:
          `https://${SHOP}/products/merino-beanie?utm_source=facebook&utm_medium=paid_social&utm_campaign=autumn_26&fbclid=IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal`,
        referrer: "https://l.facebook.com/",
        title: null,
      },
      commerce: {
        currency: "USD",
        total: "102.25",
        subtotal: "88.50",
        tax: "7.85",
        shipping: "5.90",
        discount: "0.00",
        taxes_included: false,
        items: [
          { ...BEANIE, quantity: 2, unit_price: "32.00", line_discount: "0" },
          { ...BOTTLE, quantity: 1, unit_price: "24.50", line_discount: "0" },
        ],
        order_id: "5890123456781",
        order_name: "#1042",
        checkout_token: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3",
        cart_token: "Z2NwLXVzLWVhc3QxOjAxSzhRWFZCTjdKRjg0VFlXU1I1UUUzMEtE",
        coupon: null,
        payment_type: "shopify_payments",
        shipping_tier: "Standard",
        delivery_category: "home_delivery",
        customer_type: null,
        customer_orders: null,
        customer_value: null,
        customer_currency: null,
        search_query: null,
        collection_id: null,
        collection_title: null,
      },
      digests: captureDigests({
        emails: ["maya.okafor@example.com"],
        phones: [{ value: "+17185550123", country: "US" }],
        first_name: "Maya",
        last_name: "Okafor",
        street: "41 Linden Street",
        city: "Brooklyn",
        region: "New York",
        region_code: "NY",
        postal_code: "11221",
        country: "US",
        external_ids: ["7012345678801"],
      }).digests,
      client: {
        ip: "198.51.100.23",
        user_agent:
          "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        language: "en-US",
        city: "Brooklyn",
        region: "New York",
        region_code: "NY",
        postal_code: "11221",
        country: "US",
        policy_country: null,
      },
      identifiers: {
        ...EMPTY_IDENTIFIERS,
        customer_id: "7012345678801",
        fbp: "fb.1.1792998010123.1234567890",
        fbc: "fb.1.1792998009000.IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal",
      },
      consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
    };
    expect(event).toEqual(expected);
    expect(keys).toEqual({ order: "5890123456781" });
    expect(dropped).toEqual([]);
    // printf maya.okafor@example.com | sha256sum, and of the customer id
    expect(event.digests["email.lower"]).toEqual([
      "b64b178a98dfec3c9923bfa5ecacb1789ae82e7032542785a08d0864dd32c7f6",
    ]);
    expect(event.digests["external_id.plain"]).toEqual([
      "be5b0827f2f118cd69cc570975bc53adf330dbf875f41efccc9071c93b580aa6",
    ]);
  });

  test("a customer's order in another currency than the shop's, with a discount and tax included", () => {
    const { event, keys } = decoded("order-web-customer-eur-discount");
    expect(event).toMatchObject({
      event_id: "0beb2e8184833ef64fbb759b3bd093f2",
      occurred_at: "2026-10-26T09:40:15.000Z",
      channel: "web",
      test: false,
      page: {
        url:
          `https://${SHOP}/de/collections/herbst?utm_source=tiktok&utm_medium=paid_social&ttclid=E.C.P.demoTikTokClickIdNotReal`,
        referrer: "https://www.tiktok.com/",
      },
      commerce: {
        currency: "EUR",
        total: "71.60",
        subtotal: "66.60",
        tax: "11.43",
        shipping: "5.00",
        discount: "7.40",
        taxes_included: true,
        items: [
          { ...BEANIE, quantity: 1, unit_price: "30.00", line_discount: "3.00" },
          { ...BOTTLE, quantity: 2, unit_price: "22.00", line_discount: "4.40" },
        ],
        order_id: "5890123456782",
        order_name: "#1043",
        coupon: "HERBST10",
      },
      client: {
        ip: "2001:db8:4f:12::9a",
        language: "de-DE",
        city: "Köln",
        region: null,
        region_code: null,
        postal_code: "50667",
        country: "DE",
      },
      identifiers: {
        ...EMPTY_IDENTIFIERS,
        customer_id: "7012345678901",
        fbp: "fb.1.1771234567890.987654321",
        ttclid: "E.C.P.demoTikTokClickIdNotReal",
      },
      consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
    });
    expect(event.digests).toEqual(
      captureDigests({
        emails: ["zoe.muller@example.com"],
        phones: [{ value: "+492214710187", country: "DE" }, { value: "+49 221 4710187", country: "DE" }],
        first_name: "Zoë",
        last_name: "Müller-Ångström",
        street: "Königsallee 12",
        city: "Köln",
        region: null,
        region_code: null,
        postal_code: "50667",
        country: "DE",
        external_ids: ["7012345678901"],
      }).digests,
    );
    expect(keys).toEqual({ order: "5890123456782" });
  });

  test("a till's order: no customer, no address, no browser, known by its order id", () => {
    const { event, keys, dropped } = decoded("order-pos");
    expect(event).toMatchObject({
      // SHA-256 of …|checkout_completed|order:5890123456783
      event_id: "ac00352574cffa495ba6159afc110d47",
      occurred_at: "2026-10-26T16:05:08.000Z",
      channel: "pos",
      test: false,
      page: { url: null, referrer: null, title: null },
      commerce: {
        currency: "USD",
        total: "26.67",
        subtotal: "24.50",
        tax: "2.17",
        shipping: "0.00",
        items: [{ ...BOTTLE, quantity: 1, unit_price: "24.50", line_discount: "0" }],
        order_id: "5890123456783",
        checkout_token: null,
        cart_token: null,
      },
    });
    expect(event.digests).toEqual({});
    expect(event.client).toEqual(EMPTY_CLIENT);
    expect(event.identifiers).toEqual(EMPTY_IDENTIFIERS);
    expect(event.consent).toEqual(UNKNOWN_CONSENT);
    expect(keys).toEqual({ order: "5890123456783" });
    expect(dropped).toEqual([]);
  });

  test("a test order is marked as one", () => {
    const { event } = decoded("order-test");
    expect(event).toMatchObject({
      event_id: "029312907cf925e2aca9117fb6072e7c",
      channel: "web",
      test: true,
      page: { url: `https://${SHOP}/`, referrer: null },
      commerce: { currency: "USD", total: "32.00", tax: "0.00", order_name: "#1041" },
      client: { ip: "192.0.2.44", region: "Illinois", region_code: "IL" },
      identifiers: { ...EMPTY_IDENTIFIERS, customer_id: "7012345678999" },
      consent: UNKNOWN_CONSENT,
    });
  });

  test.each(["order-web-guest", "order-web-customer-eur-discount", "order-test"])(
    "%s: nothing that names the person or opens the order is in the event",
    (name) => {
      const order = fixture(name);
      const { event } = decoded(name);
      const text = JSON.stringify(event).toLowerCase();
      const secrets = [
        order.email,
        order.phone,
        order.billing_address.first_name,
        order.billing_address.last_name,
        order.billing_address.address1,
        order.billing_address.phone,
        order.token,
        order.order_status_url,
        "demokey",
      ].filter((one) => typeof one === "string" && one !== "Test");
      expect(secrets.length).toBeGreaterThan(5);
      for (const secret of secrets) expect(text).not.toContain(secret.toLowerCase());
    },
  );
});
