import type { CanonicalEvent, Commerce, EventName, Item } from "@trakit/core/event.ts";
import { IDENTIFIERS } from "@trakit/core/identifiers.ts";
import { digestsBy } from "@trakit/core/identity/field-rules.ts";
import { toNumber } from "@trakit/core/money.ts";
import type { JsonObject, MapContext, Mapped } from "../destination.ts";
import { contentId, eventValue, lifetimeValue, netUnitPrice, unitCount } from "../shared/commerce.ts";
import { cut, eventTime, isEmpty, orUndefined, searchText } from "../shared/fields.ts";
import { publicIp } from "../shared/ip.ts";
import { eventName } from "../shared/settings.ts";
import { publicUrl } from "@trakit/core/public-url.ts";
import type { SnapchatSettings } from "./settings.ts";
import { fields } from "./identity.ts";

/** Snap says 37 days, other senders 28 and 7; the shortest is safe (reference: snapchat §1). */
export const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/** Standard names, upper case (reference: snapchat §3). */
export const EVENTS: Partial<Record<EventName, string>> = {
  page_viewed: "PAGE_VIEW",
  product_viewed: "VIEW_CONTENT",
  collection_viewed: "LIST_VIEW",
  search_submitted: "SEARCH",
  product_added_to_cart: "ADD_CART",
  checkout_started: "START_CHECKOUT",
  payment_info_submitted: "ADD_BILLING",
  checkout_completed: "PURCHASE",
  customer_registered: "SIGN_UP",
  lead_submitted: "SIGN_UP",
};

/**
 * With the setting `custom_events`: Snap has five numbered custom events; which is which is fixed here. The two steps in
 * which a buyer says who and where they are share the last one.
 */
export const CUSTOM_EVENTS: Partial<Record<EventName, string>> = {
  product_removed_from_cart: "CUSTOM_EVENT_1",
  cart_viewed: "CUSTOM_EVENT_2",
  checkout_shipping_info_submitted: "CUSTOM_EVENT_3",
  order_refunded: "CUSTOM_EVENT_4",
  checkout_contact_info_submitted: "CUSTOM_EVENT_5",
  checkout_address_info_submitted: "CUSTOM_EVENT_5",
};

/** Events with something bought, about to be or given back; a list of products on a page is worth nothing. */
const VALUED: ReadonlySet<EventName> = new Set([
  "product_viewed",
  "product_added_to_cart",
  "checkout_started",
  "payment_info_submitted",
  "checkout_completed",
  "product_removed_from_cart",
  "cart_viewed",
  "checkout_contact_info_submitted",
  "checkout_address_info_submitted",
  "checkout_shipping_info_submitted",
  "order_refunded",
]);

function userData(event: CanonicalEvent): JsonObject {
  const { digests } = event;
  return {
    // SHA-256 list fields of `user_data` (reference: snapchat §2.2; `db` is not in Snap's own SDK).
    em: digestsBy(fields.email, digests),
    ph: digestsBy(fields.phone, digests),
    fn: digestsBy(fields.first_name, digests),
    ln: digestsBy(fields.last_name, digests),
    ge: digestsBy(fields.gender, digests),
    ct: digestsBy(fields.city, digests),
    st: digestsBy(fields.state, digests),
    zp: digestsBy(fields.zip, digests),
    country: digestsBy(fields.country, digests),
    // One string, not a list: so Snap's own SDK has it.
    external_id: digestsBy(fields.external_id, digests)?.[0],
    client_ip_address: orUndefined(publicIp(event.client.ip)),
    client_user_agent: orUndefined(cut(event.client.user_agent, 2000)),
    sc_click_id: orUndefined(IDENTIFIERS.sc_click_id.read(event.identifiers.sc_click_id)),
    sc_cookie1: orUndefined(IDENTIFIERS.scid.read(event.identifiers.scid)),
  };
}

function content(item: Item, id: string | null, brand: string | null, commerce: Commerce): JsonObject {
  return {
    id: orUndefined(id),
    // Strings, both: so Snap's own SDK has them.
    quantity: String(item.quantity),
    item_price: netUnitPrice(item, commerce.currency),
    brand: orUndefined(brand),
    delivery_category: orUndefined(commerce.delivery_category),
  };
}

