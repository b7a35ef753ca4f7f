import { EMPTY_IDENTIFIERS, emptyCommerce } from "@trakit/core/event.ts";
import type { Example, Guide } from "../destination.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_DIGESTS as DIGESTS,
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "../shared/example-event.ts";

const SETTINGS = { id: "0e1f2a3b-4c5d-6e7f-8a9b-0c1d2e3f4a5b" };

const PERSON = {
  em: [DIGESTS.email],
  ph: [DIGESTS.phone_digits],
  fn: [DIGESTS.first_name],
  ln: [DIGESTS.last_name],
  ct: [DIGESTS.city],
  st: [DIGESTS.region],
  zp: [DIGESTS.postal],
  country: [DIGESTS.country],
  external_id: DIGESTS.external_id,
};

const SHOP_PAGE = { url: "https://mugs.example/", referrer: null, title: null };

const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0 Safari/537.36";

const CONTENTS = [
  {
    id: "MUG-BLUE",
    quantity: "2",
    item_price: "10.50",
    brand: "Delft & Co",
    delivery_category: "home_delivery",
  },
  {
    id: "44002",
    quantity: "1",
    item_price: "30.00",
    brand: "Delft & Co",
    delivery_category: "home_delivery",
  },
];

export const examples: Example[] = [
  {
    title: "Purchase by a known buyer",
    description:
      "The value is a number; quantity and item_price, what was paid for a unit, are strings. Items go by SKU, the one without SKU by its variant.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      page: { url: "https://mugs.example/checkouts/cn/thank-you?ScCid=AbC-123", referrer: null, title: null },
      commerce: { ...EXAMPLE_ORDER, delivery_category: "home_delivery" },
      digests: EXAMPLE_PERSON,
      client: EXAMPLE_CLIENT,
      identifiers: {
        ...EMPTY_IDENTIFIERS,
        scid: "7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
        sc_click_id: "AbC-123",
      },
    }),
    settings: { ...SETTINGS, content_ids: "sku" },
    out: {
      event_name: "PURCHASE",
      action_source: "WEB",
      event_time: 1773480413,
      event_source_url: "https://mugs.example/checkouts/cn/thank-you?ScCid=AbC-123",
      event_id: "0123456789abcdef0123456789abcdef",
      user_data: {
        ...PERSON,
        client_ip_address: "203.0.113.9",
        client_user_agent: USER_AGENT,
        sc_click_id: "AbC-123",
        sc_cookie1: "7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
      },
      custom_data: {
        value: 55.95,
        currency: "EUR",
        order_id: "5678901234567",
        content_ids: ["MUG-BLUE", "44002"],
        contents: CONTENTS,
        content_type: "product",
        num_items: 3,
        brands: "Delft & Co",
        delivery_category: "home_delivery",
      },
      integration: "trakit",
    },
  },
  {
    title: "Collection page, Limited Data Use",
    description: "Country and state 0 let Snap find the state by the IP address.",
    event: exampleEvent("collection_viewed", {
      page: { url: "https://mugs.example/collections/mugs", referrer: null, title: null },
      commerce: { ...emptyCommerce(), currency: "EUR", collection_id: "301", collection_title: "Mugs" },
      client: EXAMPLE_CLIENT,
    }),
    settings: SETTINGS,
    limited: true,
    out: {
      event_name: "LIST_VIEW",
      action_source: "WEB",
      event_time: 1773480413,
      event_source_url: "https://mugs.example/collections/mugs",
      event_id: "0123456789abcdef0123456789abcdef",
      user_data: { client_ip_address: "203.0.113.9", client_user_agent: USER_AGENT },
      custom_data: { content_name: "Mugs", content_category: "Mugs" },
      integration: "trakit",
      data_processing_options: ["LDU"],
      data_processing_options_country: 0,
      data_processing_options_state: 0,
    },
  },
  {
    title: "Free order at a till, buyer known by phone",
    description: "POS orders are OFFLINE, a value of 0 is a value, and at Snap a phone alone suffices.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      channel: "pos",
      commerce: {
        ...emptyCommerce(),
        currency: "JPY",
        total: "0",
        items: [{ ...EXAMPLE_MUG, unit_price: "1200", line_discount: "2400" }],
        order_id: "5678901234568",
      },
      digests: { "phone.digits": [DIGESTS.phone_digits] },
    }),
    settings: SETTINGS,
    out: {
      event_name: "PURCHASE",
      action_source: "OFFLINE",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      user_data: { ph: [DIGESTS.phone_digits] },
      custom_data: {
        value: 0,
        currency: "JPY",
        order_id: "5678901234568",
        content_ids: ["44001"],
        contents: [{ id: "44001", quantity: "2", item_price: "0", brand: "Delft & Co" }],
        content_type: "product",
        num_items: 2,
        content_name: "Blue mug",
        content_category: "Mugs",
        brands: "Delft & Co",
      },
      integration: "trakit",
    },
  },
  {
    title: "Purchase without a currency",
    description: "Snap refuses a PURCHASE without value and currency.",
    event: exampleEvent("checkout_completed", {
      page: SHOP_PAGE,
      commerce: { ...EXAMPLE_ORDER, currency: null },
      client: EXAMPLE_CLIENT,
    }),
    settings: SETTINGS,
    out: { skipped: "no_value" },
  },
  {
    title: "Visitor without IP address, email and phone",
    description: "A user agent alone is not enough.",
    event: exampleEvent("page_viewed", { page: SHOP_PAGE, client: { ...EXAMPLE_CLIENT, ip: null } }),
    settings: SETTINGS,
    out: { skipped: "too_little_user_data" },
  },
  {
    title: "Item taken out of the cart",
    description: "Snap has no such event; with the setting custom_events it is CUSTOM_EVENT_1.",
    event: exampleEvent("product_removed_from_cart", { client: EXAMPLE_CLIENT }),
    settings: SETTINGS,
    out: { skipped: "no_such_event" },
  },
];

