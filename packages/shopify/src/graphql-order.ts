/**
 * Orders as the Admin GraphQL tells them (2026-10), for reconciliation: Shopify guarantees no webhook. An order becomes the
 * webhook's body as far as `decodeOrder` reads it, so that both ways give the same event.
 */
import { z } from "zod";

/** Lines of an order that come with it; an order of more is asked for the rest (`LINES_QUERY`). */
const LINES = 50;
/** Most a connection gives at a time (Shopify's limit). */
const MORE_LINES = 250;

const MONEY = "{ shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }";
const ADDRESS =
  "{ firstName lastName address1 city province provinceCode zip countryCode: countryCodeV2 phone }";

const LINE_FIELDS = `pageInfo { hasNextPage endCursor } nodes {
        quantity sku title variantTitle vendor product { legacyResourceId } variant { legacyResourceId }
        originalUnitPriceSet ${MONEY} discountAllocations { allocatedAmountSet ${MONEY} }
      }`;

/** The lines after those an order came with. Variables: `id` (`orderGid`), `after`. */
export const LINES_QUERY = `query ($id: ID!, $after: String) {
  order(id: $id) { lineItems(first: ${MORE_LINES}, after: $after) { ${LINE_FIELDS} } }
}`;

/** Shopify's global id of an order, from one of digits. */
export function orderGid(id: string): string {
  return `gid://shopify/Order/${id}`;
}

/** Variables: `first`, `after`, `query` (`updated_at:>='…' updated_at:<='…'`). */
export const ORDERS_QUERY = `query ($first: Int!, $after: String, $query: String!) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes {
      legacyResourceId name test sourceName createdAt processedAt updatedAt displayFinancialStatus checkoutToken cartToken
      currencyCode presentmentCurrencyCode taxesIncluded email phone clientIp customerLocale discountCodes
      paymentGatewayNames shippingLine { title }
      customAttributes { key value }
      totalPriceSet ${MONEY} subtotalPriceSet ${MONEY} totalTaxSet ${MONEY} totalDiscountsSet ${MONEY} totalShippingPriceSet ${MONEY}
      billingAddress ${ADDRESS} shippingAddress ${ADDRESS}
      customer { legacyResourceId firstName lastName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber } }
      lineItems(first: ${LINES}) { ${LINE_FIELDS} }
    }
  }
}`;

type Loose = Record<string, unknown>;
const loose = z.record(z.string(), z.unknown()).nullish().catch(null);
const linesSchema = z.object({
  nodes: z.array(z.record(z.string(), z.unknown())),
  pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullish() }).nullish().catch(null),
});
const linesOf = linesSchema.catch({ nodes: [], pageInfo: null });

const orderNode = z.looseObject({
  legacyResourceId: z.union([z.string(), z.number()]).transform(String).pipe(z.string().regex(/^\d{1,20}$/)),
  updatedAt: z.iso.datetime({ offset: true }),
  processedAt: z.iso.datetime({ offset: true }).nullish(),
  createdAt: z.iso.datetime({ offset: true }),
  displayFinancialStatus: z.string().nullish(),
});

const page = z.object({
  orders: z.object({
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullish() }),
    nodes: z.array(z.unknown()),
  }),
});

export interface FoundOrder {
  /** Digits. */
  id: string;
  updatedAt: string;
  placedAt: string;
  paid: boolean;
  /** Where its further lines begin; null = all are there. */
  moreLines: string | null;
  /** As an order webhook's body. */
  body: Loose;
}

/** An order that has no id or no time, by what there is of it. */
export interface UnreadOrder {
  /** Digits, else its name, else "unknown". */
  id: string;
  /** When it was placed; null = not known. */
  at: string | null;
  /** Paths and codes, never values. */
  reason: string;
}

export type OrdersPage =
  | { ok: true; orders: FoundOrder[]; unreadable: UnreadOrder[]; next: string | null }
  | { ok: false };

function moneySet(set: unknown): unknown {
  const { shopMoney, presentmentMoney } = (loose.parse(set) ?? {}) as {
    shopMoney?: Loose;
    presentmentMoney?: Loose;
  };
  const one = (money: Loose | undefined) =>
    money && { amount: money.amount, currency_code: money.currencyCode };
  return shopMoney || presentmentMoney
    ? { shop_money: one(shopMoney), presentment_money: one(presentmentMoney) }
    : null;
}

function address(value: unknown): unknown {
  const a = loose.parse(value);
  return a && {
    first_name: a.firstName,
    last_name: a.lastName,
    address1: a.address1,
    city: a.city,
    province: a.province,
    province_code: a.provinceCode,
    zip: a.zip,
    country_code: a.countryCode,
    phone: a.phone,
  };
}

