import { type Digests, EMPTY_CLIENT, EMPTY_IDENTIFIERS, emptyCommerce } from "@trakit/core/event.ts";
import type { Example, Guide } from "../destination.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_DIGESTS as DIGESTS,
  EXAMPLE_MUG,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  EXAMPLE_POSTER,
  exampleEvent,
} from "../shared/example-event.ts";

const SETTINGS = { id: "C4ABCDEF0123456789AB" };

/** devries */
const LAST_NAME = "58549f7970bdd635e8713590cf773d0bbea4ca2882c5f7ae57bdb6de8f759f87";

const PERSON: Digests = {
  ...EXAMPLE_PERSON,
  "first_name.compact": [DIGESTS.first_name],
  "last_name.compact": [LAST_NAME],
  "postal.alnum": [DIGESTS.postal],
  "external_id.lower": [DIGESTS.external_id],
};

const TTCLID = "E.C.P.CrEBDEk0x2-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk";
const TTP = "2NGyQh8zGk4eYq7TrdEo0aUbXcW";
const UA = EXAMPLE_CLIENT.user_agent;

const MUG = {
  content_id: "44001",
  price: 10.5,
  quantity: 2,
  content_name: "Blue mug",
  content_category: "Mugs",
  brand: "Delft & Co",
};
const POSTER = {
  content_id: "44002",
  price: 30,
  quantity: 1,
  content_name: "Canal poster",
  brand: "Delft & Co",
};

export const examples: Example[] = [
  {
    title: "Purchase by a known buyer",
    description:
      "Order webhook joined with its browser copy. Town, state and country go in clear and lower case, the rest of the person as digests; the phone is hashed with its plus sign; the order's token leaves the address.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      page: {
        url: `https://mugs.example/checkouts/cn/Z2NwLWV1cm9wZS13ZXN0NDowMUo/thank-you?ttclid=${TTCLID}`,
        referrer: "https://mugs.example/cart",
        title: null,
      },
      commerce: EXAMPLE_ORDER,
      digests: PERSON,
      client: {
        ...EXAMPLE_CLIENT,
        city: "Den Haag",
        region: "Zuid-Holland",
        region_code: "ZH",
        postal_code: "2511 CS",
      },
      identifiers: { ...EMPTY_IDENTIFIERS, ttclid: TTCLID, ttp: TTP },
    }),
    settings: SETTINGS,
    out: {
      event: "Purchase",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      user: {
        email: [DIGESTS.email],
        phone: [DIGESTS.phone_e164],
        external_id: [DIGESTS.external_id],
        first_name: DIGESTS.first_name,
        last_name: LAST_NAME,
        zip_code: DIGESTS.postal,
        city: "denhaag",
        state: "zh",
        country: "nl",
        ip: "203.0.113.9",
        user_agent: UA,
        ttclid: TTCLID,
        ttp: TTP,
        locale: "nl-NL",
      },
      page: {
        url: `https://mugs.example/checkouts/cn/thank-you?ttclid=${TTCLID}`,
        referrer: "https://mugs.example/cart",
      },
      properties: {
        value: 55.95,
        currency: "EUR",
        contents: [MUG, POSTER],
        content_ids: ["44001", "44002"],
        content_type: "product",
        num_items: 3,
        order_id: "5678901234567",
        customer_type: "new",
      },
      limited_data_use: false,
    },
  },
  {
    title: "Guest purchase in a currency TikTok does not take",
    description:
      "An order webhook alone, in Bulgarian leva. Amounts would be booked as another currency's, so they are left out; the purchase still counts.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      page: { url: "https://mugs.example/", referrer: null, title: null },
      commerce: {
        ...EXAMPLE_ORDER,
        currency: "BGN",
        items: [{ ...EXAMPLE_POSTER, sku: "POSTER" }],
        customer_type: null,
      },
      digests: { "email.lower": [DIGESTS.email], "country.lower": [DIGESTS.country] },
      client: { ...EMPTY_CLIENT, country: "BG" },
    }),
    settings: { ...SETTINGS, content_ids: "sku" },
    out: {
      event: "Purchase",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      user: { email: [DIGESTS.email], country: "bg" },
      page: { url: "https://mugs.example/" },
      properties: {
        contents: [
          { content_id: "POSTER", quantity: 1, content_name: "Canal poster", brand: "Delft & Co" },
        ],
        content_ids: ["POSTER"],
        content_type: "product",
        num_items: 1,
        order_id: "5678901234567",
      },
      limited_data_use: false,
    },
  },
  {
    title: "Product view by an unknown visitor",
    description: "Cookie, click id, IP and user agent only.",
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
      identifiers: { ...EMPTY_IDENTIFIERS, ttp: TTP },
    }),
    settings: { ...SETTINGS, content_ids: "shopify_country" },
    out: {
      event: "ViewContent",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      user: { country: "nl", ip: "203.0.113.9", user_agent: UA, ttp: TTP, locale: "nl-NL" },
      page: { url: "https://mugs.example/products/blue-mug?variant=44001" },
      properties: {
        value: 12.5,
        currency: "EUR",
        contents: [{ ...MUG, content_id: "shopify_NL_8101_44001", price: 12.5, quantity: 1 }],
        content_ids: ["shopify_NL_8101_44001"],
        content_type: "product",
        num_items: 1,
      },
      limited_data_use: false,
    },
  },
  {
    title: "Search of a Californian who refused the sale of data",
    description: "Limited data use, which TikTok applies by the IP address.",
    event: exampleEvent("search_submitted", {
      page: { url: "https://mugs.example/search?q=blue", referrer: null, title: null },
      commerce: { ...emptyCommerce(), search_query: "blue" },
      client: { ...EXAMPLE_CLIENT, language: null, region: "California", region_code: null, country: "US" },
    }),
    settings: SETTINGS,
    limited: true,
    out: {
      event: "Search",
      event_time: 1773480413,
      event_id: "0123456789abcdef0123456789abcdef",
      user: { state: "ca", country: "us", ip: "203.0.113.9", user_agent: UA },
      page: { url: "https://mugs.example/search?q=blue" },
      properties: { search_string: "blue" },
      limited_data_use: true,
    },
  },
  {
    title: "Sale at the till",
    description: "TikTok takes till sales only into an Offline Event Set, which is another account object.",
    event: exampleEvent("checkout_completed", {
      source: "webhook",
      channel: "pos",
      commerce: EXAMPLE_ORDER,
      digests: PERSON,
    }),
    settings: SETTINGS,
    out: { skipped: "needs_offline_event_set" },
  },
  {
    title: "Cart view, custom events off",
    description: "TikTok has no standard name for it.",
    event: exampleEvent("cart_viewed", {
      page: { url: "https://mugs.example/cart", referrer: null, title: null },
      commerce: { ...emptyCommerce(), currency: "EUR", items: [EXAMPLE_MUG] },
      client: EXAMPLE_CLIENT,
    }),
    settings: SETTINGS,
    out: { skipped: "no_such_event" },
  },
];

