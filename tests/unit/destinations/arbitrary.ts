/** fast-check arbitraries of canonical events: everything the contract allows, known and unknown parts in any mixture. */
import fc from "fast-check";
import {
  type CanonicalEvent,
  CHANNELS,
  type Client,
  type Commerce,
  EVENT_NAMES,
  type Item,
} from "@trakit/core/event.ts";
import { IDENTIFIER_LIST, type IdentifierName } from "@trakit/core/identifiers.ts";
import { FORM_NAMES } from "@trakit/core/identity/forms.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";

/** What stands in the clear parts of an address: no body may contain it where the vendor wants a digest or nothing. */
export const CLEAR_MARKS = { city: "Zzcity", state: "Zzregion", zip: "Zzpostal" } as const;

const known = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const text = fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: "binary", maxLength: 30 }));
const id = fc.bigInt(1n, 99_999_999_999_999n).map(String);
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });

/** A click id: letters of both cases, digits and `-_`, starting with a capital, so that none looks like a digest. */
const clickId = fc.string({
  unit: fc.constantFrom(..."ABCdefXYZ019-_."),
  minLength: 1,
  maxLength: 40,
}).map((rest) => `Q${rest}`);
/** Meta's cookies in every state of decay. */
const cookie = fc.tuple(
  fc.constantFrom("fb", "fbq", ""),
  fc.constantFrom("1", "2", "x"),
  fc.constantFrom("1773480413589", "1773480413", "0", "later"),
  fc.oneof(clickId, text),
).map((parts) => parts.join("."));

/** 0.00 … 99999.99 with 0 to 3 fraction digits. */
const amount = fc.tuple(fc.nat(9_999_999), fc.integer({ min: 0, max: 3 }))
  .map(([units, digits]) => (units / 10 ** digits).toFixed(digits));

const item: fc.Arbitrary<Item> = fc.record({
  product_id: known(id),
  variant_id: known(id),
  sku: known(text),
  title: known(text),
  variant_title: known(text),
  brand: known(text),
  category: known(text),
  quantity: fc.integer({ min: 1, max: 1000 }),
  unit_price: amount,
  line_discount: amount,
});

const commerce: fc.Arbitrary<Commerce> = fc.record({
  currency: known(fc.constantFrom("EUR", "USD", "JPY", "KWD", "XPF", "GIP")),
  total: known(amount),
  subtotal: known(amount),
  tax: known(amount),
  shipping: known(amount),
  discount: known(amount),
  taxes_included: known(fc.boolean()),
  items: fc.array(item, { maxLength: 4 }),
  order_id: known(id),
  order_name: known(text),
  checkout_token: known(hex(32)),
  cart_token: known(hex(32)),
  coupon: known(text),
  payment_type: known(text),
  shipping_tier: known(text),
  delivery_category: known(fc.constantFrom("home_delivery" as const, "in_store" as const)),
  customer_type: known(fc.constantFrom("new" as const, "returning" as const)),
  customer_orders: known(fc.nat(1_000)),
  customer_value: known(fc.constantFrom("0", "120.50", "99999.99")),
  customer_currency: known(fc.constantFrom("USD", "EUR")),
  search_query: known(text),
  collection_id: known(id),
  collection_title: known(text),
});

const client: fc.Arbitrary<Client> = fc.record({
  ip: known(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("203.0.113.9"))),
  user_agent: known(fc.constantFrom("Mozilla/5.0", "")),
  language: known(fc.constantFrom("en-US", "nl", "fil-PH", "zh-Hant-TW")),
  city: known(fc.constant(CLEAR_MARKS.city)),
  region: known(fc.constant(CLEAR_MARKS.state)),
  region_code: known(fc.constantFrom("NH", "CA", "ENG")),
  postal_code: known(fc.constant(CLEAR_MARKS.zip)),
  country: known(fc.constantFrom("US", "NL", "GB")),
  policy_country: known(fc.constantFrom("DE", "SE")),
});

const shaped: Partial<Record<IdentifierName, fc.Arbitrary<string>>> = {
  visitor_id: hex(32),
  client_id: fc.uuid(),
  customer_id: id,
  fbp: fc.oneof(fc.constant("fb.1.1773480413589.1234567890"), cookie),
  fbc: fc.oneof(fc.constant("fb.1.1773480413589.IwAR0_-x"), cookie),
  scid: fc.oneof(fc.uuid(), text),
  ga_client_id: fc.oneof(fc.constant("1234567890.1747132561"), text),
  ga_session_id: fc.oneof(fc.constant("1773480000"), text),
};
// what vendors make, and what people type into a cart attribute
const identifiers = fc.record(
  Object.fromEntries(
    IDENTIFIER_LIST.map(({ name }) => [name, known(shaped[name] ?? fc.oneof(clickId, text))]),
  ) as Record<IdentifierName, fc.Arbitrary<string | null>>,
);

const digests = fc.uniqueArray(fc.constantFrom(...FORM_NAMES)).chain((forms) =>
  fc.tuple(...forms.map(() => fc.array(hex(64), { minLength: 1, maxLength: 3 })))
    .map((lists) => Object.fromEntries(forms.map((form, index) => [form, lists[index]!])))
);

const state = known(fc.boolean());

/** Any canonical event, around March 2026. */
export const canonicalEvent: fc.Arbitrary<CanonicalEvent> = fc.record({
  name: fc.constantFrom(...EVENT_NAMES),
  event_id: hex(32),
  occurred_at: fc.date({
    min: new Date("2026-03-01T00:00:00.000Z"),
    max: new Date("2026-03-15T00:00:00.000Z"),
    noInvalidDate: true,
  }).map((date) => date.toISOString()),
  source: fc.constantFrom("webhook" as const, "browser" as const),
  channel: fc.constantFrom(...CHANNELS),
  test: fc.boolean(),
  page: fc.record({
    url: known(fc.webUrl({ withQueryParameters: true, withFragments: true })),
    referrer: known(fc.oneof(fc.webUrl(), text)),
    title: known(text),
  }),
  commerce,
  digests,
  client,
  identifiers,
  consent: fc.record({ analytics: state, marketing: state, preferences: state, sale_of_data: state }),
});

/** What is on the wire of a mapped event: JSON leaves out what is undefined. */
export function onWire(body: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(body)) as JsonObject;
}
