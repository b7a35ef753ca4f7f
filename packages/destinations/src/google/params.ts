/** Parameters of one GA4 event (reference: google §2, §3). */
import type { CanonicalEvent, Commerce, EventName, Item } from "@trakit/core/event.ts";
import {
  compareDecimal,
  currencyDigits,
  type Ratio,
  roundDecimal,
  subtractDecimal,
  toNumber,
} from "@trakit/core/money.ts";
import type { JsonObject, MapContext } from "../destination.ts";
import { contentId, eventValue, inTerms, netUnitNumber, netUnitPrice, termsOf } from "../shared/commerce.ts";
import { cut, orUndefined, searchText } from "../shared/fields.ts";
import { publicUrl } from "@trakit/core/public-url.ts";
import type { GoogleSettings } from "./settings.ts";

const DIGITS = /^\d{1,20}$/;
const MAX_ITEMS = 200;
/** Of the 130 kB a request may have; 200 items with long names would be more and the event would vanish unsaid. */
const MAX_ITEM_BYTES = 100_000;
/** So many items fit whatever is in them: five texts of 100 characters at up to six bytes, and their keys and numbers. */
const SURELY_FITTING = 30;
/** ASCII that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
/** Parameter values are cut by Google at 100 characters, silently. */
const MAX_VALUE = 100;

const VALUED: ReadonlySet<EventName> = new Set([
  "product_viewed",
  "product_added_to_cart",
  "product_removed_from_cart",
  "cart_viewed",
  "checkout_started",
  "checkout_shipping_info_submitted",
  "payment_info_submitted",
  "checkout_completed",
  "order_refunded",
]);

/**
 * `price` is the unit price after discount and `discount` what was taken off a unit, both in the terms of the value:
 * where the value is without tax so are they, and the items add up to the event (up to rounding).
 */
function item(
  source: Item,
  event: CanonicalEvent,
  settings: GoogleSettings,
  terms: Ratio | null,
): JsonObject {
  const { commerce, client } = event;
  // Nothing was taken off, and the value counts the price as it is: no arithmetic is needed.
  const asPriced = terms === null && source.line_discount === "0";
  const digits = currencyDigits(commerce.currency ?? "");
  const net = asPriced ? source.unit_price : netUnitPrice(source, commerce.currency);
  const discount = source.line_discount === "0" ? null : subtractDecimal(source.unit_price, net);
  const id = contentId(source, settings.content_ids, settings.content_country ?? client.country);
  return {
    item_id: orUndefined(cut(id, MAX_VALUE)),
    item_name: orUndefined(cut(source.title, MAX_VALUE)),
    item_brand: orUndefined(cut(source.brand, MAX_VALUE)),
    item_category: orUndefined(cut(source.category, MAX_VALUE)),
    item_variant: orUndefined(cut(source.variant_title, MAX_VALUE)),
    price: asPriced ? netUnitNumber(source, commerce.currency) : toNumber(inTerms(net, terms, digits)),
    quantity: source.quantity,
    discount: discount !== null && compareDecimal(discount, "0") > 0
      ? toNumber(inTerms(discount, terms, digits))
      : undefined,
  };
}

/** Bytes an item takes in the request, or a few more. */
function itemBytes(item: JsonObject): number {
  let bytes = 3;
  for (const key in item) {
    const value = item[key];
    bytes += key.length + 4;
    if (typeof value !== "string") bytes += 24;
    else {bytes += PLAIN.test(value)
        ? value.length + 2
        : new TextEncoder().encode(JSON.stringify(value)).length;}
  }
  return bytes;
}

/** The event's items, as many as fit; Google wants an id or a name on each. */
function items(event: CanonicalEvent, settings: GoogleSettings, terms: Ratio | null): JsonObject[] {
  const fitting: JsonObject[] = [];
  let bytes = 0;
  const counts = event.commerce.items.length > SURELY_FITTING;
  for (const source of event.commerce.items) {
    if (fitting.length === MAX_ITEMS) break;
    const one = item(source, event, settings, terms);
    if (one["item_id"] === undefined && one["item_name"] === undefined) continue;
    if (counts) bytes += itemBytes(one);
    if (bytes > MAX_ITEM_BYTES) break;
    fitting.push(one);
  }
  return fitting;
}

/** A sum the order knows, as a number in major units. */
function amount(text: string | null, commerce: Commerce): number | undefined {
  return text === null || commerce.currency === null
    ? undefined
    : toNumber(roundDecimal(text, currencyDigits(commerce.currency)));
}

/**
 * `params` of the event: numbers for money, at most 25 entries, values within Google's lengths (they are cut there
 * silently). `engagement_time_msec` is what makes the event's user count as active; with `session_id` it joins the
 * visit that gtag opened.
 */
export function params(event: CanonicalEvent, context: MapContext<GoogleSettings>): JsonObject {
  const { commerce, identifiers, name, page } = event;
  const terms = termsOf(context.settings.value, commerce);
  const money = VALUED.has(name) ? eventValue(commerce, context.settings.value, terms) : null;
  const collection = name === "collection_viewed";
  const purchase = name === "checkout_completed";
  const ofOrder = purchase || name === "order_refunded";
  return {
    session_id: DIGITS.test(identifiers.ga_session_id ?? "")
      ? orUndefined(identifiers.ga_session_id)
      : undefined,
    engagement_time_msec: 1,
    page_location: orUndefined(publicUrl(page.url, 1000)),
    page_referrer: orUndefined(publicUrl(page.referrer, 420)),
    page_title: orUndefined(cut(page.title, 300)),
    currency: money?.currency,
    value: money === null ? undefined : toNumber(money.value),
    // Must equal the browser tag's. An empty one would join all purchases into one; event_id is as unique per order.
    transaction_id: ofOrder ? commerce.order_id ?? event.event_id : undefined,
    tax: ofOrder ? amount(commerce.tax, commerce) : undefined,
    shipping: ofOrder ? amount(commerce.shipping, commerce) : undefined,
    customer_type: purchase ? orUndefined(commerce.customer_type) : undefined,
    coupon: VALUED.has(name) ? orUndefined(cut(commerce.coupon, MAX_VALUE)) : undefined,
    shipping_tier: name === "checkout_shipping_info_submitted"
      ? orUndefined(cut(commerce.shipping_tier, MAX_VALUE))
      : undefined,
    payment_type: name === "payment_info_submitted"
      ? orUndefined(cut(commerce.payment_type, MAX_VALUE))
      : undefined,
    // The only way a shop's customers register.
    method: name === "customer_registered" ? "account" : undefined,
    search_term: name === "search_submitted"
      ? orUndefined(searchText(commerce.search_query, MAX_VALUE))
      : undefined,
    item_list_id: collection ? orUndefined(cut(commerce.collection_id, MAX_VALUE)) : undefined,
    item_list_name: collection ? orUndefined(cut(commerce.collection_title, MAX_VALUE)) : undefined,
    items: orUndefined(items(event, context.settings, terms)),
  };
}
