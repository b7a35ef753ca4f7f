import { type Client, EMPTY_IDENTIFIERS, emptyCommerce, UNKNOWN_CONSENT } from "@trakit/core/event.ts";
import type { Example, Guide } from "../destination.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_DIGESTS as DIGESTS,
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "../shared/example-event.ts";

const SETTINGS = { id: "G-AB12CD34EF" };

const USER_AGENT =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0 Safari/537.36";

const BUYER: Client = {
  ...EXAMPLE_CLIENT,
  city: "'s-Hertogenbosch",
  region: "Noord-Brabant",
  region_code: "NB",
  postal_code: " 5211 AB",
};

const GRANTED = { ad_user_data: "GRANTED", ad_personalization: "GRANTED" };
const DENIED = { ad_user_data: "DENIED", ad_personalization: "DENIED" };

export const examples: Example[] = [
  {
    title: "Purchase that joins gtag's session",
    description:
      "Value and item prices without tax and shipping: of 9.71 tax, 8.85 lie in the goods. City, region, postal code and country go in clear, as Google wants them.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      page: {
        url: "https://mugs.example/checkouts/cn/thank-you?gclid=Cj0-x_Y",
        referrer: null,
        title: "Thank you",
      },
      commerce: EXAMPLE_ORDER,
      digests: EXAMPLE_PERSON,
      client: BUYER,
      identifiers: {
        ...EMPTY_IDENTIFIERS,
        ga_client_id: "1234567890.1747132561",
        ga_session_id: "1773480000",
        customer_id: "7016459804731",
      },
      consent: { ...UNKNOWN_CONSENT, analytics: true, marketing: true },
    }),
    settings: SETTINGS,
    out: {
      client_id: "1234567890.1747132561",
      user_id: "7016459804731",
      ip_override: "203.0.113.9",
      user_agent: USER_AGENT,
      consent: GRANTED,
      user_data: {
        sha256_email_address: [DIGESTS.email],
        sha256_phone_number: [DIGESTS.phone_e164],
        address: [{
          sha256_first_name: DIGESTS.first_name,
          sha256_last_name: DIGESTS.last_name,
          sha256_street: DIGESTS.street,
          city: "shertogenbosch",
          region: "nb",
          postal_code: "5211 AB",
          country: "NL",
        }],
      },
      events: [{
        name: "purchase",
        params: {
          session_id: "1773480000",
          engagement_time_msec: 1,
          page_location: "https://mugs.example/checkouts/cn/thank-you?gclid=Cj0-x_Y",
          page_title: "Thank you",
          currency: "EUR",
          value: 42.15,
          transaction_id: "5678901234567",
          tax: 9.71,
          shipping: 4.95,
          customer_type: "new",
          coupon: "WELCOME4",
          items: [
            {
              item_id: "44001",
              item_name: "Blue mug",
              item_brand: "Delft & Co",
              item_category: "Mugs",
              item_variant: "Large",
              price: 8.68,
              quantity: 2,
              discount: 1.65,
            },
            {
              item_id: "44002",
              item_name: "Canal poster",
              item_brand: "Delft & Co",
              price: 24.79,
              quantity: 1,
            },
          ],
        },
        timestamp_micros: 1773480413589000,
      }],
    },
  },
  {
    title: "Refund of an order gtag never saw",
    description:
      "The client id is made from the customer and is the purchase's; without an IP address the country goes.",
    event: exampleEvent("order_refunded", {
      source: "webhook",
      commerce: { ...emptyCommerce(), currency: "EUR", total: "30.00", order_id: "5678901234567" },
      client: { ...BUYER, ip: null, user_agent: null },
      identifiers: { ...EMPTY_IDENTIFIERS, customer_id: "7016459804731" },
    }),
    settings: SETTINGS,
    out: {
      client_id: "617866514.1096368756",
      user_id: "7016459804731",
      user_location: { country_id: "NL", region_id: "NL-NB" },
      consent: GRANTED,
      events: [{
        name: "refund",
        params: { engagement_time_msec: 1, currency: "EUR", value: 30, transaction_id: "5678901234567" },
        timestamp_micros: 1773480413589000,
      }],
    },
  },
  {
    title: "Add to cart without marketing consent",
    description: "Analytics consent alone: both consent keys are DENIED and no user data goes along.",
    event: exampleEvent("product_added_to_cart", {
      page: {
        url: "https://mugs.example/products/blue-mug?email=person@example.com&utm_medium=cpc#reviews",
        referrer: "https://www.google.com/",
        title: "Blue mug",
      },
      commerce: { ...emptyCommerce(), currency: "EUR", items: [EXAMPLE_MUG] },
      digests: EXAMPLE_PERSON,
      client: BUYER,
      identifiers: { ...EMPTY_IDENTIFIERS, ga_client_id: "1234567890.1747132561" },
      consent: { ...UNKNOWN_CONSENT, analytics: true, marketing: false },
    }),
    settings: { ...SETTINGS, content_ids: "product", eu: true },
    out: {
      client_id: "1234567890.1747132561",
      ip_override: "203.0.113.9",
      user_agent: USER_AGENT,
      consent: DENIED,
      events: [{
        name: "add_to_cart",
        params: {
          engagement_time_msec: 1,
          page_location: "https://mugs.example/products/blue-mug?utm_medium=cpc",
          page_referrer: "https://www.google.com/",
          page_title: "Blue mug",
          currency: "EUR",
          value: 21,
          items: [{
            item_id: "8101",
            item_name: "Blue mug",
            item_brand: "Delft & Co",
            item_category: "Mugs",
            item_variant: "Large",
            price: 10.5,
            quantity: 2,
            discount: 2,
          }],
        },
        timestamp_micros: 1773480413589000,
      }],
    },
  },
  {
    title: "Page view of a visitor gtag does not know",
    description: "Only conversions get a synthetic client id: other events are of use only in a session.",
    event: exampleEvent("page_viewed", { client: EXAMPLE_CLIENT }),
    settings: SETTINGS,
    out: { skipped: "no_client_id" },
  },
  {
    title: "Sale at a till",
    description: "No website was involved.",
    event: exampleEvent("checkout_completed", { source: "webhook", channel: "pos", commerce: EXAMPLE_ORDER }),
    settings: SETTINGS,
    out: { skipped: "no_client_id" },
  },
  {
    title: "Purchase older than 72 hours",
    description: "Google would move it to the 72-hour mark, a false time.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      occurred_at: "2026-03-11T09:26:53.589Z",
      commerce: EXAMPLE_ORDER,
    }),
    settings: SETTINGS,
    out: { skipped: "too_old" },
  },
];

