import { EMPTY_CLIENT, EMPTY_IDENTIFIERS, emptyCommerce } from "@trakit/core/event.ts";
import type { Example, Guide, JsonObject } from "../destination.ts";
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

export const guide: Guide = {
  deduplication:
    "Tag and API copies with one event_id count once; the window is not published, and whether two API copies do is unconfirmed: a send in doubt is repeated once.",
  limited: "Limited Data Processing: opt_out_type LDP with hashed state and country.",
  batches:
    "The answer has a status per event, in order. A key the schema does not know refuses the whole request, so bodies are written key by key; a refused request is halved.",
  skips: {
    no_such_event: "no standard name, and not chosen as a custom event",
    too_old: "over 7 days",
    too_little_user_data: "neither an email nor IP address with user agent; a phone alone is not enough",
    limited_needs_region: "limited mode without a two-letter state and a country",
  },
  answers: [
    {
      when: "taken",
      answer: {
        status: 200,
        body:
          '{"num_events_received":2,"num_events_processed":2,"events":[{"status":"processed"},{"status":"processed"}]}',
      },
    },
    {
      when: "one refused",
      answer: {
        status: 200,
        body:
          '{"num_events_received":2,"num_events_processed":1,"events":[{"status":"processed"},{"status":"failed","error_message":"Invalid"}]}',
      },
    },
    {
      when: "none processed",
      answer: {
        status: 422,
        body:
          '{"code":953,"details":{"num_events_processed":0,"events":[{"status":"failed","error_message":"Given timestamp is in the past"},{"status":"failed","error_message":"Invalid"}]}}',
      },
    },
    { when: "unknown key", answer: { status: 400, body: '{"code":4196}' } },
    { when: "authentication failed", answer: { status: 401, body: '{"code":2}' } },
    { when: "not permitted", answer: { status: 403, body: '{"code":29}' } },
    { when: "throttled", answer: { status: 429, body: '{"code":8}' } },
    { when: "ramped down", answer: { status: 503, body: '{"code":4197}' } },
  ],
  notes: [
    "Unconfirmed: the age limit's exact figure, body size, the case of country and state before hashing (lower, as every sender does), postcodes outside the US (letters are kept).",
    "Events received later than about an hour count as offline conversions.",
    "item_price is the price before discounts, as Pinterest defines it; the value is after them.",
    "_pin_unauth goes hashed as one more external_id, as Pinterest's own plugins send it. _derived_epik is not sent: Pinterest's tag makes it where it matched without cookies, and whether it may stand for a click is unconfirmed.",
    "Not sent: hashed_maids (a mobile advertising id, which only apps see), partner_id, np, external measurement ids, device details.",
  ],
};