export const guide: Guide = {
  deduplication:
    "Copies with one event_id and event name count once for 48 hours; documented for pixel and API, unconfirmed for two API copies: a send in doubt is repeated once.",
  limited:
    "Limited Data Use: 1 and 1000 for California, otherwise 0 and 0, by which Snap finds the state from the IP address.",
  batches:
    "Whether one bad event fails the others is unconfirmed: a refused batch is halved until the bad event stands alone.",
  skips: {
    no_such_event: "no standard name, and not chosen as a custom event",
    too_old: "over 7 days, the shortest figure in any source",
    no_page_url: "WEB events need the page's address",
    too_little_user_data: "neither email, phone nor IP address with user agent",
    no_value: "a PURCHASE needs value and currency",
    limited_needs_region: "limited mode of an American whose state is unknown, without an IP address",
  },
  answers: [
    { when: "taken", answer: { status: 200, body: '{"status":"VALID"}' } },
    { when: "refused under a 200", answer: { status: 200, body: '{"status":"INVALID"}' } },
    {
      when: "refused",
      answer: { status: 400, body: '{"status":"INVALID","error_msgs":["bad event_time"]}' },
    },
    {
      when: "token refused, as 400",
      answer: { status: 400, body: '{"status":"INVALID","reason":"invalid token"}' },
    },
    { when: "token refused", answer: { status: 401 } },
    { when: "no access to the pixel", answer: { status: 403 } },
    { when: "throttled", answer: { status: 429 } },
    { when: "server error", answer: { status: 500 } },
  ],
  notes: [
    "Age: Snap says 37 days, other senders 28 and 7; what is older than 7 is not sent.",
    "Unconfirmed: batch and body size, rate limits, upper case of names, db, opt_out.",
    "contents' quantity and item_price are strings, as Snap's own SDK has them; the price is what was paid for a unit.",
    "Custom events are the five numbered ones; which is which is in the table above.",
    "Not sent: db (in other senders, not in Snap's own SDK), madid and app_data (of apps; a web shop never sees them), travel fields, status.",
    "The click id is also read from the cookie and the cart attribute _scclid, where Snap's own server tag keeps it.",
    "SIGN_UP says in sign_up_method whether it was an account or the newsletter.",
  ],
};
