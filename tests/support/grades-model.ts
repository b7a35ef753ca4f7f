/**
 * The grades of keys (docs/architecture.md, "Identity") a second time, in the plainest words, to hold the SQL against: whatever
 * happens in a shop, who may be on what leaves it. Every value says whose it is: `A1.fbc.3` is a click of A's first browser,
 * `A.address` what anybody can type of A, `A.told-name` what Shopify told of A's customer record.
 */
import fc from "fast-check";
import { type CapturedCopy, fromBrowser, fromShopify, GRANTED } from "./captured.ts";

/** Two customers, and a stranger who opens sessions, has an account and buys like anybody. */
/** Checkouts there were, in their order: Shopify's ids of orders are digits. */
const checkouts: string[] = [];
const orderIdOf = (checkout: string): string => {
  if (!checkouts.includes(checkout)) checkouts.push(checkout);
  return String(1_001 + checkouts.indexOf(checkout));
};
export const checkoutOf = (orderId: string): string => checkouts[Number(orderId) - 1_001]!;

export const PEOPLE = ["A", "B", "S"] as const;
export type Person = typeof PEOPLE[number];
const DEVICES = ["A1", "A2", "B1", "S1", "S2"] as const;
type Device = typeof DEVICES[number];
const ownerOf = (device: Device): Person => device[0] as Person;

export const addressOf = (person: Person) => `${person}.address`;
export const customerOf = (person: Person) => `${person}.customer`;
export const toldOf = (person: Person) => ({
  "email.lower": [addressOf(person)],
  "last_name.lower": [`${person}.told-name`],
});

const somebody = fc.option(fc.constantFrom(...PEOPLE), { nil: null });
export const aHappening = fc.record({
  what: fc.constantFrom(
    "views",
    "types",
    "registers",
    "begins a checkout",
    "buys",
    "Shopify: cart changed",
    "Shopify: checkout begun",
    "Shopify: order",
    "Shopify: order",
    "Shopify: refund",
    "Shopify: account opened",
    "Shopify: customer told",
    "opens a session",
  ),
  device: fc.constantFrom(...DEVICES),
  /** What the browser carries of its own. */
  ids: fc.constantFrom("both", "both", "visitor", "client", "none"),
  loggedIn: fc.boolean(),
  clicked: fc.boolean(),
  /** Whose address is typed, whom the order's customer is. */
  typed: somebody,
  customer: somebody,
  /** Whose browser the cart's attributes name. */
  attributes: fc.option(fc.constantFrom(...DEVICES), { nil: null }),
  checkout: fc.nat({ max: 1 }),
  /** Whose cart it is: a link to one can be passed on. */
  cart: fc.option(fc.constantFrom(...DEVICES), { nil: null, freq: 2 }),
  consent: fc.constantFrom(
    GRANTED,
    GRANTED,
    GRANTED,
    {},
    { analytics: true, marketing: false },
    { analytics: false, marketing: false },
  ),
  /** In one call with what went before. */
  together: fc.boolean(),
});
export type Happening = typeof aHappening extends fc.Arbitrary<infer Value> ? Value : never;

/** Who may be on an event, by one of its copies. */
export interface Allowed {
  /** What this copy said itself. */
  said: Set<string>;
  /** What the values of others that may be added begin with. */
  added: string[];
  /** Whose visitor may be named. */
  visitors: Set<Person>;
  /** Who may be given theirs back: a browser with an id of its own. */
  restored: Person | null;
}

export interface Happened {
  copy: CapturedCopy;
  allowed: Allowed;
}

/** Everything that is told apart in a copy: identifiers and digests. */
export function valuesOf(part: { identifiers?: unknown; digests?: unknown } | undefined): string[] {
  return [
    ...Object.values(part?.identifiers as Record<string, string> ?? {}),
    ...Object.values(part?.digests as Record<string, string[]> ?? {}).flat(),
  ];
}

