import type { CanonicalEvent, Channel, Client, Item } from "@trakit/core/event.ts";
import { EMPTY_PAGE, emptyCommerce } from "@trakit/core/event.ts";
import { parseConsentAttribute } from "@trakit/core/consent.ts";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import type { Wanted } from "@trakit/core/identity/wanted.ts";
import { type Address, chosenAddress, phonesOf, present } from "./address.ts";
import { hintedIdentifiers, ourAttributes } from "./attributes.ts";
import { issuesOf } from "./fields.ts";
import { orderMoney } from "./order-money.ts";
import { MAX_ITEMS, type Order, orderSchema } from "./order-schema.ts";
import { countryOfRegion } from "./region.ts";
import { isRecord, languageTag } from "./text.ts";
import { landingUrl, referrerUrl } from "./url.ts";

export type DecodedOrder =
  | {
    ok: true;
    event: CanonicalEvent;
    keys: {
      /** The order id, digits. */
      order: string;
    };
    /** What the payload had and the event has not: names of personal fields that have no normal form, `line_items`. */
    dropped: string[];
  }
  | {
    ok: false;
    /** Paths and codes ("line_items.0.price: not_a_decimal"), never values. */
    issues: string[];
  };

const APP_SOURCES = new Set(["iphone", "android"]);

/**
 * Where an order was placed (`source_name`, reference: shopify §5). Unknown sources (sales channels, numeric app ids) are
 * web orders if they went through a checkout.
 */
function channelOf(order: Order): Channel {
  const source = order.source_name?.toLowerCase() ?? "";
  if (source === "web") return "web";
  if (source === "pos") return "pos";
  if (source === "shopify_draft_order") return "draft";
  if (source.startsWith("subscription_contract")) return "subscription";
  if (APP_SOURCES.has(source)) return "app";
  return order.checkout_token === null ? "other" : "web";
}

function clientOf(order: Order, address: Address, attributes: Map<string, unknown>): Client {
  return {
    ip: order.browser_ip ?? order.client_details?.browser_ip ?? null,
    user_agent: order.client_details?.user_agent ?? null,
    language: languageTag(order.client_details?.accept_language) ?? languageTag(order.customer_locale),
    city: address.city,
    region: address.region,
    region_code: address.region_code,
    postal_code: address.postal_code,
    country: address.country,
    policy_country: countryOfRegion(attributes.get("__trk_region")),
  };
}

function digestsOf(order: Order, address: Address, visitorId: string | null, wanted: Wanted | undefined) {
  const { billing_address: billing, shipping_address: shipping, customer } = order;
  return captureDigests({
    emails: present([order.email, order.contact_email, customer?.email]),
    phones: phonesOf([
      { value: order.phone, country: address.country },
      { value: billing?.phone, country: billing?.country },
      { value: shipping?.phone, country: shipping?.country },
      { value: customer?.phone, country: address.country },
    ]),
    first_name: address.first_name ?? customer?.first_name ?? null,
    last_name: address.last_name ?? customer?.last_name ?? null,
    street: address.street,
    city: address.city,
    region: address.region,
    region_code: address.region_code,
    postal_code: address.postal_code,
    country: address.country,
    external_ids: present([customer?.id, visitorId]),
  }, wanted);
}

/**
 * The purchase an order webhook reports, from the payload parsed by `parseJson`. Money is what the buyer saw, where the
 * order says it throughout; clear-text personal data becomes digests here and goes no further. `order_status_url` is
 * never read: it opens the order to whoever has it.
 *
 * @param context.shop verified myshopify domain (`verifyWebhook`), lower case
 * @param context.wanted digests to make; absent = all
 */
export function decodeOrder(payload: unknown, context: { shop: string; wanted?: Wanted }): DecodedOrder {
  const parsed = orderSchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const order = parsed.data;

  const money = orderMoney(order);
  const items: Item[] = [];
  for (const [index, line] of order.line_items.entries()) {
    // Edited away: nothing of it was bought.
    if (line.quantity === 0) continue;
    const unitPrice = money.unitPrice(line);
    if (unitPrice === null) return { ok: false, issues: [`line_items.${index}.price: missing`] };
    items.push({
      product_id: line.product_id,
      variant_id: line.variant_id,
      sku: line.sku,
      title: line.title,
      variant_title: line.variant_title,
      brand: line.vendor,
      category: null,
      quantity: line.quantity,
      unit_price: unitPrice,
      line_discount: money.lineDiscount(line),
    });
  }

  const attributes = ourAttributes(order.note_attributes);
  const identifiers = {
    ...hintedIdentifiers(attributes, order.landing_site, order.occurred_at),
    customer_id: order.customer?.id ?? null,
  };
  const address = chosenAddress([
    order.billing_address,
    order.shipping_address,
    order.customer?.default_address,
  ]);
  const { digests, dropped } = digestsOf(order, address, identifiers.visitor_id, context.wanted);
  const channel = channelOf(order);
  const shipping = order.shipping_lines.find((line) => line.is_removed !== true);
  const cut = isRecord(payload) && Array.isArray(payload.line_items) && payload.line_items.length > MAX_ITEMS;

  return {
    ok: true,
    event: {
      name: "checkout_completed",
      event_id: conversionEventId(
        context.shop,
        "checkout_completed",
        order.checkout_token === null
          ? naturalKey.order(order.id)
          : naturalKey.checkout(order.checkout_token),
      ),
      occurred_at: new Date(order.occurred_at).toISOString(),
      source: "webhook",
      channel,
      test: order.test === true,
      page: {
        ...EMPTY_PAGE,
        // a purchase on the web happened on some page of the shop: without one, TikTok refuses it and Meta takes it for offline
        url: landingUrl(context.shop, order.landing_site) ??
          (channel === "web" ? `https://${context.shop}/` : null),
        referrer: referrerUrl(order.referring_site),
      },
      commerce: {
        ...emptyCommerce(),
        currency: money.currency,
        total: money.amount(order.total_price_set, order.total_price),
        subtotal: money.amount(order.subtotal_price_set, order.subtotal_price),
        tax: money.amount(order.total_tax_set, order.total_tax),
        shipping: money.amount(order.total_shipping_price_set, null),
        discount: money.amount(order.total_discounts_set, order.total_discounts),
        taxes_included: order.taxes_included,
        items,
        order_id: order.id,
        order_name: order.name,
        checkout_token: order.checkout_token,
        cart_token: order.cart_token,
        payment_type: order.payment_gateway_names.find((name) => name !== null) ?? null,
        shipping_tier: shipping?.title ?? null,
        // what is fetched in a store has no address it goes to; whether it is fetched, only the browser says
        delivery_category: channel === "pos"
          ? "in_store"
          : shipping && order.shipping_address
          ? "home_delivery"
          : null,
        coupon: order.discount_codes.find(({ code }) => code !== null)?.code ?? null,
      },
      digests,
      client: clientOf(order, address, attributes),
      identifiers,
      consent: parseConsentAttribute(attributes.get("__trk_consent")),
    },
    keys: { order: order.id },
    dropped: cut ? [...dropped, "line_items"] : dropped,
  };
}
