/** One consistent currency for all amounts of an order. */
import { discountSum, normalAmount } from "./fields.ts";
import type { MoneySet, Order, OrderLine } from "./order-schema.ts";

export interface OrderMoney {
  /** ISO 4217; null only when the order names none. */
  currency: string | null;
  /** An amount of the order from its two-currency form or, where that is missing, its plain form (shop currency). */
  amount(set: MoneySet, plain: string | null): string | null;
  /** Price of one unit before discounts; null when the line has none in this currency. */
  unitPrice(line: OrderLine): string | null;
  /** Σ of the discounts allocated to the line, "0" when none. */
  lineDiscount(line: OrderLine): string;
}

function readerOf(
  currency: string | null,
  pick: (set: MoneySet, plain: string | null) => string | null,
): OrderMoney {
  const amount = (set: MoneySet, plain: string | null) => {
    const found = pick(set, plain);
    return found === null ? null : normalAmount(found, currency);
  };
  return {
    currency,
    amount,
    unitPrice: (line) => amount(line.price_set, line.price),
    lineDiscount: (line) =>
      discountSum(line.discount_allocations.map((one) => pick(one.amount_set, one.amount) ?? "0"), currency),
  };
}

/**
 * What the buyer saw (presentment) where the order has it throughout, because that is what the browser reports too;
 * otherwise the shop's currency throughout. Amounts of the two are never mixed (reference: shopify §5).
 */
export function orderMoney(order: Order): OrderMoney {
  const shopCurrency = order.currency ?? order.total_price_set?.shop_money?.currency_code ?? null;
  const total = order.total_price_set?.presentment_money;
  const buyerCurrency = total?.currency_code ?? order.presentment_currency;
  const presentment = (set: MoneySet) => set?.presentment_money?.amount ?? null;

  if (buyerCurrency !== null && buyerCurrency === shopCurrency) {
    return readerOf(buyerCurrency, (set, plain) => presentment(set) ?? set?.shop_money?.amount ?? plain);
  }
  const complete = (total?.amount ?? null) !== null &&
    order.line_items.every((line) =>
      presentment(line.price_set) !== null &&
      line.discount_allocations.every((one) => presentment(one.amount_set) !== null)
    );
  if (buyerCurrency !== null && complete) return readerOf(buyerCurrency, presentment);
  return readerOf(shopCurrency, (set, plain) => set?.shop_money?.amount ?? plain);
}