function customData(event: CanonicalEvent, context: MapContext<SnapchatSettings>): JsonObject {
  const { commerce, name } = event;
  const money = VALUED.has(name) ? eventValue(commerce, context.settings.value) : null;
  const { content_ids: form, content_country: country } = context.settings;
  const ids: string[] = [];
  const contents: JsonObject[] = [];
  const brands: string[] = [];
  for (const item of commerce.items) {
    const id = contentId(item, form, country ?? event.client.country);
    const brand = cut(item.brand, 500);
    if (id !== null) ids.push(id);
    if (brand !== null && !brands.includes(brand)) brands.push(brand);
    contents.push(content(item, id, brand, commerce));
  }
  const ltv = lifetimeValue(event);
  const only = commerce.items.length === 1 ? commerce.items[0] : undefined;
  const collection = name === "collection_viewed";
  const ofOrder = name === "checkout_completed" || name === "order_refunded";
  return {
    value: money === null ? undefined : toNumber(money.value),
    currency: money?.currency,
    // The shop's own pixel sends Shopify's order id as transaction_id; event_id carries our id for the other pairing.
    order_id: orUndefined(ofOrder ? commerce.order_id : null),
    content_ids: orUndefined(ids),
    contents: orUndefined(contents),
    content_type: contents.length > 0 ? "product" : undefined,
    num_items: commerce.items.length > 0 ? unitCount(commerce.items) : undefined,
    content_name: orUndefined(cut(collection ? commerce.collection_title : only?.title ?? null, 500)),
    content_category: orUndefined(cut(collection ? commerce.collection_title : only?.category ?? null, 500)),
    brands: orUndefined(brands.join(",")),
    delivery_category: orUndefined(commerce.delivery_category),
    // Both are SIGN_UP there.
    sign_up_method: name === "customer_registered"
      ? "account"
      : name === "lead_submitted"
      ? "newsletter"
      : undefined,
    search_string: orUndefined(name === "search_submitted" ? searchText(commerce.search_query) : null),
    predicted_ltv: ltv === null ? undefined : toNumber(ltv),
  };
}

/**
 * Limited Data Use (reference: snapchat §7): 1 and 1000 say California, the only state with a number; 0 and 0 let Snap find
 * both by the IP address. Null where an American's state could not be found either way: unconfirmed what Snap does then, so
 * the event is not sent. A buyer known to live elsewhere needs neither.
 */
function limitedOptions(event: CanonicalEvent, user: JsonObject): JsonObject | null {
  const { country, region_code: region } = event.client;
  const california = country === "US" && region?.toUpperCase() === "CA";
  const elsewhere = country !== null && country !== "US";
  if (!california && !elsewhere && user["client_ip_address"] === undefined) return null;
  return {
    data_processing_options: ["LDU"],
    data_processing_options_country: california ? 1 : 0,
    data_processing_options_state: california ? 1000 : 0,
  };
}

/**
 * The event for `data[]` of `POST /v3/{pixel}/events` (reference: snapchat §2), written key by key.
 *
 * Refusals: `no_such_event`, `too_old`, `no_page_url` (required of WEB events), `too_little_user_data` (neither email nor
 * phone nor IP with user agent), `no_value` (a PURCHASE needs value and currency; a value of 0 is one) and
 * `limited_needs_region` (Snap finds the state whose law applies by the IP address, or is told it).
 */
export function map(event: CanonicalEvent, context: MapContext<SnapchatSettings>): Mapped {
  const name = eventName(event.name, EVENTS, CUSTOM_EVENTS, context.settings.custom_events);
  if (name === null) return { ok: false, reason: "no_such_event" };
  const time = eventTime(event, context.now, MAX_AGE_MS);
  if (time === null) return { ok: false, reason: "too_old" };
  const till = event.channel === "pos";
  const url = publicUrl(event.page.url);
  if (url === null && !till) return { ok: false, reason: "no_page_url" };
  const user = userData(event);
  if (!user["em"] && !user["ph"] && !(user["client_ip_address"] && user["client_user_agent"])) {
    return { ok: false, reason: "too_little_user_data" };
  }
  const custom = customData(event, context);
  if (event.name === "checkout_completed" && custom["value"] === undefined) {
    return { ok: false, reason: "no_value" };
  }
  const options = context.limited ? limitedOptions(event, user) : undefined;
  if (options === null) return { ok: false, reason: "limited_needs_region" };
  const body: JsonObject = {
    event_name: name,
    // MOBILE_APP needs 16 details of the device, which a shop does not have.
    action_source: till ? "OFFLINE" : "WEB",
    // Seconds: milliseconds pass for WEB and are refused for OFFLINE.
    event_time: Math.floor(time / 1000),
    event_source_url: orUndefined(url),
    event_id: event.event_id,
    user_data: user,
    custom_data: isEmpty(custom) ? undefined : custom,
    integration: "trakit",
  };
  return { ok: true, body: options === undefined ? body : { ...body, ...options } };
}
