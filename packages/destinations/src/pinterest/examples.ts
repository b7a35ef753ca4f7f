import { EMPTY_CLIENT, EMPTY_IDENTIFIERS, emptyCommerce } from "@trakit/core/event.ts";
import type { Example, JsonObject } from "../destination.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_DIGESTS as DIGESTS,
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "../shared/example-event.ts";

const SETTINGS = { id: "549755885175" };

const CONTENTS: JsonObject[] = [
  {
    id: "44001",
    item_price: "12.50",
    quantity: 2,
    item_name: "Blue mug",
    item_category: "Mugs",
    item_brand: "Delft & Co",
  },
  { id: "44002", item_price: "30.00", quantity: 1, item_name: "Canal poster", item_brand: "Delft & Co" },
];

const PERSON = {
  em: [DIGESTS.email],
  ph: [DIGESTS.phone_digits],
  fn: [DIGESTS.first_name],
  ln: [DIGESTS.last_name],
  ct: [DIGESTS.city],
  st: [DIGESTS.region],
  zp: [DIGESTS.postal],
  country: [DIGESTS.country],
  external_id: [DIGESTS.external_id],
};

export const examples: Example[] = [
  {
    title: "Purchase by a known buyer",
    description:
      "Order webhook joined with its browser copy. Item prices are strings and before discount, the value is what the buyer paid, the order's token leaves the address.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      page: {
        url: "https://mugs.example/checkouts/cn/Z2NwLWV1cm9wZS13ZXN0NDowMUo/thank-you?epik=dj0yJnU9&key=a1b2",
        referrer: null,
        title: null,
      },
      commerce: EXAMPLE_ORDER,
      digests: EXAMPLE_PERSON,
      client: EXAMPLE_CLIENT,
      identifiers: { ...EMPTY_IDENTIFIERS, epik: "dj0yJnU9Y2xpY2s" },
    }),
    settings: SETTINGS,
    out: {
      event_name: "checkout",
      action_source: "web",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      event_source_url: "https://mugs.example/checkouts/cn/thank-you?epik=dj0yJnU9",
      opt_out: false,
      partner_name: "ss-trakit",
      user_data: {
        ...PERSON,
        client_ip_address: "203.0.113.9",
        client_user_agent:
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0 Safari/537.36",
        click_id: "dj0yJnU9Y2xpY2s",
      },
      custom_data: {
        value: "55.95",
        currency: "EUR",
        order_id: "5678901234567",
        content_ids: ["44001", "44002"],
        contents: CONTENTS,
        num_items: 3,
      },
      language: "nl",
    },
  },
  {
    title: "Product view by an unknown visitor",
    description: "IP address and user agent together are enough. The value is the price after discount.",
    event: exampleEvent("product_viewed", {
      page: {
        url: "https://mugs.example/products/blue-mug?utm_source=pinterest",
        referrer: null,
        title: null,
      },
      commerce: {
        ...emptyCommerce(),
        currency: "USD",
        items: [{ ...EXAMPLE_MUG, quantity: 1, unit_price: "12.5", line_discount: "0" }],
      },
      client: { ...EXAMPLE_CLIENT, ip: "2001:DB8::9", language: "en-US", country: "US" },
    }),
    settings: { ...SETTINGS, content_ids: "shopify_country" },
    out: {
      event_name: "view_content",
      action_source: "web",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      event_source_url: "https://mugs.example/products/blue-mug?utm_source=pinterest",
      opt_out: false,
      partner_name: "ss-trakit",
      user_data: {
        client_ip_address: "2001:db8::9",
        client_user_agent:
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0 Safari/537.36",
      },
      custom_data: {
        value: "12.50",
        currency: "USD",
        content_ids: ["shopify_US_8101_44001"],
        contents: [{
          id: "shopify_US_8101_44001",
          item_price: "12.5",
          quantity: 1,
          item_name: "Blue mug",
          item_category: "Mugs",
          item_brand: "Delft & Co",
        }],
        num_items: 1,
        content_name: "Blue mug",
        content_category: "Mugs",
        content_brand: "Delft & Co",
      },
      language: "en",
    },
  },
  {
    title: "Sale at a till, in limited mode",
    description:
      "POS orders are offline; Limited Data Processing goes along because state and country are known.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      channel: "pos",
      commerce: { ...EXAMPLE_ORDER, total: "0.00", subtotal: "0.00", tax: "0.00", shipping: null, items: [] },
      digests: EXAMPLE_PERSON,
    }),
    settings: SETTINGS,
    limited: true,
    out: {
      event_name: "checkout",
      action_source: "offline",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      opt_out: false,
      partner_name: "ss-trakit",
      user_data: PERSON,
      custom_data: { value: "0.00", currency: "EUR", order_id: "5678901234567", opt_out_type: "LDP" },
    },
  },
  {
    title: "Limited mode without a region",
    description: "Pinterest limits by hashed state and country; where they are unknown nothing is sent.",
    event: exampleEvent("page_viewed", { client: EXAMPLE_CLIENT }),
    settings: SETTINGS,
    limited: true,
    out: { skipped: "limited_needs_region" },
  },
  {
    title: "Buyer known by phone alone",
    description: "Pinterest needs an email, or IP address and user agent.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      commerce: EXAMPLE_ORDER,
      digests: { "phone.digits": [DIGESTS.phone_digits] },
      client: { ...EMPTY_CLIENT, ip: "192.168.1.20", user_agent: "till" },
    }),
    settings: SETTINGS,
    out: { skipped: "too_little_user_data" },
  },
  {
    title: "Cart view as a custom event",
    description: "Sent only with the setting custom_events.",
    event: exampleEvent("cart_viewed", { client: EXAMPLE_CLIENT }),
    settings: { ...SETTINGS, custom_events: true },
    out: {
      event_name: "custom",
      action_source: "web",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      opt_out: false,
      partner_name: "ss-trakit",
      user_data: {
        client_ip_address: "203.0.113.9",
        client_user_agent:
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0 Safari/537.36",
      },
      language: "nl",
    },
  },
  {
    title: "Refund",
    description: "Pinterest has no refund event.",
    event: exampleEvent("order_refunded", {
      source: "webhook",
      commerce: EXAMPLE_ORDER,
      digests: EXAMPLE_PERSON,
    }),
    settings: SETTINGS,
    out: { skipped: "no_such_event" },
  },
];
