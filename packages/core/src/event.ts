/**
 * The canonical event: what every source is turned into and every destination is built from.
 * Shapes are snake_case because they are stored as JSON and read by operators in SQL.
 * No field holds clear-text email, phone, name, street or date of birth: those are digests (see identity/).
 */
import { IDENTIFIER_LIST, type IdentifierName } from "./identifiers.ts";

/** Canonical event names: Shopify's customer-event names plus three of ours (docs/architecture.md, "Events"). */
export const EVENT_NAMES = [
  "page_viewed",
  "product_viewed",
  "collection_viewed",
  "search_submitted",
  "product_added_to_cart",
  "product_removed_from_cart",
  "cart_viewed",
  "checkout_started",
  "checkout_contact_info_submitted",
  "checkout_address_info_submitted",
  "checkout_shipping_info_submitted",
  "payment_info_submitted",
  "checkout_completed",
  "order_refunded",
  "customer_registered",
  "lead_submitted",
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

/** Where an order or event came from; decides action_source at the vendors and the shop's source policy. */
export const CHANNELS = ["web", "app", "pos", "draft", "subscription", "other"] as const;
export type Channel = (typeof CHANNELS)[number];

/** One line of a cart, checkout or order. Money is a decimal string in major units of `Commerce.currency`. */
export interface Item {
  product_id: string | null;
  variant_id: string | null;
  sku: string | null;
  title: string | null;
  variant_title: string | null;
  brand: string | null;
  category: string | null;
  /** Units, a positive integer. */
  quantity: number;
  /** Price of one unit before discounts. */
  unit_price: string;
  /** Discount on the whole line (all units), "0" when none. */
  line_discount: string;
}

/** Money and things sold. All amounts are decimal strings in major units of `currency`; null = not known. */
export interface Commerce {
  /** ISO 4217, upper case. */
  currency: string | null;
  /** What the buyer paid: tax, shipping, tip in, discounts out. */
  total: string | null;
  /** Items after discounts, as Shopify's subtotal: tax in where the shop's prices include tax. */
  subtotal: string | null;
  tax: string | null;
  shipping: string | null;
  discount: string | null;
  /** Whether item prices and subtotal already contain tax. */
  taxes_included: boolean | null;
  items: Item[];
  /** Shopify's numeric order id as a string. */
  order_id: string | null;
  /** "#1042", for people. */
  order_name: string | null;
  checkout_token: string | null;
  cart_token: string | null;
  coupon: string | null;
  /** Name of what the buyer pays with, as Shopify's gateway has it: "shopify_payments". */
  payment_type: string | null;
  /** Name of the shipping option: "Standard". */
  shipping_tier: string | null;
  /** How the goods come to the buyer: sent, or handed over in a store. */
  delivery_category: "home_delivery" | "in_store" | null;
  /** As Shopify's own count says; null = not known. */
  customer_type: "new" | "returning" | null;
  /** Orders of the known customer so far. */
  customer_orders: number | null;
  /** Their lifetime value so far, decimal string in `customer_currency`, which is the shop's. */
  customer_value: string | null;
  customer_currency: string | null;
  search_query: string | null;
  collection_id: string | null;
  collection_title: string | null;
}

/** The page an event happened on. URLs are absolute, with their query. */
export interface Page {
  url: string | null;
  referrer: string | null;
  title: string | null;
}

/** What some vendors take in clear; kept apart from the event, for 7 days only (table `event_clients`). */
export interface Client {
  ip: string | null;
  user_agent: string | null;
  /** BCP 47, e.g. "en-US". */
  language: string | null;
  city: string | null;
  /** Full name of province or state as Shopify gives it, e.g. "Noord-Holland". */
  region: string | null;
  /** Code of province or state, e.g. "NH", "CA". */
  region_code: string | null;
  postal_code: string | null;
  /** ISO 3166-1 alpha-2, upper case. */
  country: string | null;
  /** Where the browser says it is, as `country`: what unknown consent means where no address tells it. Sent to nobody. */
  policy_country: string | null;
}

/** Cookies and click ids, byte-exact as the vendors made them; never hashed. What each is: identifiers.ts. */
export type Identifiers = Record<IdentifierName, string | null>;

/** Per purpose; null = no state known (docs/privacy.md, "Consent"). `sale_of_data` false = the vendor's limited mode. */
export interface Consent {
  analytics: boolean | null;
  marketing: boolean | null;
  preferences: boolean | null;
  sale_of_data: boolean | null;
}

/**
 * Digests of personal data by normal form (identity/forms.ts): `{"email.lower": ["<64 hex>"], …}`.
 * A form may hold several digests (two emails, shipping and billing phone), best first.
 */
export type Digests = Record<string, string[]>;

export interface CanonicalEvent {
  name: EventName;
  /** Shared by the browser's and the server's copy (event-id.ts). */
  event_id: string;
  /** ISO 8601 UTC with milliseconds. */
  occurred_at: string;
  source: "webhook" | "browser";
  channel: Channel;
  /** Shopify `test` order. */
  test: boolean;
  page: Page;
  commerce: Commerce;
  digests: Digests;
  client: Client;
  identifiers: Identifiers;
  consent: Consent;
  /** Platforms whose own browser tag was handed this event under the same id, and when (ISO 8601). */
  tags?: Record<string, string>;
}

export const EMPTY_PAGE: Page = Object.freeze({ url: null, referrer: null, title: null });

export const EMPTY_CLIENT: Client = Object.freeze({
  ip: null,
  user_agent: null,
  language: null,
  city: null,
  region: null,
  region_code: null,
  postal_code: null,
  country: null,
  policy_country: null,
});

export const EMPTY_IDENTIFIERS: Identifiers = Object.freeze(
  Object.fromEntries(IDENTIFIER_LIST.map(({ name }) => [name, null])) as Record<IdentifierName, null>,
);

export const UNKNOWN_CONSENT: Consent = Object.freeze({
  analytics: null,
  marketing: null,
  preferences: null,
  sale_of_data: null,
});

/** A commerce block with nothing known: spread it and fill in. */
export function emptyCommerce(): Commerce {
  return {
    currency: null,
    total: null,
    subtotal: null,
    tax: null,
    shipping: null,
    discount: null,
    taxes_included: null,
    items: [],
    order_id: null,
    order_name: null,
    checkout_token: null,
    cart_token: null,
    coupon: null,
    payment_type: null,
    shipping_tier: null,
    delivery_category: null,
    customer_type: null,
    customer_orders: null,
    customer_value: null,
    customer_currency: null,
    search_query: null,
    collection_id: null,
    collection_title: null,
  };
}
