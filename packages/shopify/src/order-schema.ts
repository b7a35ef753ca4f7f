/** What we read of `orders/create`, `orders/paid`, `orders/updated` (reference: shopify §5). Unknown keys are ignored. */
import { z } from "zod";
import { webhookAddress } from "./address.ts";
import { attribute } from "./attributes.ts";
import {
  code,
  currency,
  decimal,
  flag,
  id,
  listOf,
  paid,
  quantity,
  text,
  token,
  typedWords,
  whole,
  words,
} from "./fields.ts";
import { MAX, shopifyId, timeOf } from "./text.ts";

/** Lines that become items; the totals are the order's own. Shopify itself allows 500. */
export const MAX_ITEMS = 500;
const MAX_ATTRIBUTES = 250;
const MAX_DISCOUNTS = 250;

const short = words(MAX.short);

const money = z.object({ amount: decimal, currency_code: currency }).nullish();

const paidMoney = z.object({ amount: paid, currency_code: currency }).nullish();
const paidSet = z.object({ shop_money: paidMoney, presentment_money: paidMoney }).nullish();

/** An amount in the shop's currency and in the buyer's. */
const moneySet = z.object({ shop_money: money, presentment_money: money }).nullish();

const discountAllocation = z.object({ amount: decimal, amount_set: moneySet });

const lineItem = z.object({
  product_id: id,
  variant_id: id,
  sku: code(MAX.short),
  title: short,
  variant_title: short,
  vendor: short,
  quantity,
  price: paid,
  price_set: paidSet,
  discount_allocations: listOf(discountAllocation, MAX_DISCOUNTS),
});

const customer = z.object({
  id,
  email: whole(MAX.email),
  phone: whole(MAX.phone),
  first_name: whole(MAX.short),
  last_name: whole(MAX.short),
  default_address: webhookAddress,
}).nullish().catch(null);

const clientDetails = z.object({
  browser_ip: code(45),
  user_agent: text(MAX.user_agent),
  accept_language: text(MAX.short),
}).nullish().catch(null);

export const orderSchema = z.object({
  id: z.unknown().optional(),
  admin_graphql_api_id: z.unknown().optional(),
  name: code(MAX.short),
  test: flag,
  source_name: text(MAX.short),
  created_at: z.unknown().optional().transform(timeOf),
  processed_at: z.unknown().optional().transform(timeOf),
  cart_token: token,
  checkout_token: token,
  currency,
  presentment_currency: currency,
  // an order below zero is none: kept to be looked at, not sent as a purchase
  total_price: paid,
  total_price_set: paidSet,
  subtotal_price: decimal,
  subtotal_price_set: moneySet,
  total_tax: decimal,
  total_tax_set: moneySet,
  total_discounts: decimal,
  total_discounts_set: moneySet,
  total_shipping_price_set: moneySet,
  taxes_included: flag,
  line_items: listOf(lineItem, MAX_ITEMS),
  payment_gateway_names: listOf(short, MAX_DISCOUNTS),
  shipping_lines: listOf(
    z.object({ title: short, is_removed: flag }).catch({ title: null, is_removed: null }),
    MAX_DISCOUNTS,
  ),
  discount_codes: listOf(z.object({ code: typedWords(MAX.short) }).catch({ code: null }), MAX_DISCOUNTS),
  note_attributes: listOf(attribute, MAX_ATTRIBUTES),
  landing_site: z.unknown().optional(),
  referring_site: z.unknown().optional(),
  email: whole(MAX.email),
  contact_email: whole(MAX.email),
  phone: whole(MAX.phone),
  customer,
  billing_address: webhookAddress,
  shipping_address: webhookAddress,
  browser_ip: code(45),
  client_details: clientDetails,
  customer_locale: text(MAX.short),
}).transform((order, context) => {
  // A number beyond 2^53 was rounded before it came here; the gid is a string and still exact.
  const orderId = shopifyId(order.id) ?? shopifyId(order.admin_graphql_api_id);
  const occurredAt = order.processed_at ?? order.created_at;
  if (orderId === null) context.addIssue({ code: "custom", path: ["id"], message: "missing" });
  if (occurredAt === null) context.addIssue({ code: "custom", path: ["processed_at"], message: "missing" });
  return { ...order, id: orderId ?? "", occurred_at: occurredAt ?? 0 };
});

export type Order = z.output<typeof orderSchema>;
export type OrderLine = Order["line_items"][number];
export type MoneySet = z.output<typeof moneySet>;