export const guide: Guide = {
  deduplication:
    "There is no event id: only purchases are deduplicated, by transaction_id. A purchase in doubt is repeated twice, anything else never.",
  limited:
    "consent with ad_user_data and ad_personalization DENIED, and no user_data. So also without marketing consent.",
  batches:
    "Google refuses nothing: a wrong event is answered like a right one and lost. A request holds events of one client only.",
  skips: {
    no_such_event: "no name, and not chosen as a custom event",
    too_old: "over 72 hours: Google would move it to the 72 hour mark",
    no_client_id: "no gtag client, and no conversion for which a synthetic one is worth having",
    no_items: "an event about items without any",
    no_search_term: "a search for nothing",
    no_value: "an event that needs an amount without amount or currency",
    no_order_id: "a refund that names no purchase",
  },
  answers: [
    { when: "received", answer: { status: 204 } },
    { when: "validation server, fine", answer: { status: 200, body: '{"validationMessages":[]}' } },
    {
      when: "validation server, second event wrong",
      answer: {
        status: 200,
        body: '{"validationMessages":[{"fieldPath":"events[1].name","validationCode":"NAME_INVALID"}]}',
      },
    },
    { when: "bad request", answer: { status: 400 } },
    { when: "too large", answer: { status: 413 } },
    { when: "too many", answer: { status: 429 } },
    { when: "server error", answer: { status: 500 } },
  ],
  notes: [
    "A 2xx is no proof: a wrong API secret or measurement id is answered the same. Check once with the test code validate, then in Realtime.",
    "price is the unit price after discount, discount what was taken off a unit, both in the terms of the value, so that they add up (Google does not say which it means).",
    "gclid, gbraid and wbraid have no field here; they stay in page_location. Effect unconfirmed.",
    "Not sent: user_properties, device, promotions. Google Ads' Data Manager API is another destination, not built.",
  ],
};
