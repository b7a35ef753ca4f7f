import { type Digests, EMPTY_IDENTIFIERS, emptyCommerce } from "@trakit/core/event.ts";
import type { Example, Guide } from "../destination.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_DIGESTS as DIGESTS,
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  exampleEvent,
} from "../shared/example-event.ts";

const SETTINGS = { id: "a2_abcdefgh1234" };
const EVENT_ID = "0123456789abcdef0123456789abcdef";
const PERSON: Digests = {
  "email.canonical": [DIGESTS.email],
  "phone.e164": [DIGESTS.phone_e164],
  "external_id.plain": [DIGESTS.external_id],
};
const USER = {
  email: DIGESTS.email,
  phone_number: DIGESTS.phone_e164,
  external_id: DIGESTS.external_id,
};
const DEVICE = { ip_address: "203.0.113.9", user_agent: EXAMPLE_CLIENT.user_agent };

export const examples: Example[] = [
  {
    title: "Purchase by a known buyer",
    description:
      "The time is in milliseconds, value and prices are numbers, and conversion_id is what the pixel calls conversionId.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      page: {
        url: "https://mugs.example/checkouts/cn/thank-you?rdt_cid=3184742045291813272",
        referrer: null,
        title: null,
      },
      commerce: EXAMPLE_ORDER,
      digests: PERSON,
      client: EXAMPLE_CLIENT,
      identifiers: { ...EMPTY_IDENTIFIERS, rdt_uuid: "1773480000123.7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910" },
    }),
    settings: SETTINGS,
    out: {
      event_at: 1773480413589,
      action_source: "WEBSITE",
      event_source_url: "https://mugs.example/checkouts/cn/thank-you?rdt_cid=3184742045291813272",
      click_id: "3184742045291813272",
      type: { tracking_type: "PURCHASE" },
      user: { ...USER, ...DEVICE, uuid: "1773480000123.7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910" },
      metadata: {
        conversion_id: EVENT_ID,
        value: 55.95,
        currency: "EUR",
        item_count: 3,
        products: [
          { id: "44001", name: "Blue mug", category: "Mugs", quantity: 2, item_price: 10.5 },
          { id: "44002", name: "Canal poster", quantity: 1, item_price: 30 },
        ],
      },
    },
  },
  {
    title: "Product view",
    description: "Of views Reddit takes the products and no value.",
    event: exampleEvent("product_viewed", {
      page: { url: "https://mugs.example/products/blue-mug", referrer: null, title: null },
      commerce: {
        ...emptyCommerce(),
        currency: "EUR",
        items: [{ ...EXAMPLE_MUG, quantity: 1, line_discount: "0" }],
      },
      client: EXAMPLE_CLIENT,
    }),
    settings: SETTINGS,
    out: {
      event_at: 1773480413589,
      action_source: "WEBSITE",
      event_source_url: "https://mugs.example/products/blue-mug",
      type: { tracking_type: "VIEW_CONTENT" },
      user: DEVICE,
      metadata: {
        conversion_id: EVENT_ID,
        products: [{ id: "44001", name: "Blue mug", category: "Mugs", quantity: 1, item_price: 12.5 }],
      },
    },
  },
  {
    title: "Checkout begun by a Californian who refused the sale of data, custom events on",
    description: "Reddit has no name for it, so it goes as CUSTOM; Limited Data Use names country and state.",
    event: exampleEvent("checkout_started", {
      page: { url: "https://mugs.example/checkout", referrer: null, title: null },
      commerce: { ...emptyCommerce(), currency: "USD", total: "25.00" },
      client: { ...EXAMPLE_CLIENT, country: "US", region_code: "CA" },
    }),
    settings: { ...SETTINGS, custom_events: true },
    limited: true,
    out: {
      event_at: 1773480413589,
      action_source: "WEBSITE",
      event_source_url: "https://mugs.example/checkout",
      type: { tracking_type: "CUSTOM", custom_event_name: "InitiateCheckout" },
      user: { ...DEVICE, data_processing_options: { modes: ["LDU"], country: "US", region: "US-CA" } },
      metadata: { conversion_id: EVENT_ID, value: 25, currency: "USD" },
    },
  },
  {
    title: "Sale at a till",
    description: "PHYSICAL_STORE, matched by digests only: no device, no page.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      channel: "pos",
      commerce: { ...emptyCommerce(), currency: "JPY", total: "1200", order_id: "5678901234568" },
      digests: PERSON,
      client: EXAMPLE_CLIENT,
    }),
    settings: SETTINGS,
    out: {
      event_at: 1773480413589,
      action_source: "PHYSICAL_STORE",
      type: { tracking_type: "PURCHASE" },
      user: USER,
      metadata: { conversion_id: EVENT_ID, value: 1200, currency: "JPY" },
    },
  },
  {
    title: "Cart view, custom events off",
    description: "Reddit has no name for it.",
    event: exampleEvent("cart_viewed", { client: EXAMPLE_CLIENT }),
    settings: SETTINGS,
    out: { skipped: "no_such_event" },
  },
];

export const guide: Guide = {
  deduplication:
    "Copies with one conversion_id and event type count once where they arrive within two days; the one with fewer match keys goes. Whether two server copies do is unconfirmed: a send in doubt is repeated once.",
  limited: "Limited Data Use: data_processing_options with mode LDU, country and region.",
  batches: 'All or nothing: "None were processed". The batch is halved until the bad event stands alone.',
  skips: {
    no_such_event: "no standard name, and not chosen as a custom event",
    too_old: "over 7 days",
    too_little_user_data: "neither click id, email, phone, external id nor IP address with user agent",
    limited_needs_region: "limited mode without a country, or an American without a state",
  },
  answers: [
    {
      when: "taken",
      answer: { status: 200, body: '{"data":{"message":"Successfully processed 2 conversion events."}}' },
    },
    {
      when: "another number taken",
      answer: { status: 200, body: '{"data":{"message":"Successfully processed 1 conversion events."}}' },
    },
    {
      when: "invalid events",
      answer: {
        status: 400,
        body: '{"error":{"message":"There were 1 invalid conversion events. None were processed."}}',
      },
    },
    { when: "token refused", answer: { status: 401 } },
    { when: "no permission for this pixel", answer: { status: 403, body: "{}" } },
    { when: "throttled", answer: { status: 429 } },
    { when: "out of service", answer: { status: 500 } },
  ],
  notes: [
    "The API's own pages cannot be read without a browser; the rules come from public copies of Direct Integration, Event metadata, Event deduplication and Manual advanced matching, and from the connector Reddit maintains for a large event router (read 2026-11-25).",
    "Email: lower case, the part before the @ without what follows a plus and without anything but letters and digits, at every provider. One copy of the rule names dots only; for ordinary addresses both give the same.",
    "value, currency and item_count are not taken of PAGE_VISIT, VIEW_CONTENT and SEARCH; item_count not of LEAD and SIGN_UP.",
    "The click id is rdt_cid of the page's address, else what the visitor came with (cookie _rdt_cid); uuid is the cookie _rdt_uuid. Neither has a published form.",
    "Unconfirmed: the form of pixel ids, PHYSICAL_STORE as the offline value, body size, whether test events count, whether partner is open to others (not sent).",
  ],
};
