/**
 * What browsers send: Shopify's web pixel shapes (reference: shopify §4.3), from the pixel as they are or from our theme
 * script, which builds the same. Money is a number there, ids are strings or gids. Unknown keys are ignored.
 */
import { z } from "zod";
import { consentSchema } from "@trakit/core/consent.ts";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { type BrowserField, IDENTIFIER_LIST } from "@trakit/core/identifiers.ts";
import { decimalFrom } from "@trakit/core/money.ts";
import { pixelAddress } from "./address.ts";
import { code, currency, id, listOf, quantity, text, typedWords, whole, words } from "./fields.ts";
import { regionCountry } from "./region.ts";
import { heldToken, isRecord, MAX } from "./text.ts";

/** Events in one request. */
export const MAX_BATCH = 50;
/** Lines, variants or products of one event that become items. */
const MAX_LINES = 500;
const MAX_DISCOUNTS = 250;

const short = words(MAX.short);

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
  sku: code(MAX.short),
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

/** A token browsers send joins orders to them: one that could be guessed counts as none. */
const token = z.unknown().optional().transform(heldToken);

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

const discountApplication = z.object({ type: short, title: typedWords(MAX.short) }).catch({
  type: null,
  title: null,
});

const orderOfCheckout = z.object({
  id,
  customer: z.object({ isFirstOrder: z.unknown().optional() }).nullish().catch(null),
}).nullish().catch(null);

/** Platforms of one event whose browser tag had it, and when (ms). */
const MAX_TAGS = 10;
const PLATFORM = /^[a-z][a-z0-9_]{1,30}$/;

/** `{"meta": <ms>}`; an entry that is none is left out: the event counts without it. */
const firedTags = z.unknown().optional().transform((value): Record<string, number> =>
  isRecord(value)
    ? Object.fromEntries(
      Object.entries(value).filter((entry): entry is [string, number] =>
        PLATFORM.test(entry[0]) && Number.isSafeInteger(entry[1]) && (entry[1] as number) > 0
      ).slice(0, MAX_TAGS),
    )
    : {}
);

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
  delivery: z.object({
    selectedDeliveryOptions: listOf(
      z.object({ title: short, type: short }).catch({ title: null, type: null }),
      MAX_LINES,
    ),
  }).nullish().catch(null),
  transactions: listOf(z.object({ gateway: short }).catch({ gateway: null }), MAX_LINES),
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
  searchResult: z.object({ query: typedWords(MAX.search_query), productVariants: variants }).nullish(),
  cartLine: cartLineSchema.nullish(),
  cart: cart.nullish(),
  checkout: checkout.nullish(),
  customer: customer.nullish(),
}).nullish();

const page = z.object({
  url: z.unknown().optional(),
  referrer: z.unknown().optional(),
  title: words(MAX.page_title),
}).nullish().catch(null);

/** The part of a whole web pixel event's `context` that we read. */
const pixelContext = z.object({
  document: z.object({
    location: z.object({ href: z.unknown().optional() }).nullish().catch(null),
    referrer: z.unknown().optional(),
    title: words(MAX.page_title),
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
  /** Browser tags of the page that were handed this event under this id. */
  tags: firedTags,
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

const FIELDS = IDENTIFIER_LIST.flatMap(({ field }) => field === null ? [] : [field]);

/** Cookies and click ids of the browser, as it has them: of Google Analytics the whole cookies. */
export const visitorSchema = z.object({
  ...Object.fromEntries(FIELDS.map((field) => [field, cookie])) as Record<BrowserField, typeof cookie>,
  /** What `visitor_id` was given with, where the page keeps it: no other host of the domain can. */
  proof: cookie,
  /** A click of which `_fbc` is made. */
  fbclid: cookie,
  /** When `fbclid` was first seen, ms since the epoch. */
  fbclid_at: z.number().nullish().catch(null),
});
export type BrowserVisitor = Partial<z.output<typeof visitorSchema>>;

/** One event as a session signed it: `body` is the very text whose bytes the token covers. */
export const signedEventSchema = z.object({ token: z.string(), body: z.string() });

/** Body of a report: tags that had an event after it was sent. Signed like an event (`openTagReport`). */
export const firedSchema = z.object({
  name: z.enum(EVENT_NAMES),
  event_id: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/),
  platforms: z.array(z.string().regex(PLATFORM)).min(1).max(MAX_TAGS),
  /** ms since the epoch. */
  at: z.number().int().positive(),
});
export type Fired = z.output<typeof firedSchema>;

/** What decides about consent beside the visitor's own word. */
const whereabouts = {
  /** Shopify's `getRegion()`, read as its country. */
  region: regionCountry,
  /** The browser's Global Privacy Control: no sale of data. */
  gpc: z.boolean().nullish().catch(null),
};

/**
 * Body of `POST /event`. Only the frame is checked here: each event, plain or signed, is decoded by itself
 * (`openEvent`, `decodeBrowserEvent`), so that one bad event does not take the others with it.
 */
export const browserBatchSchema = z.object({
  events: z.array(z.unknown()).max(MAX_BATCH),
  visitor: visitorSchema.nullish(),
  consent: consentSchema.nullish(),
  ...whereabouts,
  /** Whole URL of the page; an event names its own. */
  url: z.string().nullish().catch(null),
  user_agent: z.string().nullish().catch(null),
  language: z.string().nullish().catch(null),
  /** Signed reports, each read by itself (`openTagReport`). */
  fired: z.array(z.unknown()).max(MAX_BATCH).nullish(),
}).refine((batch) => batch.events.length > 0 || (batch.fired?.length ?? 0) > 0, { path: ["events"] });
export type BrowserBatch = z.output<typeof browserBatchSchema>;

/** Body of `POST /session`; everything may be left out. */
export const sessionRequestSchema = z.object({
  visitor: visitorSchema.nullish(),
  consent: consentSchema.nullish(),
  ...whereabouts,
  /** Whole URL of the page: a click's id is read from it. */
  url: z.string().nullish().catch(null),
  language: z.string().nullish().catch(null),
  user_agent: z.string().nullish().catch(null),
});
export type SessionRequest = z.output<typeof sessionRequestSchema>;
