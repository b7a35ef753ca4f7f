import type { CanonicalEvent, EventName } from "@trakit/core/event.ts";
import { normaliseClear } from "@trakit/core/identity/clear.ts";
import type { JsonObject, MapContext, Mapped } from "../destination.ts";
import { cut, eventTime, orUndefined } from "../shared/fields.ts";
import { publicIp } from "../shared/ip.ts";
import { eventName } from "../shared/settings.ts";
import { clientId } from "./client-id.ts";
import { params } from "./params.ts";
import type { GoogleSettings } from "./settings.ts";
import { userData } from "./user-data.ts";

/** Older time stamps are moved to the 72 h mark, which would be a false time (reference: google §2). */
export const MAX_AGE_MS = 72 * 60 * 60 * 1000;

/** Recommended event names (reference: google §3). */
export const EVENTS: Partial<Record<EventName, string>> = {
  page_viewed: "page_view",
  product_viewed: "view_item",
  collection_viewed: "view_item_list",
  search_submitted: "search",
  product_added_to_cart: "add_to_cart",
  product_removed_from_cart: "remove_from_cart",
  cart_viewed: "view_cart",
  checkout_started: "begin_checkout",
  checkout_shipping_info_submitted: "add_shipping_info",
  payment_info_submitted: "add_payment_info",
  checkout_completed: "purchase",
  order_refunded: "refund",
  customer_registered: "sign_up",
  lead_submitted: "generate_lead",
};

/** With the setting `custom_events`: names of ours, within GA4's rules for custom events. */
export const CUSTOM_EVENTS: Partial<Record<EventName, string>> = {
  checkout_contact_info_submitted: "add_contact_info",
  checkout_address_info_submitted: "add_address_info",
};

/** Events that are about items (reference: google §3, required parameters). */
const ABOUT_ITEMS: ReadonlySet<string> = new Set([
  "view_item",
  "view_item_list",
  "add_to_cart",
  "remove_from_cart",
  "view_cart",
  "begin_checkout",
  "add_shipping_info",
  "add_payment_info",
  "purchase",
]);

/** The reason why Google would make nothing of these parameters, or null. */
function missingParameter(name: string, parameters: JsonObject): string | null {
  if (parameters["items"] === undefined && ABOUT_ITEMS.has(name)) return "no_items";
  if (name === "search" && parameters["search_term"] === undefined) return "no_search_term";
  if (parameters["value"] !== undefined || name === "view_item_list") return null;
  return name === "refund" || ABOUT_ITEMS.has(name) ? "no_value" : null;
}

/**
 * Whether Google Ads may use the event. Who decided on analytics alone has not allowed marketing; of whom nothing is known
 * the shop's policy decided before this, and in its limited form the event comes here as limited.
 */
function marketingGranted(consent: CanonicalEvent["consent"]): boolean {
  return consent.marketing ?? consent.analytics !== true;
}

/** Where the event came from, for geography only, where there is no address to tell it by. */
function location({ country, region_code }: CanonicalEvent["client"]): JsonObject | undefined {
  if (country === null) return undefined;
  return { country_id: country, region_id: region_code === null ? undefined : `${country}-${region_code}` };
}

/**
 * A Measurement Protocol body with this one event (reference: google §2); `request` joins bodies of one client.
 * Analytics consent is the caller's to check; this decides what goes along: without marketing consent or in limited mode
 * both consent keys are DENIED and there is no `user_data`.
 *
 * Refusals: `no_such_event`, `too_old` (72 h), `no_client_id`, `no_value` (a purchase without amount or currency counts
 * without revenue), `no_order_id` (a refund that names no purchase), `no_items` and `no_search_term` (a product or search
 * event without what it is about, which Google's Event Builder marks as required).
 */
export function map(event: CanonicalEvent, context: MapContext<GoogleSettings>): Mapped {
  const name = eventName(event.name, EVENTS, CUSTOM_EVENTS, context.settings.custom_events);
  if (name === null) return { ok: false, reason: "no_such_event" };
  const time = eventTime(event, context.now, MAX_AGE_MS);
  if (time === null) return { ok: false, reason: "too_old" };
  const client = clientId(event);
  if (client === null) return { ok: false, reason: "no_client_id" };
  if (name === "refund" && event.commerce.order_id === null) return { ok: false, reason: "no_order_id" };
  const parameters = params(event, context);
  const missing = missingParameter(name, parameters);
  if (missing !== null) return { ok: false, reason: missing };
  const granted = marketingGranted(event.consent) && !context.limited;
  const consent = granted ? "GRANTED" : "DENIED";
  const address = publicIp(event.client.ip);
  return {
    ok: true,
    body: {
      client_id: client,
      user_id: orUndefined(normaliseClear("user_id", event.identifiers.customer_id)),
      ip_override: orUndefined(address),
      user_location: address === null ? location(event.client) : undefined,
      user_agent: orUndefined(cut(event.client.user_agent, 1000)),
      consent: { ad_user_data: consent, ad_personalization: consent },
      user_data: granted ? userData(event) : undefined,
      // On the event, not on the body, so that one client's events of different times fit one request. Microseconds.
      events: [{ name, params: parameters, timestamp_micros: time * 1000 }],
    },
  };
}
