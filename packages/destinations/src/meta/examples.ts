import { type Digests, EMPTY_CLIENT, EMPTY_IDENTIFIERS, emptyCommerce } from "@trakit/core/event.ts";
import type { Example, Guide } from "../destination.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_DIGESTS as DIGESTS,
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "../shared/example-event.ts";

const SETTINGS = { id: "1234567890123456" };

/** devries */
const LAST_NAME = "58549f7970bdd635e8713590cf773d0bbea4ca2882c5f7ae57bdb6de8f759f87";
/** noordholland */
const REGION = "30d5a3e662955d15f98a5dc4eed773d8b2807198e807c5ebe529ed99084dd04b";

const PERSON: Digests = {
  ...EXAMPLE_PERSON,
  "first_name.compact": [DIGESTS.first_name],
  "last_name.compact": [LAST_NAME],
  "region.meta": [REGION],
  "postal.alnum": [DIGESTS.postal],
  "external_id.lower": [DIGESTS.external_id],
};

const FBP = "fb.1.1773480000123.1098115397";
const FBC = "fb.1.1773480001456.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk";
const UA = EXAMPLE_CLIENT.user_agent;

const MUG = { title: "Blue mug", brand: "Delft & Co", category: "Mugs" };
const POSTER = { title: "Canal poster", brand: "Delft & Co" };
const CONTENTS = [
  { id: "44001", quantity: 2, item_price: 10.5, ...MUG },
  { id: "44002", quantity: 1, item_price: 30, ...POSTER },
];