function webhookBody(order: Loose): Loose {
  const customer = loose.parse(order.customer);
  const shipping = loose.parse(order.shippingLine);
  const attributes = Array.isArray(order.customAttributes) ? order.customAttributes as Loose[] : [];
  const codes = Array.isArray(order.discountCodes) ? order.discountCodes : [];
  return {
    id: order.legacyResourceId,
    name: order.name,
    test: order.test,
    source_name: order.sourceName,
    created_at: order.createdAt,
    processed_at: order.processedAt,
    updated_at: order.updatedAt,
    checkout_token: order.checkoutToken,
    cart_token: order.cartToken,
    currency: order.currencyCode,
    presentment_currency: order.presentmentCurrencyCode,
    taxes_included: order.taxesIncluded,
    email: order.email,
    phone: order.phone,
    browser_ip: order.clientIp,
    customer_locale: order.customerLocale,
    note_attributes: attributes.map((one) => ({ name: one?.key, value: one?.value })),
    discount_codes: codes.map((code) => ({ code })),
    payment_gateway_names: Array.isArray(order.paymentGatewayNames) ? order.paymentGatewayNames : [],
    // the first that was not removed: the one the decoder would take of a webhook's
    shipping_lines: shipping ? [{ title: shipping.title }] : [],
    total_price_set: moneySet(order.totalPriceSet),
    subtotal_price_set: moneySet(order.subtotalPriceSet),
    total_tax_set: moneySet(order.totalTaxSet),
    total_discounts_set: moneySet(order.totalDiscountsSet),
    total_shipping_price_set: moneySet(order.totalShippingPriceSet),
    billing_address: address(order.billingAddress),
    shipping_address: address(order.shippingAddress),
    customer: customer && {
      id: customer.legacyResourceId,
      first_name: customer.firstName,
      last_name: customer.lastName,
      email: inner(customer.defaultEmailAddress, "emailAddress"),
      phone: inner(customer.defaultPhoneNumber, "phoneNumber"),
    },
    line_items: linesOf.parse(order.lineItems).nodes.map(webhookLine),
  };
}

const inner = (value: unknown, key: string) => loose.parse(value)?.[key] ?? null;

function webhookLine(line: Loose): Loose {
  return {
    product_id: inner(line.product, "legacyResourceId"),
    variant_id: inner(line.variant, "legacyResourceId"),
    sku: line.sku,
    title: line.title,
    variant_title: line.variantTitle,
    vendor: line.vendor,
    quantity: line.quantity,
    price_set: moneySet(line.originalUnitPriceSet),
    discount_allocations: (Array.isArray(line.discountAllocations) ? line.discountAllocations as Loose[] : [])
      .map((one) => ({
        amount_set: moneySet(one?.allocatedAmountSet),
      })),
  };
}

function cursorOf(lines: z.output<typeof linesSchema>): string | null {
  return lines.pageInfo?.hasNextPage ? lines.pageInfo.endCursor ?? null : null;
}

const linesAnswer = z.object({ order: z.object({ lineItems: linesSchema }) });

/** A page of `LINES_QUERY`: lines as in a webhook's body, and where the next begin. Null: it is none. */
export function readLinesPage(data: unknown): { lines: Loose[]; next: string | null } | null {
  const parsed = linesAnswer.safeParse(data);
  if (!parsed.success) return null;
  const { lineItems } = parsed.data.order;
  return { lines: lineItems.nodes.map(webhookLine), next: cursorOf(lineItems) };
}

function unread(node: unknown, error: z.ZodError): UnreadOrder {
  const told = loose.parse(node) ?? {};
  const id = orderNode.shape.legacyResourceId.safeParse(told.legacyResourceId);
  const name = z.string().min(1).max(64).safeParse(told.name);
  const at = orderNode.shape.createdAt.safeParse(told.createdAt);
  return {
    id: id.success ? id.data : name.success ? name.data : "unknown",
    at: at.success ? at.data : null,
    reason: error.issues.map((issue) => `${issue.path.join(".") || "order"}: ${issue.code}`).join(", "),
  };
}

/** Variable `query` of `ORDERS_QUERY` for these orders, by their ids of digits. */
export function byIds(ids: readonly string[]): string {
  return ids.map((id) => `id:${id}`).join(" OR ");
}

/** A page of `ORDERS_QUERY`. Fields without approval are null and simply not known; an order without id or time is named. */
export function readOrdersPage(data: unknown): OrdersPage {
  const parsed = page.safeParse(data);
  if (!parsed.success) return { ok: false };
  const { nodes, pageInfo } = parsed.data.orders;
  const orders: FoundOrder[] = [];
  const unreadable: UnreadOrder[] = [];
  for (const node of nodes) {
    const order = orderNode.safeParse(node);
    if (!order.success) {
      unreadable.push(unread(node, order.error));
      continue;
    }
    const { legacyResourceId: id, updatedAt, processedAt, createdAt, displayFinancialStatus: status } =
      order.data;
    orders.push({
      id,
      updatedAt,
      placedAt: processedAt ?? createdAt,
      moreLines: cursorOf(linesOf.parse(order.data.lineItems)),
      paid: status === "PAID" || status === "PARTIALLY_REFUNDED" || status === "REFUNDED",
      body: webhookBody(order.data),
    });
  }
  return { ok: true, orders, unreadable, next: pageInfo.hasNextPage ? pageInfo.endCursor ?? null : null };
}
