/**
 * What browsers send: Shopify's web pixel shapes (reference: shopify §4.3), from the pixel as they are or from our theme
 * script, which builds the same. Money is a number there, ids are strings or gids. Unknown keys are ignored.
 */
import { z } from "zod";
import { consentSchema } from "@trakit/core/consent.ts";
import { decimalFrom } from "@trakit/core/money.ts";
import { pixelAddress } from "./address.ts";
import { currency, id, listOf, quantity, text, token, whole } from "./fields.ts";
import { MAX } from "./text.ts";

/** Events in one request. */
export const MAX_BATCH = 50;
/** Lines, variants or products of one event that become items. */
const MAX_LINES = 500;
const MAX_DISCOUNTS = 250;

const short = text(MAX.short);

/** A price: whole and not below zero, else the issue `not_a_price`. */
const amount = z.union([z.number(), z.string()]).transform((value, context) => {
  const price = decimalFrom(value);
  if (price !== null && !price.startsWith("-")) return price;
  context.addIssue({ code: "custom", message: "not_a_price" });
  return z.NEVER;
});

const price = z.object({ amount, currencyCode: currency });
const knownPrice = price.nullish();

const product = z.object({ id, title: short, untranslatedTitle: short, type: short, vendor: short }).nullish()
  .catch(null);

export const variantSchema = z.object({
  id,
  sku: short,
  title: short,
  price,
  product,
});

const variants = listOf(variantSchema, MAX_LINES);

export const cartLineSchema = z.object({
  merchandise: variantSchema,
  quantity,
  cost: z.object({ totalAmount: knownPrice }).nullish(),
});

const cart = z.object({
  id: token,
  cost: z.object({ totalAmount: knownPrice }).nullish(),
  lines: listOf(cartLineSchema, MAX_LINES),
});

export const checkoutLineSchema = z.object({
  title: short,
  quantity,
  /** Null for custom items. */
  variant: variantSchema.nullish(),
  finalLinePrice: knownPrice,
  discountAllocations: listOf(z.object({ amount: price }), MAX_DISCOUNTS),
});

const discountApplication = z.object({ type: short, title: short }).catch({ type: null, title: null });

const orderOfCheckout = z.object({
  id,
  customer: z.object({ isFirstOrder: z.unknown().optional() }).nullish().catch(null),
}).nullish().catch(null);

const isoCode = z.object({ isoCode: short }).nullish().catch(null);

const checkout = z.object({
  token,
  currencyCode: currency,
  email: whole(MAX.email),
  phone: whole(MAX.phone),
  smsMarketingPhone: whole(MAX.phone),
  totalPrice: knownPrice,
  subtotalPrice: knownPrice,
  totalTax: knownPrice,
  discountsAmount: knownPrice,
  shippingLine: z.object({ price: knownPrice }).nullish(),
  lineItems: listOf(checkoutLineSchema, MAX_LINES),
  discountApplications: listOf(discountApplication, MAX_DISCOUNTS),
  billingAddress: pixelAddress,
  shippingAddress: pixelAddress,
  localization: z.object({ language: isoCode }).nullish().catch(null),
  order: orderOfCheckout,
});

/** Who registered or left an address: the shape of the pixel's `init.data.customer`. */
const customer = z.object({
  email: whole(MAX.email),
  phone: whole(MAX.phone),
  firstName: whole(MAX.short),
  lastName: whole(MAX.short),
});

const data = z.object({
  productVariant: variantSchema.nullish(),
  collection: z.object({ id, title: short, productVariants: variants }).nullish(),
  searchResult: z.object({ query: text(MAX.search_query), productVariants: variants }).nullish(),
  cartLine: cartLineSchema.nullish(),
  cart: cart.nullish(),
  checkout: checkout.nullish(),
  customer: customer.nullish(),
}).nullish();

const page = z.object({
  url: z.unknown().optional(),
  referrer: z.unknown().optional(),
  title: text(MAX.page_title),
}).nullish().catch(null);

/** The part of a whole web pixel event's `context` that we read. */
const pixelContext = z.object({
  document: z.object({
    location: z.object({ href: z.unknown().optional() }).nullish().catch(null),
    referrer: z.unknown().optional(),
    title: text(MAX.page_title),
  }).nullish().catch(null),
  navigator: z.object({ language: z.unknown().optional(), userAgent: text(MAX.user_agent) }).nullish().catch(
    null,
  ),
}).nullish().catch(null);

/** One event: ours (`page`) or a whole Shopify web pixel event (`context`, `clientId`). `timestamp` is ISO 8601 or ms. */
export const browserEventSchema = z.object({
  name: z.string(),
  id: z.unknown().optional(),
  timestamp: z.union([z.string(), z.number()]),
  page,
  data,
  clientId: z.unknown().optional(),
  context: pixelContext,
});

export type BrowserEvent = z.output<typeof browserEventSchema>;
export type BrowserData = NonNullable<BrowserEvent["data"]>;
export type BrowserCheckout = NonNullable<BrowserData["checkout"]>;
export type Variant = z.output<typeof variantSchema>;
export type CartLine = z.output<typeof cartLineSchema>;
export type CheckoutLine = z.output<typeof checkoutLineSchema>;
export type Price = z.output<typeof price>;

/** A cookie or click id as text; what is none is null, and its shape is checked when an event is made of it. */
const cookie = z.string().max(2048).nullish().catch(null);

/** Cookies and click ids of the browser, as it has them. */
export const visitorSchema = z.object({
  visitor_id: cookie,
  client_id: cookie,
  fbp: cookie,
  fbc: cookie,
  ttp: cookie,
  ttclid: cookie,
  epik: cookie,
  scid: cookie,
  sc_click_id: cookie,
  /** The whole `_ga` cookie. */
  ga: cookie,
  /** The whole `_ga_<stream>` cookie. */
  ga_session: cookie,
  gclid: cookie,
  fbclid: cookie,
  /** When `fbclid` was first seen, ms since the epoch. */
  fbclid_at: z.number().nullish().catch(null),
});
export type BrowserVisitor = Partial<z.output<typeof visitorSchema>>;

/**
 * Body of `POST /event`. Only the frame is checked here: each event is decoded by itself (`decodeBrowserEvent`), so that
 * one bad event does not take the others with it.
 */
export const browserBatchSchema = z.object({
  events: z.array(z.unknown()).min(1).max(MAX_BATCH),
  visitor: visitorSchema.nullish(),
  consent: consentSchema.nullish(),
  user_agent: z.string().nullish().catch(null),
  language: z.string().nullish().catch(null),
});
export type BrowserBatch = z.output<typeof browserBatchSchema>;