/** What a shop's people do, as copies of events, with what each may lead to. */
export function model() {
  /** Who brought a token in a browser of theirs. */
  const holders = new Map<string, Set<Person>>();
  let clicks = 0;

  const browserIds = ({ device, ids, loggedIn, clicked }: Happening) => ({
    ...(ids === "both" || ids === "visitor" ? { visitor_id: `${device}.visitor` } : {}),
    ...(ids === "both" || ids === "client" ? { client_id: `${device}.client` } : {}),
    ...(loggedIn && ids !== "none" ? { customer_id: customerOf(ownerOf(device)) } : {}),
    fbp: `${device}.fbp`,
    ...(clicked ? { fbc: `${device}.fbc.${clicks++}`, gclid: `${device}.gclid.${clicks++}` } : {}),
  });
  const digestsOf = ({ typed }: Happening) => typed ? { "email.lower": [addressOf(typed)] } : {};
  const held = (tokens: string[]) => new Set(tokens.flatMap((token) => [...holders.get(token) ?? []]));
  /** Cookies and click ids of people's browsers, no customer and no record. */
  const browsersOf = (people: Set<Person>) => [...people].flatMap((person) => [`${person}1.`, `${person}2.`]);

  function happened(
    copy: CapturedCopy,
    added: string[],
    visitors: Set<Person>,
    restored: Person | null = null,
  ): Happened {
    return { copy, allowed: { said: new Set(valuesOf(copy.event)), added, visitors, restored } };
  }

  function inBrowser(
    name: string,
    one: Happening,
    rest: { event_id?: string; commerce?: object } = {},
  ): Happened {
    const owner = ownerOf(one.device);
    const copy = fromBrowser(name, {
      identifiers: browserIds(one),
      digests: digestsOf(one),
      consent: one.consent,
      ...rest,
    });
    const { checkout_token, cart_token } = (rest.commerce ?? {}) as Record<string, string>;
    const tokens = [checkout_token, cart_token].filter((token) => token !== undefined);
    if (one.ids === "none") {
      const people = held(tokens);
      return happened(copy, browsersOf(people), people);
    }
    for (const token of tokens) holders.set(token, (holders.get(token) ?? new Set()).add(owner));
    return happened(copy, [owner], new Set([owner]), owner);
  }

  function byShopify(
    name: string,
    one: Happening,
    rest: { event_id?: string; commerce?: object } = {},
  ): Happened {
    const copy = fromShopify(name, {
      identifiers: {
        ...(one.customer ? { customer_id: customerOf(one.customer) } : {}),
        ...(one.attributes
          ? {
            visitor_id: `${one.attributes}.visitor`,
            client_id: `${one.attributes}.client`,
            fbc: `${one.device}.typed-fbc`,
          }
          : {}),
      },
      digests: digestsOf(one),
      consent: one.consent,
      ...rest,
    });
    const { checkout_token, cart_token } = (rest.commerce ?? {}) as Record<string, string>;
    const people = held([checkout_token, cart_token].filter((token) => token !== undefined));
    const record = one.customer ? [`${one.customer}.told`, addressOf(one.customer)] : [];
    return happened(copy, [...browsersOf(people), ...record], people);
  }

  /** The copy a happening makes; null = it makes none. */
  return function copyOf(one: Happening): Happened | null {
    const checkout = `${one.device}.checkout.${one.checkout}`;
    const cart = one.cart ? { cart_token: `${one.cart}.cart` } : {};
    const tokens = { checkout_token: checkout, ...cart };
    const registered = { event_id: `registered-${one.typed ?? one.device}` };
    switch (one.what) {
      case "views":
        return inBrowser("page_viewed", one, { commerce: cart });
      case "types":
        return inBrowser("lead_submitted", one);
      case "registers":
        return inBrowser("customer_registered", one, registered);
      case "begins a checkout":
        return inBrowser("checkout_started", one, { event_id: `started-${checkout}`, commerce: tokens });
      case "buys":
        return inBrowser("checkout_completed", one, { event_id: `completed-${checkout}`, commerce: tokens });
      case "Shopify: cart changed":
        return byShopify("product_added_to_cart", { ...one, customer: null, typed: null }, {
          commerce: cart,
        });
      case "Shopify: checkout begun":
        return byShopify("checkout_started", one, { event_id: `started-${checkout}`, commerce: tokens });
      case "Shopify: order":
        return byShopify("checkout_completed", one, {
          event_id: `completed-${checkout}`,
          commerce: { ...tokens, order_id: orderIdOf(checkout), total: "10.00", currency: "USD" },
        });
      case "Shopify: refund":
        return byShopify("order_refunded", { ...one, customer: null, typed: null, attributes: null }, {
          commerce: { order_id: orderIdOf(checkout), total: "1.00", currency: "USD" },
        });
      case "Shopify: account opened":
        return byShopify(
          "customer_registered",
          { ...one, customer: null, attributes: null, consent: {} },
          registered,
        );
      default:
        return null;
    }
  };
}
