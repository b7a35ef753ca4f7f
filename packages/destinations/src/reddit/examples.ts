import { type Digests, emptyCommerce } from "@trakit/core/event.ts";
import type { Example } from "../destination.ts";
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
    }),
    settings: SETTINGS,
    out: {
      event_at: 1773480413589,
      action_source: "WEBSITE",
      event_source_url: "https://mugs.example/checkouts/cn/thank-you?rdt_cid=3184742045291813272",
      click_id: "3184742045291813272",
      type: { tracking_type: "PURCHASE" },
      user: { ...USER, ...DEVICE },
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
