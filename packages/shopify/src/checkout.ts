import { z } from "zod";
import { parseConsentAttribute } from "@trakit/core/consent.ts";
import type { CanonicalEvent, Commerce, Item } from "@trakit/core/event.ts";
import { EMPTY_CLIENT, EMPTY_PAGE, emptyCommerce } from "@trakit/core/event.ts";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import type { Wanted } from "@trakit/core/identity/wanted.ts";
import { chosenAddress, phonesOf, present, webhookAddress } from "./address.ts";
import { attribute, hintedIdentifiers, ourAttributes } from "./attributes.ts";
import {
  code,
  currency,
  decimal,
  discountSum,
  flag,
  id,
  issuesOf,
  listOf,
  normalAmount,
  quantity,
  text,
  token,
  typedWords,
  whole,
  words,
} from "./fields.ts";
import { countryOfRegion } from "./region.ts";
import { languageTag, MAX, timeOf } from "./text.ts";
import { landingUrl, referrerUrl } from "./url.ts";

/** An update of a checkout that began longer ago than this begins nothing: it was reported, or is older than we are (ms). */
const MAX_UPDATE_AGE_MS = 24 * 60 * 60 * 1000;

const short = words(MAX.short);
const time = z.unknown().optional().transform(timeOf);

const line = z.object({
  product_id: id,
  variant_id: id,
  sku: code(MAX.short),
  title: short,
  variant_title: short,
  vendor: short,
  quantity,
  price: decimal,
  discount_allocations: listOf(z.object({ amount: decimal }), 250),
});

/** What we read of `checkouts/create` and `checkouts/update` (reference: shopify §2.3). Unknown keys are ignored. */
export const checkoutSchema = z.object({
  token,
  cart_token: token,
  created_at: time,
  updated_at: time,
  completed_at: time,
  currency,
  presentment_currency: currency,
  total_price: decimal,
  subtotal_price: decimal,
  total_tax: decimal,
  total_discounts: decimal,
  taxes_included: flag,
  line_items: listOf(line, 500),
  shipping_lines: listOf(z.object({ title: short }).catch({ title: null }), 250),
  discount_codes: listOf(z.object({ code: typedWords(MAX.short) }).catch({ code: null }), 250),
  note_attributes: listOf(attribute, 250),
  landing_site: z.unknown().optional(),
  referring_site: z.unknown().optional(),
  email: whole(MAX.email),
  phone: whole(MAX.phone),
  sms_marketing_phone: whole(MAX.phone),
  customer: z.object({ id, email: whole(MAX.email), phone: whole(MAX.phone) }).nullish().catch(null),
  billing_address: webhookAddress,
  shipping_address: webhookAddress,
  customer_locale: text(MAX.short),
}).transform((checkout, context) => {
  if (checkout.token === null) context.addIssue({ code: "custom", path: ["token"], message: "missing" });
  if (checkout.created_at === null) {
    context.addIssue({ code: "custom", path: ["created_at"], message: "missing" });
  }
  return { ...checkout, token: checkout.token ?? "", created_at: checkout.created_at ?? 0 };
});
type Checkout = z.output<typeof checkoutSchema>;

export type DecodedCheckout =
  | { ok: true; event: CanonicalEvent; dropped: string[] }
  /** Read, and no beginning of a checkout: it is over, or began more than a day before this update. */
  | { ok: true; event: null; reason: "checkout_completed" | "stale_checkout" }
  | { ok: false; issues: string[] };

/**
 * Money of a checkout. Its amounts name no currency of their own, and which of the two they are in where the buyer's is not
 * the shop's is unconfirmed (reference: shopify §2.3 says nothing of it): then no amount is better than a wrong one, and the
 * browser's copy brings the buyer's.
 */