export const examples: Example[] = [
  {
    title: "Purchase by a known buyer",
    description:
      "Order webhook joined with its browser copy: digests, cookies, IP and user agent go together. Unit prices are after discounts, the value is what the buyer paid, the order's token leaves the address.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      page: {
        url: "https://mugs.example/checkouts/cn/Z2NwLWV1cm9wZS13ZXN0NDowMUo/thank-you?utm_source=fb&key=a1b2",
        referrer: "https://mugs.example/cart",
        title: null,
      },
      commerce: EXAMPLE_ORDER,
      digests: PERSON,
      client: EXAMPLE_CLIENT,
      identifiers: { ...EMPTY_IDENTIFIERS, fbp: FBP, fbc: FBC },
    }),
    settings: SETTINGS,
    out: {
      event_name: "Purchase",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      action_source: "website",
      event_source_url: "https://mugs.example/checkouts/cn/thank-you?utm_source=fb",
      referrer_url: "https://mugs.example/cart",
      user_data: {
        em: [DIGESTS.email],
        ph: [DIGESTS.phone_digits],
        fn: [DIGESTS.first_name],
        ln: [LAST_NAME],
        ct: [DIGESTS.city],
        st: [REGION],
        zp: [DIGESTS.postal],
        country: [DIGESTS.country],
        external_id: [DIGESTS.external_id],
        client_ip_address: "203.0.113.9",
        client_user_agent: UA,
        fbc: FBC,
        fbp: FBP,
      },
      custom_data: {
        value: 55.95,
        currency: "EUR",
        content_ids: ["44001", "44002"],
        contents: CONTENTS,
        content_type: "product",
        num_items: 3,
        order_id: "5678901234567",
      },
      customer_segmentation: "new_customer_to_business",
    },
  },
  {
    title: "Purchase by a guest whose browser is unknown",
    description:
      "An order webhook alone: no cookie, no user agent, no page. Meta requires the last two of website events, so it goes as system generated; the email still finds the person.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      commerce: { ...EXAMPLE_ORDER, customer_type: null },
      digests: { "email.lower": [DIGESTS.email], "country.lower": [DIGESTS.country] },
      client: { ...EMPTY_CLIENT, country: "NL" },
    }),
    settings: { ...SETTINGS, value: "items_without_tax", content_ids: "sku" },
    out: {
      event_name: "Purchase",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      action_source: "system_generated",
      user_data: { em: [DIGESTS.email], country: [DIGESTS.country] },
      custom_data: {
        value: 42.15,
        currency: "EUR",
        content_ids: ["MUG-BLUE", "44002"],
        contents: [
          { id: "MUG-BLUE", quantity: 2, item_price: 10.5, ...MUG },
          { id: "44002", quantity: 1, item_price: 30, ...POSTER },
        ],
        content_type: "product",
        num_items: 3,
        order_id: "5678901234567",
      },
    },
  },
  {
    title: "Product view by an unknown visitor",
    description:
      "Browser cookie, IP and user agent only. The malformed _fbc is left out: Meta would refuse the whole request for it.",
    event: exampleEvent("product_viewed", {
      page: {
        url: "https://mugs.example/products/blue-mug?variant=44001",
        referrer: null,
        title: "Blue mug",
      },
      commerce: {
        ...emptyCommerce(),
        currency: "EUR",
        items: [{ ...EXAMPLE_MUG, quantity: 1, line_discount: "0" }],
      },
      client: EXAMPLE_CLIENT,
      identifiers: { ...EMPTY_IDENTIFIERS, fbp: FBP, fbc: "IwAR2F4-dbP0l7Mn1IawQQGCINEz7" },
    }),
    settings: { ...SETTINGS, content_ids: "product" },
    out: {
      event_name: "ViewContent",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      action_source: "website",
      event_source_url: "https://mugs.example/products/blue-mug?variant=44001",
      user_data: { client_ip_address: "203.0.113.9", client_user_agent: UA, fbp: FBP },
      custom_data: {
        value: 12.5,
        currency: "EUR",
        content_ids: ["8101"],
        contents: [{ id: "8101", quantity: 1, item_price: 12.5, ...MUG }],
        content_type: "product_group",
        content_name: "Blue mug",
        content_category: "Mugs",
      },
    },
  },
  {
    title: "Page view of a Californian who refused the sale of data",
    description: "Limited Data Use with Meta's number of the state. A private IP address is left out.",
    event: exampleEvent("page_viewed", {
      page: { url: "https://mugs.example/", referrer: null, title: "Mugs" },
      digests: { "external_id.lower": [DIGESTS.external_id] },
      client: { ...EXAMPLE_CLIENT, ip: "192.168.1.20", country: "US", region_code: "CA" },
    }),
    settings: SETTINGS,
    limited: true,
    out: {
      event_name: "PageView",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      action_source: "website",
      event_source_url: "https://mugs.example/",
      user_data: { external_id: [DIGESTS.external_id], client_user_agent: UA },
      data_processing_options: ["LDU"],
      data_processing_options_country: 1,
      data_processing_options_state: 1000,
    },
  },
  {
    title: "Cart view, custom events on",
    description: "Meta has no standard name for it; the setting `custom_events` sends it as a custom event.",
    event: exampleEvent("cart_viewed", {
      page: { url: "https://mugs.example/cart", referrer: null, title: null },
      commerce: { ...emptyCommerce(), currency: "EUR", items: [EXAMPLE_MUG] },
      client: EXAMPLE_CLIENT,
    }),
    settings: { ...SETTINGS, custom_events: true },
    out: {
      event_name: "ViewCart",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      action_source: "website",
      event_source_url: "https://mugs.example/cart",
      user_data: { client_ip_address: "203.0.113.9", client_user_agent: UA },
      custom_data: {
        value: 21,
        currency: "EUR",
        content_ids: ["44001"],
        contents: [{ id: "44001", quantity: 2, item_price: 10.5, ...MUG }],
        content_type: "product",
        content_name: "Blue mug",
        content_category: "Mugs",
      },
    },
  },
  {
    title: "Refund, not chosen",
    description:
      "Meta has no event for it and no way to take a purchase back: not sent unless the merchant wants it.",
    event: exampleEvent("order_refunded", { commerce: EXAMPLE_ORDER, digests: PERSON }),
    settings: { ...SETTINGS, custom_events: ["cart_viewed"] },
    out: { skipped: "no_such_event" },
  },
  {
    title: "Refund as a custom event",
    description:
      "With `custom_events` naming it, the refund goes as a custom event with what was given back.",
    event: exampleEvent("order_refunded", {
      commerce: { ...emptyCommerce(), currency: "EUR", total: "10.50", order_id: "5678901234567" },
      digests: { "email.lower": [DIGESTS.email] },
    }),
    settings: { ...SETTINGS, custom_events: ["order_refunded"] },
    out: {
      event_name: "OrderRefunded",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      action_source: "system_generated",
      user_data: { em: [DIGESTS.email] },
      custom_data: { value: 10.5, currency: "EUR", order_id: "5678901234567" },
    },
  },
  {
    title: "Page view with nothing but a user agent and a country",
    description: "Meta refuses the whole request for an event with so little, so it is not sent.",
    event: exampleEvent("page_viewed", {
      page: { url: "https://mugs.example/", referrer: null, title: null },
      digests: { "country.lower": [DIGESTS.country] },
      client: { ...EXAMPLE_CLIENT, ip: null },
    }),
    settings: SETTINGS,
    out: { skipped: "too_little_user_data" },
  },
];

