/** What the demo shop remembers: in memory, bounded, gone at restart. */
import type { Json } from "./big-json.ts";
import type { CartLine, PricedCart } from "./pricing.ts";
import type { Buyer, CountryCode } from "./countries.ts";
import type { Currency } from "./money.ts";
import type { CustomerRecord } from "./order-lines.ts";

/** A map that forgets its oldest entry rather than grow: a demo left running must not fill the memory. */
export class BoundedMap<V> {
  readonly #entries = new Map<string, V>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#limit) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
  }

  values(): V[] {
    return [...this.#entries.values()];
  }
}

/**
 * One visit as the platform itself knows it (Shopify: an essential, HttpOnly session). Nothing here is TrakIt's:
 * the landing page in an order comes from the platform, whatever the visitor said about tracking.
 */
export interface Session {
  id: string;
  landingSite: string | null;
  referringSite: string | null;
  loggedIn: boolean;
  currency: Currency;
}

export interface Cart {
  token: string;
  key: string;
  lines: CartLine[];
  attributes: Record<string, string>;
  note: string | null;
  /** ms since 1970 */
  createdAt: number;
  updatedAt: number;
  /** The checkout opened from this cart, if any. */
  checkoutToken: string | null;
  /** Whether `carts/create` went out. */
  told: boolean;
}

export interface Checkout {
  token: string;
  /** ms since 1970 */
  createdAt: number;
  /** What follows "#" in its name. */
  number: string;
  cartToken: string;
  /** Copied when the checkout opens; what is written to the cart later does not reach the order. */
  attributes: Record<string, string>;
  note: string | null;
  country: CountryCode;
  /** Whether the page has reported `checkout_started`. */
  started: boolean;
}

export interface PlacedOrder {
  id: string;
  name: string;
  checkoutToken: string;
  cart: PricedCart;
  buyer: Buyer;
  customer: CustomerRecord;
  acceptsMarketing: boolean;
  test: boolean;
  /** The thank-you page has been shown: Shopify reports `checkout_completed` once. */
  seen: boolean;
}

/** Any order, by its id: what later webhooks tell about it. */
export interface Placed {
  id: string;
  /** The order webhook's body. */
  body: Record<string, Json>;
  cart: PricedCart;
  customerId: string | null;
  email: string | null;
  /** What was paid, minor units of the shop's currency. */
  total: number;
}

export interface ShopState {
  sessions: BoundedMap<Session>;
  carts: BoundedMap<Cart>;
  checkouts: BoundedMap<Checkout>;
  /** By checkout token. */
  orders: BoundedMap<PlacedOrder>;
  /** By order id. */
  placed: BoundedMap<Placed>;
  /** By lower-case e-mail. */
  customers: BoundedMap<CustomerRecord>;
}

export function createState(): ShopState {
  return {
    sessions: new BoundedMap(5_000),
    carts: new BoundedMap(5_000),
    checkouts: new BoundedMap(5_000),
    orders: new BoundedMap(2_000),
    placed: new BoundedMap(2_000),
    customers: new BoundedMap(10_000),
  };
}