function moneyOf(checkout: Checkout): Partial<Commerce> | null {
  const { presentment_currency: buyers, currency: shops } = checkout;
  if (buyers !== null && shops !== null && buyers !== shops) return {};
  const code = buyers ?? shops;
  const amount = (value: string | null) => value === null ? null : normalAmount(value, code);
  const items: Item[] = [];
  for (const one of checkout.line_items) {
    if (one.quantity === 0) continue;
    if (one.price === null) return null;
    items.push({
      product_id: one.product_id,
      variant_id: one.variant_id,
      sku: one.sku,
      title: one.title,
      variant_title: one.variant_title,
      brand: one.vendor,
      category: null,
      quantity: one.quantity,
      unit_price: normalAmount(one.price, code),
      line_discount: discountSum(one.discount_allocations.map((part) => part.amount ?? "0"), code),
    });
  }
  return {
    currency: code,
    total: amount(checkout.total_price),
    subtotal: amount(checkout.subtotal_price),
    tax: amount(checkout.total_tax),
    discount: amount(checkout.total_discounts),
    taxes_included: checkout.taxes_included,
    items,
  };
}

/**
 * The beginning of a checkout, from either of the two topics: an update that overtook its create begins it as well.
 * Clear-text personal data becomes digests here and goes no further; `abandoned_checkout_url` is never read: it opens the
 * checkout to whoever has it.
 *
 * @param context.shop verified myshopify domain, lower case
 * @param context.wanted digests to make; absent = all
 */
export function decodeCheckout(
  payload: unknown,
  context: { shop: string; wanted?: Wanted },
): DecodedCheckout {
  const parsed = checkoutSchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const checkout = parsed.data;
  if (checkout.completed_at !== null) return { ok: true, event: null, reason: "checkout_completed" };
  if (checkout.updated_at !== null && checkout.updated_at > checkout.created_at + MAX_UPDATE_AGE_MS) {
    return { ok: true, event: null, reason: "stale_checkout" };
  }
  const money = moneyOf(checkout);
  if (money === null) return { ok: false, issues: ["line_items.price: missing"] };

  const attributes = ourAttributes(checkout.note_attributes);
  const identifiers = {
    ...hintedIdentifiers(attributes, checkout.landing_site, checkout.created_at),
    customer_id: checkout.customer?.id ?? null,
  };
  const { billing_address: billing, shipping_address: shipping, customer } = checkout;
  const address = chosenAddress([billing, shipping]);
  const { digests, dropped } = captureDigests({
    emails: present([checkout.email, customer?.email]),
    phones: phonesOf([
      { value: checkout.phone, country: address.country },
      { value: billing?.phone, country: billing?.country },
      { value: shipping?.phone, country: shipping?.country },
      { value: customer?.phone, country: address.country },
      { value: checkout.sms_marketing_phone, country: address.country },
    ]),
    first_name: address.first_name,
    last_name: address.last_name,
    street: address.street,
    city: address.city,
    region: address.region,
    region_code: address.region_code,
    postal_code: address.postal_code,
    country: address.country,
    external_ids: present([customer?.id, identifiers.visitor_id]),
  }, context.wanted);
  return {
    ok: true,
    event: {
      name: "checkout_started",
      event_id: conversionEventId(context.shop, "checkout_started", naturalKey.checkout(checkout.token)),
      occurred_at: new Date(checkout.created_at).toISOString(),
      source: "webhook",
      channel: "web",
      test: false,
      page: {
        ...EMPTY_PAGE,
        url: landingUrl(context.shop, checkout.landing_site) ?? `https://${context.shop}/`,
        referrer: referrerUrl(checkout.referring_site),
      },
      commerce: {
        ...emptyCommerce(),
        ...money,
        checkout_token: checkout.token,
        cart_token: checkout.cart_token,
        shipping_tier: checkout.shipping_lines.find(({ title }) => title !== null)?.title ?? null,
        coupon: checkout.discount_codes.find(({ code }) => code !== null)?.code ?? null,
      },
      digests,
      client: {
        ...EMPTY_CLIENT,
        language: languageTag(checkout.customer_locale),
        city: address.city,
        region: address.region,
        region_code: address.region_code,
        postal_code: address.postal_code,
        country: address.country,
        policy_country: countryOfRegion(attributes.get("__trk_region")),
      },
      identifiers,
      consent: parseConsentAttribute(attributes.get("__trk_consent")),
    },
    dropped,
  };
}
