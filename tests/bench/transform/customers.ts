/** Different customers in turn, so that no cache of values helps anybody. Invented people. */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import type { ClearPerson } from "@trakit/core/identity/person.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_MUG,
  EXAMPLE_NOW,
  EXAMPLE_ORDER,
  EXAMPLE_POSTER,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";

const FIRST = ["Mary", "Jean-François", "Anna", "José", "Sven", "Grace", "Zoë", "Liam", "Chloé", "Noor"];
const LAST = [
  "Smith",
  "O'Brien",
  "de Vries",
  "Müller",
  "Silva",
  "Hopper",
  "Jansen",
  "Novák",
  "Rossi",
  "Weiß",
];
const PLACES = [
  {
    city: "Amsterdam",
    region: "Noord-Holland",
    region_code: "NH",
    zip: "1012 AB",
    country: "NL",
    phone: "06",
  },
  {
    city: "New York",
    region: "New York",
    region_code: "NY",
    zip: "10001-1234",
    country: "US",
    phone: "212555",
  },
  { city: "Manchester", region: null, region_code: "ENG", zip: "M1 1AE", country: "GB", phone: "07400" },
  {
    city: "Köln",
    region: "Nordrhein-Westfalen",
    region_code: "NW",
    zip: "50667",
    country: "DE",
    phone: "0151",
  },
  { city: "Toronto", region: "Ontario", region_code: "ON", zip: "K1A 0B1", country: "CA", phone: "416555" },
] as const;
/** Digits that make the numbers of each place the right length there. */
const DIGITS = [8, 4, 6, 8, 4];

/** The person of one order: a phone as people type it, with the country of its address. */
export function customer(index: number): ClearPerson {
  const at = index % PLACES.length;
  const place = PLACES[at]!;
  const first = FIRST[index % 10]!;
  const last = LAST[(index * 7) % 10]!;
  const digits = String(10 ** (DIGITS[at]! - 1) + (index * 7919) % (9 * 10 ** (DIGITS[at]! - 1)));
  return {
    emails: [`${first}.${last}${index}@Example.com`.toLowerCase().replace(/[^a-z0-9@.]/g, "")],
    phones: [{ value: `${place.phone} ${digits}`, country: place.country }],
    first_name: first,
    last_name: `${last}`,
    street: `Keizersgracht ${index}`,
    city: place.city,
    region: place.region,
    region_code: place.region_code,
    postal_code: place.zip,
    country: place.country,
    external_ids: [String(7_000_000_000_000 + index)],
  };
}

/** A purchase of two lines without its digests: what is left of an order when the person is taken out. */
export function purchase(index: number): CanonicalEvent {
  const place = PLACES[index % PLACES.length]!;
  const cents = 1000 + index % 9000;
  const price = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
  return exampleEvent("checkout_completed", {
    event_id: index.toString(16).padStart(32, "0"),
    occurred_at: new Date(EXAMPLE_NOW - 1000 - index % 1000).toISOString(),
    source: "webhook",
    page: {
      url: `https://mugs.example/products/blue-mug?variant=${index}&utm_source=fb`,
      referrer: "https://mugs.example/",
      title: "Mugs",
    },
    commerce: {
      ...EXAMPLE_ORDER,
      order_id: String(5_000_000_000_000 + index),
      items: [{ ...EXAMPLE_MUG, unit_price: price }, EXAMPLE_POSTER],
    },
    client: {
      ...EXAMPLE_CLIENT,
      ip: `203.0.${index % 113}.${index % 250}`,
      city: place.city,
      region: place.region,
      region_code: place.region_code,
      postal_code: place.zip,
      country: place.country,
    },
    identifiers: {
      ...exampleEvent("page_viewed").identifiers,
      visitor_id: index.toString(16).padStart(32, "a"),
      customer_id: String(7_000_000_000_000 + index),
      fbp: `fb.1.1773480000123.${1_000_000_000 + index}`,
      fbc: `fb.1.1773480001456.IwAR${index.toString(36)}x`,
      ttp: `2MifKFvqOmXqHUtGfSpQ${index}`,
      ttclid: `E.C.P.${index}`,
      epik: `dj0y${index}`,
      scid: "7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
      sc_click_id: `sc-${index}`,
      ga_client_id: `${1_000_000_000 + index}.1747132561`,
      ga_session_id: String(1_773_480_000 + index),
    },
    consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
  });
}
