import type { CanonicalEvent, EventName, Item } from "@trakit/core/event.ts";
import { IDENTIFIERS } from "@trakit/core/identifiers.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { digestsBy } from "@trakit/core/identity/field-rules.ts";
import type { JsonObject, MapContext, Mapped } from "../destination.ts";
import { contentId, eventValue, lifetimeValue, unitCount } from "../shared/commerce.ts";
import { cut, eventTime, isEmpty, orUndefined, searchText } from "../shared/fields.ts";
import { publicIp } from "../shared/ip.ts";
import { eventName } from "../shared/settings.ts";
import { publicUrl } from "@trakit/core/public-url.ts";
import type { PinterestSettings } from "./settings.ts";
import { fields } from "./identity.ts";

/** "At most 7 days" (reference: pinterest §1; the API itself answers "Given timestamp is in the past"). */
export const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/** Standard names (reference: pinterest §3). There is none for refunds: no cancelling call is documented. */
export const EVENTS: Partial<Record<EventName, string>> = {
  page_viewed: "page_visit",
  product_viewed: "view_content",
  collection_viewed: "view_category",
  search_submitted: "search",
  product_added_to_cart: "add_to_cart",
  checkout_started: "initiate_checkout",
  payment_info_submitted: "add_payment_info",
  checkout_completed: "checkout",
  customer_registered: "signup",
  lead_submitted: "lead",
};

/** With the setting `custom_events`. Pinterest has one name for all of them, so a list of one event is the usual choice. */
export const CUSTOM_EVENTS: Partial<Record<EventName, string>> = {
  product_removed_from_cart: "custom",
  cart_viewed: "custom",
  checkout_contact_info_submitted: "custom",
  checkout_address_info_submitted: "custom",
  checkout_shipping_info_submitted: "custom",
  order_refunded: "custom",
};

/**
 * Events with something bought or about to be; a list of products on a page is worth nothing. A refund goes without its
 * amount: under a name shared with other events it would be read as revenue.
 */
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
]);

/** The shop's own ids, and the browser's `_pin_unauth` hashed, as the vendor's own plugins send it (reference: pinterest §4). */
function externalIds({ digests, identifiers }: CanonicalEvent): string[] | undefined {
  const own = digestsBy(fields.external_id, digests);
  const browser = IDENTIFIERS.pin_unauth.read(identifiers.pin_unauth);
  return browser === null ? own : [...own ?? [], sha256Hex(browser)];
}

function userData(event: CanonicalEvent): JsonObject {
  const { digests } = event;
  return {
    // SHA-256 fields of `user_data`, all arrays (reference: pinterest §2.2).
    em: digestsBy(fields.email, digests),
    ph: digestsBy(fields.phone, digests),
    fn: digestsBy(fields.first_name, digests),
    ln: digestsBy(fields.last_name, digests),
    ge: digestsBy(fields.gender, digests),
    db: digestsBy(fields.date_of_birth, digests),
    ct: digestsBy(fields.city, digests),
    st: digestsBy(fields.state, digests),
    zp: digestsBy(fields.zip, digests),
    country: digestsBy(fields.country, digests),
    external_id: externalIds(event),
    client_ip_address: orUndefined(publicIp(event.client.ip)),
    client_user_agent: orUndefined(cut(event.client.user_agent, 2000)),
    click_id: orUndefined(IDENTIFIERS.epik.read(event.identifiers.epik)),
  };
}

function content(item: Item, id: string | null): JsonObject {
  return {
    id: orUndefined(id),
    // A string, and the price before discounts: both as Pinterest's schema has them.
    item_price: item.unit_price,
    quantity: item.quantity,
    item_name: orUndefined(cut(item.title, 500)),
    item_category: orUndefined(cut(item.category, 500)),
    item_brand: orUndefined(cut(item.brand, 500)),
  };
}

function customData(event: CanonicalEvent, context: MapContext<PinterestSettings>): JsonObject {
  const { commerce, name, client } = event;
  const money = VALUED.has(name) ? eventValue(commerce, context.settings.value) : null;
  const ids: string[] = [];
  const contents: JsonObject[] = [];
  for (const item of commerce.items) {
    const id = contentId(
      item,
      context.settings.content_ids,
      context.settings.content_country ?? client.country,
    );
    if (id !== null) ids.push(id);
    contents.push(content(item, id));
  }
  const only = commerce.items.length === 1 ? commerce.items[0] : undefined;
  const collection = name === "collection_viewed";
  return {
    value: orUndefined(money?.value),
    currency: orUndefined(money?.currency),
    order_id: orUndefined(
      name === "checkout_completed" || name === "order_refunded" ? commerce.order_id : null,
    ),
    content_ids: orUndefined(ids),
    contents: orUndefined(contents),
    num_items: commerce.items.length > 0 ? unitCount(commerce.items) : undefined,
    search_string: orUndefined(name === "search_submitted" ? searchText(commerce.search_query) : null),
    content_name: orUndefined(cut(collection ? commerce.collection_title : only?.title ?? null, 500)),
    content_category: orUndefined(cut(collection ? commerce.collection_title : only?.category ?? null, 500)),
    content_brand: orUndefined(cut(only?.brand ?? null, 500)),
    opt_out_type: context.limited ? "LDP" : undefined,
    predicted_ltv: orUndefined(lifetimeValue(event)),
  };
}

/** ISO 639-1, two letters; a three-letter language has no code there and is left out. */
function language(tag: string | null): string | null {
  return /^([a-z]{2})(?:[-_]|$)/i.exec(tag ?? "")?.[1]?.toLowerCase() ?? null;
}

/**
 * The event for `data[]` of `POST /v5/ad_accounts/{id}/events` (reference: pinterest §2). The schema is closed: one
 * unknown key makes the API refuse the whole request, so the body is written key by key and nothing is passed through.
 *
 * Refusals: `no_such_event`, `too_old`, `too_little_user_data` (neither an email nor IP with user agent; a phone alone
 * is not enough) and `limited_needs_region` (Limited Data Processing works only with hashed state and country; sending
 * without it would not limit anything).
 */
export function map(event: CanonicalEvent, context: MapContext<PinterestSettings>): Mapped {
  const name = eventName(event.name, EVENTS, CUSTOM_EVENTS, context.settings.custom_events);
  if (name === null) return { ok: false, reason: "no_such_event" };
  const time = eventTime(event, context.now, MAX_AGE_MS);
  if (time === null) return { ok: false, reason: "too_old" };
  const user = userData(event);
  if (!user["em"] && !(user["client_ip_address"] && user["client_user_agent"])) {
    return { ok: false, reason: "too_little_user_data" };
  }
  if (context.limited && !(user["st"] && user["country"])) {
    return { ok: false, reason: "limited_needs_region" };
  }
  const custom = customData(event, context);
  return {
    ok: true,
    body: {
      event_name: name,
      // An app sends to Pinterest as an app only with the device's own details, which a shop does not have.
      action_source: event.channel === "pos" ? "offline" : "web",
      event_time: Math.floor(time / 1000),
      event_id: event.event_id,
      event_source_url: orUndefined(publicUrl(event.page.url)),
      // Said explicitly: who opted out is not sent at all, and other senders default to true.
      opt_out: false,
      partner_name: "ss-trakit",
      user_data: user,
      custom_data: isEmpty(custom) ? undefined : custom,
      language: orUndefined(language(event.client.language)),
    },
  };
}