export const guide: Guide = {
  deduplication:
    "Pixel and server copies with one event_id and event name count once, within 48 hours of the first. Two server copies are not promised to: a send in doubt is repeated once.",
  limited:
    "Limited Data Use: data_processing_options with the state's number, or 0 and 0 and the IP address to find it by.",
  batches:
    "All or nothing: one invalid event refuses the request. What Meta is known to refuse is not sent; otherwise the batch is halved until the bad event stands alone. An event refused for its fbc goes once more without it.",
  skips: {
    no_such_event: "no standard name, and not chosen as a custom event",
    too_old: "over 7 days (62 at a till)",
    no_value: "a purchase without amount or currency",
    too_little_user_data:
      "only a combination Meta refuses: IP address, cookie, email, phone or external id is missing",
    limited_needs_region: "limited mode, and neither state nor IP address is known",
  },
  answers: [
    { when: "all taken", answer: { status: 200, body: '{"events_received":2}' } },
    { when: "another number taken", answer: { status: 200, body: '{"events_received":1}' } },
    {
      when: "throttled, as 400",
      answer: { status: 400, body: '{"error":{"code":4,"error_subcode":1504022}}' },
    },
    {
      when: "token expired or revoked",
      answer: { status: 400, body: '{"error":{"code":190,"error_subcode":463}}' },
    },
    { when: "no permission", answer: { status: 403, body: '{"error":{"code":200}}' } },
    { when: "no such dataset", answer: { status: 400, body: '{"error":{"code":100,"error_subcode":33}}' } },
    {
      when: "malformed fbc",
      answer: { status: 400, body: '{"error":{"code":100,"error_subcode":2804001}}' },
    },
    { when: "invalid parameter", answer: { status: 400, body: '{"error":{"code":100}}' } },
    { when: "blocked for policy", answer: { status: 400, body: '{"error":{"code":368}}' } },
    { when: "dataset not ready", answer: { status: 400, body: '{"error":{"code":21009}}' } },
    { when: "internal", answer: { status: 500, body: '{"error":{"code":2,"is_transient":true}}' } },
    { when: "a gateway's page", answer: { status: 502, body: "<html>" } },
  ],
  notes: [
    "Unconfirmed by Meta: the body limit of about 1 MB, subcode 2804050, and the rule for times in the future (they are sent as of now).",
    "Not sent: opt_out (not a consent mechanism), app_data, messaging, subscription and lead ids: a shop's events do not have them.",
    "original_event_data is not sent: it is for a signal that completes an earlier one days later (a lead that buys). A shop's purchase is complete when it is sent, and a refund is an event of its own.",
    "madid is not sent: it names a phone to an app; a web shop never sees it.",
    "Where the app of the token requires proof, enter appsecret_proof with the token: the HMAC-SHA256 of the token with the app's secret. It changes with the token; a wrong one holds the destination (app_secret_proof_refused) until it is corrected.",
    "delivery_category is home_delivery or in_store; curbside is nothing Shopify says.",
  ],
};
