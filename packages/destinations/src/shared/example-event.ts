/** Canonical events for the destinations' examples. The person is invented; digests are the references' test vectors. */
import {
  type CanonicalEvent,
  type Client,
  type Commerce,
  type Digests,
  EMPTY_CLIENT,
  EMPTY_IDENTIFIERS,
  EMPTY_PAGE,
  emptyCommerce,
  type EventName,
  type Item,
  UNKNOWN_CONSENT,
} from "@trakit/core/event.ts";

/** When the example events happen, and the `now` with which their `out` was written (ms since the epoch). */
export const EXAMPLE_OCCURRED_AT = "2026-03-14T09:26:53.589Z";
export const EXAMPLE_NOW = Date.parse("2026-03-14T09:26:54.000Z");

/** SHA-256 of the normal forms named in the comments. */
export const EXAMPLE_DIGESTS = {
  /** person@example.com */
  email: "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345",
  /** 31612345678 */
  phone_digits: "e03d152bbe638d9fe7a04f9b88a67674bf15b73c0981755c16eb78d177721e03",
  /** +31612345678 */
  phone_e164: "fab7be8a931d1088a82f6acf9e468aaf6a3accc07d5112ee5d6fca93281e1583",
  /** john */
  first_name: "96d9632f363564cc3032521409cf22a852f2032eec099ed5967c0d000cec607a",
  /** de vries */
  last_name: "b8004f1d6937db197b6600a8a90f12914a0c1632e39e18f504d1983639840eb4",
  /** keizersgracht 123ii */
  street: "96af29b678af212395603ab71195e056a985bafdf083eaa2ac71ec21e4397973",
  /** newyork */
  city: "350c754ba4d38897693aa077ef43072a859d23f613443133fecbbd90a3512ca5",
  /** nh */
  region: "32fcec9c2b3834eb5df31ae6ab2f82e189a7f2fb48eceb2accc24d73180d56df",
  /** 1012ab */
  postal: "4eae493e6faa833589c87de609450298d15d3a344685a821ecb61d385f97e090",
  /** nl */
  country: "1843653496800edfd0d30326c82f53b0338ed408468cca4a2f1b52f2f6395fc9",
  /** 7016459804731 */
  external_id: "8d0c998a42b8d6bb8c588c28b9211471f55a0b02bce6ad7276e94fa384dc281e",
} as const;

/** A known Dutch buyer, in every normal form the destinations read. */
export const EXAMPLE_PERSON: Digests = {
  "email.lower": [EXAMPLE_DIGESTS.email],
  "email.gmail": [EXAMPLE_DIGESTS.email],
  "phone.digits": [EXAMPLE_DIGESTS.phone_digits],
  "phone.e164": [EXAMPLE_DIGESTS.phone_e164],
  "first_name.lower": [EXAMPLE_DIGESTS.first_name],
  "first_name.words": [EXAMPLE_DIGESTS.first_name],
  "first_name.letters": [EXAMPLE_DIGESTS.first_name],
  "last_name.lower": [EXAMPLE_DIGESTS.last_name],
  "last_name.words": [EXAMPLE_DIGESTS.last_name],
  "last_name.letters": [EXAMPLE_DIGESTS.last_name],
  "street.letters": [EXAMPLE_DIGESTS.street],
  "city.compact": [EXAMPLE_DIGESTS.city],
  "region.code": [EXAMPLE_DIGESTS.region],
  "postal.spaceless": [EXAMPLE_DIGESTS.postal],
  "country.lower": [EXAMPLE_DIGESTS.country],
  "external_id.plain": [EXAMPLE_DIGESTS.external_id],
};

/** What every web visitor's request shows; the address is of a documentation block. */
export const EXAMPLE_CLIENT: Client = {
  ...EMPTY_CLIENT,
  ip: "203.0.113.9",
  user_agent:
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0 Safari/537.36",
  language: "nl-NL",
  country: "NL",
};

/** Two mugs, 4 off the line. */
export const EXAMPLE_MUG: Item = {
  product_id: "8101",
  variant_id: "44001",
  sku: "MUG-BLUE",
  title: "Blue mug",
  variant_title: "Large",
  brand: "Delft & Co",
  category: "Mugs",
  quantity: 2,
  unit_price: "12.50",
  line_discount: "4.00",
};

/** One poster, no discount, no SKU. */
export const EXAMPLE_POSTER: Item = {
  product_id: "8102",
  variant_id: "44002",
  sku: null,
  title: "Canal poster",
  variant_title: null,
  brand: "Delft & Co",
  category: null,
  quantity: 1,
  unit_price: "30.00",
  line_discount: "0",
};

/** A Dutch order, prices with 21 % tax: 51.00 of goods, 4.95 shipping, of which 9.71 is tax. */
export const EXAMPLE_ORDER: Commerce = {
  ...emptyCommerce(),
  currency: "EUR",
  total: "55.95",
  subtotal: "51.00",
  tax: "9.71",
  shipping: "4.95",
  discount: "4.00",
  taxes_included: true,
  items: [EXAMPLE_MUG, EXAMPLE_POSTER],
  order_id: "5678901234567",
  order_name: "#1042",
  checkout_token: "c1-4f2a9d7be8",
  coupon: "WELCOME4",
  customer_type: "new",
};

/** A canonical event with everything not given unknown. */
export function exampleEvent(name: EventName, given: Partial<CanonicalEvent> = {}): CanonicalEvent {
  return {
    name,
    event_id: "0123456789abcdef0123456789abcdef",
    occurred_at: EXAMPLE_OCCURRED_AT,
    source: "browser",
    channel: "web",
    test: false,
    page: EMPTY_PAGE,
    commerce: emptyCommerce(),
    digests: {},
    client: EMPTY_CLIENT,
    identifiers: EMPTY_IDENTIFIERS,
    consent: UNKNOWN_CONSENT,
    ...given,
  };
}
