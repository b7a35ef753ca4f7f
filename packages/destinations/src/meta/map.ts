import type { CanonicalEvent, Commerce, EventName, Item } from "@trakit/core/event.ts";
import { validFbc, validFbp } from "@trakit/core/cookies.ts";
import { digestsBy } from "@trakit/core/identity/field-rules.ts";
import { toNumber } from "@trakit/core/money.ts";
import type { JsonObject, MapContext, Mapped } from "../destination.ts";
import { contentId, eventValue, lifetimeValue, netUnitNumber, unitCount } from "../shared/commerce.ts";
import { cut, eventTime, isEmpty, orUndefined, searchText } from "../shared/fields.ts";
import { publicIp } from "../shared/ip.ts";
import { eventName } from "../shared/settings.ts";
import { publicUrl } from "@trakit/core/public-url.ts";
import { limitedOptions } from "./limited.ts";
import type { MetaSettings } from "./settings.ts";
import { fields } from "./identity.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** One event a second too old makes Meta refuse the whole request, so the way there is allowed for. */
const MARGIN_MS = 60_000;
/** 7 days; what was sold in a physical store may be 62 days old (reference: meta §2.2). */
export const MAX_AGE_MS = 7 * DAY_MS - MARGIN_MS;
const STORE_MAX_AGE_MS = 62 * DAY_MS - MARGIN_MS;

/**
 * Standard names (reference: meta §3). Collections go as Meta's list of a product group's ids; refunds have no event:
 * there is no delete or negative purchase.
 */
export const EVENTS: Partial<Record<EventName, string>> = {
  page_viewed: "PageView",
  product_viewed: "ViewContent",
  collection_viewed: "ViewContent",
  search_submitted: "Search",
  product_added_to_cart: "AddToCart",
  checkout_started: "InitiateCheckout",
  payment_info_submitted: "AddPaymentInfo",
  checkout_completed: "Purchase",
  customer_registered: "CompleteRegistration",
  lead_submitted: "Lead",
};

/** With the setting `custom_events`: names of ours, for custom conversions and audiences. */
export const CUSTOM_EVENTS: Partial<Record<EventName, string>> = {
  product_removed_from_cart: "RemoveFromCart",
  cart_viewed: "ViewCart",
  checkout_contact_info_submitted: "AddContactInfo",
  checkout_address_info_submitted: "AddAddressInfo",
  checkout_shipping_info_submitted: "AddShippingInfo",
  order_refunded: "OrderRefunded",
};

/** Events about something that has a price; a list of products on a page is worth nothing. */
const VALUED: ReadonlySet<EventName> = new Set([
  "product_viewed",
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
]);

/** Meta refuses events whose `user_data` has nothing outside one of these (reference: meta §2.2, since Graph v13.0). */
const TOO_LITTLE: readonly ReadonlySet<string>[] = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"]),
];

function userData(event: CanonicalEvent, ip: string | null): JsonObject {
  const { digests } = event;
  // Hashed ones take lists (reference: meta §4).
  return {
    em: digestsBy(fields.email, digests),
    ph: digestsBy(fields.phone, digests),
    fn: digestsBy(fields.first_name, digests),
    ln: digestsBy(fields.last_name, digests),
    ct: digestsBy(fields.city, digests),
    st: digestsBy(fields.state, digests),
    zp: digestsBy(fields.zip, digests),
    country: digestsBy(fields.country, digests),
    ge: digestsBy(fields.gender, digests),
    db: digestsBy(fields.date_of_birth, digests),
    external_id: digestsBy(fields.external_id, digests),
    // Never hashed: Meta takes hashes of these with a 200 and matches nobody.
    client_ip_address: orUndefined(ip),
    client_user_agent: orUndefined(cut(event.client.user_agent, 2000)),
    // A malformed one makes Meta refuse the whole request; the click id in it is passed byte for byte (reference: meta §5).
    fbc: orUndefined(validFbc(event.identifiers.fbc)),
    fbp: orUndefined(validFbp(event.identifiers.fbp)),
  };
}

function isTooLittle(user: JsonObject): boolean {
  // Each of these is in none of the sets.
  if (user["em"] !== undefined || user["client_ip_address"] !== undefined) return false;
  const keys = Object.keys(user).filter((key) => user[key] !== undefined);
  return TOO_LITTLE.some((set) => keys.every((key) => set.has(key)));
}

/**
 * Website events need the page's address and the browser's name; where one is unknown (order made by API, import) or
 * nobody was browsing (renewals), Meta's `system_generated` is what happened (reference: meta §2.2, §11).
 */
function actionSource(event: CanonicalEvent, url: string | null, user: JsonObject): string {
  switch (event.channel) {
    case "pos":
      return "physical_store";
    case "subscription":
      return "system_generated";
    case "app":
      // Meta's "app" wants the device's own details, which a shop does not have.
      return "other";
    default:
      return url !== null && user["client_user_agent"] ? "website" : "system_generated";
  }
}

