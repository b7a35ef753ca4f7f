/** `refunds/create` (reference: shopify §2.3). Unknown keys are ignored. */
import { z } from "zod";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import {
  type CanonicalEvent,
  EMPTY_CLIENT,
  EMPTY_IDENTIFIERS,
  EMPTY_PAGE,
  emptyCommerce,
  type Item,
  UNKNOWN_CONSENT,
} from "@trakit/core/event.ts";
import { addDecimal, compareDecimal, multiplyDecimal, subtractDecimal } from "@trakit/core/money.ts";
import {
  code,
  currency,
  decimal,
  id,
  issuesOf,
  listOf,
  normalAmount,
  quantity,
  text,
  words,
} from "./fields.ts";
import { MAX_ITEMS, type MoneySet } from "./order-schema.ts";
import { MAX, shopifyId, timeOf } from "./text.ts";

const MAX_TRANSACTIONS = 100;
const short = words(MAX.short);
const money = z.object({ amount: decimal, currency_code: currency }).nullish();
const moneySet = z.object({ shop_money: money, presentment_money: money }).nullish();

const refundLine = z.object({
  quantity,
  subtotal_set: moneySet,
  total_tax_set: moneySet,
  line_item: z.object({
    product_id: id,
    variant_id: id,
    sku: code(MAX.short),
    title: short,
    variant_title: short,
    vendor: short,
    price_set: moneySet,
  }).nullish().catch(null),
});

const transaction = z.object({ kind: text(MAX.short), status: text(MAX.short), amount: decimal, currency });

export const refundSchema = z.object({
  id: z.unknown().optional(),
  admin_graphql_api_id: z.unknown().optional(),
  order_id: id,
  created_at: z.unknown().optional().transform(timeOf),
  processed_at: z.unknown().optional().transform(timeOf),
  refund_line_items: listOf(refundLine, MAX_ITEMS),
  transactions: listOf(transaction, MAX_TRANSACTIONS),
}).transform((refund, context) => {
  const refundId = shopifyId(refund.id) ?? shopifyId(refund.admin_graphql_api_id);
  const occurredAt = refund.processed_at ?? refund.created_at;
  if (refundId === null) context.addIssue({ code: "custom", path: ["id"], message: "missing" });
  if (refund.order_id === null) context.addIssue({ code: "custom", path: ["order_id"], message: "missing" });
  if (occurredAt === null) context.addIssue({ code: "custom", path: ["processed_at"], message: "missing" });
  return { ...refund, id: refundId ?? "", occurred_at: occurredAt ?? 0 };
});

export type DecodedRefund =
  | { ok: true; event: CanonicalEvent }
  /** A refund record without money going back: a restock, an exchange. */
  | { ok: true; event: null }
  | { ok: false; issues: string[] };

/** The amount of a set in one currency, whichever of its two that is. */
function amountIn(set: MoneySet, code: string): string | null {
  for (const one of [set?.presentment_money, set?.shop_money]) {
    if (one?.currency_code === code && one.amount !== null) return one.amount;
  }
  return null;
}

/**
 * The refund a webhook reports, from the payload parsed by `parseJson`. Worth what the transactions give back (success,
 * and pending, which no second webhook follows), in their currency; lines only where they are told in that currency too.
 * Whose refund it is, their consent and the order's channel are not in it: ingest takes them from the order. Until then
 * its channel is `other`, which shops do not send: a refund of a purchase we never captured would only subtract.
 *
 * @param context.shop verified myshopify domain (`verifyWebhook`), lower case
 */
export function decodeRefund(payload: unknown, context: { shop: string }): DecodedRefund {
  const parsed = refundSchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const refund = parsed.data;
  const paid = refund.transactions.filter((one) =>
    one.kind === "refund" && (one.status === "success" || one.status === "pending") && one.amount !== null &&
    one.currency !== null
  );
  const code = paid[0]?.currency ?? null;
  const total = paid.filter((one) => one.currency === code).map((one) => one.amount!).reduce(addDecimal, "0");
  if (code === null || compareDecimal(total, "0") <= 0) return { ok: true, event: null };

  const items: Item[] = [];
  let [subtotal, tax] = ["0", "0"];
  let complete = true;
  for (const line of refund.refund_line_items) {
    if (line.quantity === 0) continue;
    const price = amountIn(line.line_item?.price_set, code);
    const net = amountIn(line.subtotal_set, code);
    if (!line.line_item || price === null || net === null) {
      complete = false;
      continue;
    }
    const { price_set: _, vendor, ...described } = line.line_item;
    const discount = subtractDecimal(multiplyDecimal(price, line.quantity), net);
    subtotal = addDecimal(subtotal, net);
    tax = addDecimal(tax, amountIn(line.total_tax_set, code) ?? "0");
    items.push({
      ...described,
      brand: vendor,
      category: null,
      quantity: line.quantity,
      unit_price: normalAmount(price, code),
      line_discount: compareDecimal(discount, "0") > 0 ? normalAmount(discount, code) : "0",
    });
  }
  const told = complete && items.length > 0;

  return {
    ok: true,
    event: {
      name: "order_refunded",
      event_id: conversionEventId(context.shop, "order_refunded", naturalKey.refund(refund.id)),
      occurred_at: new Date(refund.occurred_at).toISOString(),
      source: "webhook",
      channel: "other",
      test: false,
      page: EMPTY_PAGE,
      commerce: {
        ...emptyCommerce(),
        currency: code,
        total: normalAmount(total, code),
        subtotal: told ? normalAmount(subtotal, code) : null,
        tax: told ? normalAmount(tax, code) : null,
        items: told ? items : [],
        order_id: refund.order_id,
      },
      digests: {},
      client: EMPTY_CLIENT,
      identifiers: EMPTY_IDENTIFIERS,
      consent: { ...UNKNOWN_CONSENT },
    },
  };
}
