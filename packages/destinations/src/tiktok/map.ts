import type { CanonicalEvent, EventName, Item } from "@trakit/core/event.ts";
import { IDENTIFIERS } from "@trakit/core/identifiers.ts";
import { clearFor, digestsBy } from "@trakit/core/identity/field-rules.ts";
import { toNumber } from "@trakit/core/money.ts";
import type { JsonObject, MapContext, Mapped } from "../destination.ts";
import { contentId, eventValue, netUnitNumber, unitCount } from "../shared/commerce.ts";
import { cut, eventTime, isEmpty, orUndefined, searchText } from "../shared/fields.ts";
import { publicIp } from "../shared/ip.ts";
import { eventName } from "../shared/settings.ts";
import { publicUrl } from "@trakit/core/public-url.ts";
import type { TikTokSettings } from "./settings.ts";
import { fields } from "./identity.ts";

/** TikTok documents no limit for web events; after 7 days no attribution window is open (reference: tiktok §2.2). */
export const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Standard names (reference: tiktok §3). `Pageview` is the pixel's own page event and not on the standard list; its
 * spelling here is the one server-side senders use. Refunds have no event: no negative purchase is documented.
 */
export const EVENTS: Partial<Record<EventName, string>> = {
  page_viewed: "Pageview",
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

/** With the setting `custom_events`: for reporting and audiences only. */
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

/** The only currencies TikTok takes (reference: tiktok §2.3). */
const CURRENCIES: ReadonlySet<string> = new Set(
  ("AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK JPY " +
    "KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY TWD " +
    "UAH USD VES VND ZAR").split(" "),
);

/** Keys TikTok finds people by; without one of them nobody can be found (reference: tiktok §9). */
const MATCHING = ["email", "phone", "external_id", "ttclid", "ttp", "ip"] as const;

const LOCALE = /^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$/i;

function userData(event: CanonicalEvent): JsonObject {
  const { client, digests, identifiers } = event;
  return {
    email: digestsBy(fields.email, digests),
    phone: digestsBy(fields.phone, digests),
    external_id: digestsBy(fields.external_id, digests),
    // The rest are single strings.
    first_name: digestsBy(fields.first_name, digests)?.[0],
    last_name: digestsBy(fields.last_name, digests)?.[0],
    zip_code: digestsBy(fields.zip, digests)?.[0],
    city: orUndefined(clearFor(fields, "city", client)),
    state: orUndefined(clearFor(fields, "state", client)),
    country: orUndefined(clearFor(fields, "country", client)),
    ip: orUndefined(publicIp(client.ip)),
    user_agent: orUndefined(cut(client.user_agent, 2000)),
    ttclid: orUndefined(IDENTIFIERS.ttclid.read(identifiers.ttclid)),
    ttp: orUndefined(IDENTIFIERS.ttp.read(identifiers.ttp)),
    locale: orUndefined(LOCALE.test(client.language ?? "") ? client.language : null),
  };
}

/** Whoever paid at a till was not browsing: the keys of the person, none of a device. */
function offlineUser({ digests }: CanonicalEvent): JsonObject {
  return {
    email: digestsBy(fields.email, digests),
    phone: digestsBy(fields.phone, digests),
    external_id: digestsBy(fields.external_id, digests),
  };
}

function content(item: Item, id: string, currency: string | null): JsonObject {
  return {
    // A number here is refused: "Not a valid string".
    content_id: id,
    price: currency === null ? undefined : netUnitNumber(item, currency),
    quantity: item.quantity,
    content_name: orUndefined(cut(item.title, 500)),
    content_category: orUndefined(cut(item.category, 500)),
    brand: orUndefined(cut(item.brand, 500)),
  };
}

function properties(event: CanonicalEvent, { settings }: MapContext<TikTokSettings>): JsonObject {
  const { commerce, name, client } = event;
  // An amount in a currency TikTok does not take would be booked as one in another.
  const currency = commerce.currency !== null && CURRENCIES.has(commerce.currency) ? commerce.currency : null;
  const money = currency !== null && VALUED.has(name) ? eventValue(commerce, settings.value) : null;
  // A collection shows products, not the variants of one: its ids name the groups of the catalogue.
  const form = name === "collection_viewed" ? "product" : settings.content_ids;
  const ids: string[] = [];
  const contents: JsonObject[] = [];
  for (const item of commerce.items) {
    const id = contentId(item, form, settings.content_country ?? client.country);
    if (id === null) continue;
    ids.push(id);
    contents.push(content(item, id, currency));
  }
  const purchase = name === "checkout_completed";
  return {
    value: money === null ? undefined : toNumber(money.value),
    currency: money?.currency,
    contents: orUndefined(contents),
    content_ids: orUndefined(ids),
    content_type: contents.length === 0 ? undefined : form === "product" ? "product_group" : "product",
    num_items: orUndefined(VALUED.has(name) && commerce.items.length > 0 ? unitCount(commerce.items) : null),
    description: orUndefined(name === "collection_viewed" ? cut(commerce.collection_title, 500) : null),
    order_id: orUndefined(purchase || name === "order_refunded" ? commerce.order_id : null),
    search_string: orUndefined(name === "search_submitted" ? searchText(commerce.search_query) : null),
    customer_type: orUndefined(purchase ? commerce.customer_type : null),
  };
}

/**
 * The event for `data[]` of `POST /open_api/v1.3/event/track/` (reference: tiktok §2).
 *
 * Refusals: `no_such_event`, `needs_offline_event_set` (till sales are no web events; TikTok takes them into an Offline
 * Event Set only), `limited_not_offline` (there is no limited data use there), `too_old`, `no_page_url` (required of web events), `too_little_user_data`, `limited_needs_ip`
 * (TikTok decides by the IP address whether limited data use applies).
 */
export function map(event: CanonicalEvent, context: MapContext<TikTokSettings>): Mapped {
  const name = eventName(event.name, EVENTS, CUSTOM_EVENTS, context.settings.custom_events);
  if (name === null) return { ok: false, reason: "no_such_event" };
  const offline = event.channel === "pos";
  if (offline) {
    if (context.settings.offline_event_set === null) return { ok: false, reason: "needs_offline_event_set" };
    // An Offline Event Set takes standard events only, of which Pageview is none, and knows no limited data use.
    if (EVENTS[event.name] === undefined || event.name === "page_viewed") {
      return { ok: false, reason: "no_such_event" };
    }
    if (context.limited) return { ok: false, reason: "limited_not_offline" };
  }
  const time = eventTime(event, context.now, MAX_AGE_MS);
  if (time === null) return { ok: false, reason: "too_old" };
  const url = publicUrl(event.page.url);
  if (url === null && !offline) return { ok: false, reason: "no_page_url" };
  const user = offline ? offlineUser(event) : userData(event);
  if (!MATCHING.some((key) => user[key] !== undefined)) return { ok: false, reason: "too_little_user_data" };
  if (context.limited && user["ip"] === undefined) return { ok: false, reason: "limited_needs_ip" };
  const about = properties(event, context);
  return {
    ok: true,
    body: {
      event: name,
      event_time: Math.floor(time / 1000),
      event_id: event.event_id,
      user,
      page: offline ? undefined : { url: url!, referrer: orUndefined(publicUrl(event.page.referrer)) },
      properties: isEmpty(about) ? undefined : about,
      limited_data_use: offline ? undefined : context.limited,
    },
  };
}