function content(item: Item, id: string, { currency, delivery_category: delivery }: Commerce): JsonObject {
  return {
    id,
    quantity: item.quantity,
    item_price: currency === null ? undefined : netUnitNumber(item, currency),
    title: orUndefined(cut(item.title, 500)),
    brand: orUndefined(cut(item.brand, 500)),
    category: orUndefined(cut(item.category, 500)),
    delivery_category: orUndefined(delivery),
  };
}

function customData(event: CanonicalEvent, { settings }: MapContext<MetaSettings>): JsonObject {
  const { commerce, name, client } = event;
  const collection = name === "collection_viewed";
  // A collection shows products, not the variants of one: its ids name the groups of the catalogue.
  const form = collection ? "product" : settings.content_ids;
  const money = VALUED.has(name) ? eventValue(commerce, settings.value) : null;
  const ids: string[] = [];
  const contents: JsonObject[] = [];
  for (const item of commerce.items) {
    const id = contentId(item, form, settings.content_country ?? client.country);
    if (id === null) continue;
    ids.push(id);
    contents.push(content(item, id, commerce));
  }
  const ltv = lifetimeValue(event);
  const only = commerce.items.length === 1 ? commerce.items[0] : undefined;
  const counted = name === "checkout_started" || name === "checkout_completed";
  const ofOrder = name === "checkout_completed" || name === "order_refunded";
  return {
    value: money === null ? undefined : toNumber(money.value),
    currency: money?.currency,
    content_ids: orUndefined(ids),
    contents: orUndefined(contents),
    content_type: contents.length === 0 ? undefined : form === "product" ? "product_group" : "product",
    content_name: orUndefined(cut(only?.title ?? null, 500)),
    content_category: orUndefined(cut(collection ? commerce.collection_title : only?.category ?? null, 500)),
    num_items: counted && commerce.items.length > 0 ? unitCount(commerce.items) : undefined,
    order_id: ofOrder ? orUndefined(commerce.order_id) : undefined,
    delivery_category: orUndefined(commerce.delivery_category),
    search_string: name === "search_submitted" ? orUndefined(searchText(commerce.search_query)) : undefined,
    predicted_ltv: ltv === null ? undefined : toNumber(ltv),
  };
}

function segmentation(event: CanonicalEvent): string | undefined {
  if (event.name !== "checkout_completed" || event.commerce.customer_type === null) return undefined;
  return event.commerce.customer_type === "new"
    ? "new_customer_to_business"
    : "existing_customer_to_business";
}

/**
 * The event for `data[]` of `POST /{version}/{pixel}/events` (reference: meta §2). One event Meta refuses makes it
 * refuse the whole request, so what is known to be refused is not sent.
 *
 * Refusals: `no_such_event`, `too_old`, `no_value` (a purchase without amount or currency), `too_little_user_data`,
 * `limited_needs_region` (Limited Data Use needs the state or an IP address to take effect).
 */
export function map(event: CanonicalEvent, context: MapContext<MetaSettings>): Mapped {
  const name = eventName(event.name, EVENTS, CUSTOM_EVENTS, context.settings.custom_events);
  if (name === null) return { ok: false, reason: "no_such_event" };
  const time = eventTime(event, context.now, event.channel === "pos" ? STORE_MAX_AGE_MS : MAX_AGE_MS);
  if (time === null) return { ok: false, reason: "too_old" };
  const custom = customData(event, context);
  if (event.name === "checkout_completed" && custom["value"] === undefined) {
    return { ok: false, reason: "no_value" };
  }
  const ip = publicIp(event.client.ip);
  const user = userData(event, ip);
  if (isTooLittle(user)) return { ok: false, reason: "too_little_user_data" };
  const options = context.limited ? limitedOptions(event, ip) : undefined;
  if (options === null) return { ok: false, reason: "limited_needs_region" };
  const url = publicUrl(event.page.url);
  const body: JsonObject = {
    event_name: name,
    event_time: Math.floor(time / 1000),
    event_id: event.event_id,
    action_source: actionSource(event, url, user),
    event_source_url: orUndefined(url),
    referrer_url: orUndefined(publicUrl(event.page.referrer)),
    user_data: user,
    custom_data: isEmpty(custom) ? undefined : custom,
    customer_segmentation: segmentation(event),
  };
  return { ok: true, body: options === undefined ? body : { ...body, ...options } };
}

/**
 * An event that Meta refused for its `fbc` or `fbp`, without them, to be sent once more: the sale is worth more than the
 * click id (reference: meta §8.2, subcode 2804001).
 */
export function repair(body: JsonObject, reason: string): JsonObject | null {
  if (reason !== "invalid_fbc") return null;
  const { fbc, fbp, ...user } = body["user_data"] as JsonObject;
  if ((fbc === undefined && fbp === undefined) || isTooLittle(user)) return null;
  return { ...body, user_data: user };
}