export const guide: Guide = {
  deduplication:
    "Copies with one event_id and event name count once within 48 hours, also two server copies: repeating is safe.",
  limited: "limited_data_use: true; TikTok decides by the IP address whether it applies.",
  batches:
    "All or nothing: the message names the first invalid event. The batch is halved until the bad event stands alone.",
  skips: {
    no_such_event: "no standard name, and not chosen as a custom event",
    too_old: "over 7 days (TikTok documents no limit for web events)",
    needs_offline_event_set:
      "a till's sale: TikTok takes those into an Offline Event Set only, and none is entered",
    limited_not_offline: "a till's sale in limited mode, which an Offline Event Set does not know",
    no_page_url: "web events need the page's address",
    too_little_user_data: "neither email, phone, external id, click id, cookie nor IP address",
    limited_needs_ip: "limited mode without an IP address",
  },
  answers: [
    { when: "taken", answer: { status: 200, body: '{"code":0}' } },
    { when: "partial success, without parts", answer: { status: 200, body: '{"code":20001}' } },
    { when: "invalid parameter, as 200", answer: { status: 200, body: '{"code":40002}' } },
    { when: "throttled, as 401", answer: { status: 401, body: '{"code":40100,"message":"QPM limit"}' } },
    { when: "throttled, as 200", answer: { status: 200, body: '{"code":40100}' } },
    { when: "token wrong or revoked", answer: { status: 200, body: '{"code":40105}' } },
    { when: "token empty", answer: { status: 401, body: '{"code":40104}' } },
    { when: "no permission for this pixel", answer: { status: 200, body: '{"code":40001}' } },
    { when: "401 without a code", answer: { status: 401, body: "" } },
    { when: "internal", answer: { status: 200, body: '{"code":50000}' } },
    { when: "a gateway's page", answer: { status: 502, body: "<html>" } },
  ],
  notes: [
    "Unconfirmed: codes 20001, 40000, 40102, 40103, 51xxx for this endpoint; body size; the spelling of Pageview.",
    "A currency TikTok does not list is left out with its amounts: it would be booked as another.",
    "Chinese numbers go in both readings of TikTok's pages, with +86 and as the national number.",
    "What is sold at a till goes into the Offline Event Set named in offline_event_set, with the keys of the person only; without that setting it is not sent, nor while the shop leaves till orders out (excluded_channels, which it does unless told otherwise). The set is of the same ad account as the token.",
    "Not sent: shop_id (TikTok does not say whose id of a shop it is), delivery_category and predicted_ltv (on no page of TikTok's, in one other sender only), campaign fields; app and CRM events; mobile advertising ids, which only apps see.",
  ],
};
