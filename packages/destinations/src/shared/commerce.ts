/** Money and item rules every destination shares. Amounts are decimal strings in major units. */
import type { CanonicalEvent, Commerce, Item } from "@trakit/core/event.ts";
import {
  addDecimal,
  compareDecimal,
  currencyDigits,
  inRatio,
  multiplyDecimal,
  type Ratio,
  ratioOf,
  roundDecimal,
  subtractDecimal,
  unitAfter,
  unitNumberAfter,
} from "@trakit/core/money.ts";
import type { ContentIdForm, ValueRule } from "../destination.ts";

/** Net price of a whole line: unit price × quantity − line discount. */
function netLine(item: Item): string {
  return notBelowZero(subtractDecimal(multiplyDecimal(item.unit_price, item.quantity), item.line_discount));
}

function sumOfItems(items: Item[]): string | null {
  if (items.length === 0) return null;
  return items.map(netLine).reduce(addDecimal);
}

/** What the order's tax is divided over: items and shipping. Null where they are worth nothing. */
function taxedSum(commerce: Commerce): string | null {
  const items = commerce.subtotal ?? sumOfItems(commerce.items) ?? "0";
  const taxed = commerce.shipping === null ? items : addDecimal(items, commerce.shipping);
  return compareDecimal(taxed, "0") <= 0 ? null : taxed;
}

/** No vendor takes a negative amount; one comes only of sums that contradict each other. */
function notBelowZero(amount: string): string {
  return amount.startsWith("-") && compareDecimal(amount, "0") < 0 ? "0" : amount;
}

/**
 * The terms of a value rule, what an event's item amounts are multiplied by to be in them; null = nothing to do: without or with tax, so that items add up to the value. Read once an event.
 *
 * Shopify gives one tax sum for items and shipping, and where prices include tax both `subtotal` and `shipping` contain
 * theirs, so it is divided in proportion to the amounts: exact where goods and shipping have one rate (the usual case),
 * otherwise off by the difference of the rates on shipping.
 */
export function termsOf(rule: ValueRule, commerce: Commerce): Ratio | null {
  const without = rule === "items_without_tax" || rule === "total_without_tax";
  if (commerce.tax === null || commerce.taxes_included !== without) return null;
  if (!without && rule !== "items_with_tax") return null;
  const whole = taxedSum(commerce);
  if (whole === null) return null;
  const part = without ? subtractDecimal(whole, commerce.tax) : addDecimal(whole, commerce.tax);
  return ratioOf(notBelowZero(part), whole);
}

/** An amount of items in these terms, rounded to `digits`. */
export function inTerms(amount: string, terms: Ratio | null, digits: number): string {
  return terms === null ? roundDecimal(amount, digits) : inRatio(amount, terms, digits);
}

/**
 * What an event is worth, by the destination's rule, with the currency's number of fraction digits:
 * - `total`: what the buyer paid (tax, shipping and tip in, discounts out);
 * - `total_without_tax`: the same without any tax;
 * - `subtotal`: items after discounts, as Shopify shows it (tax in where the shop's prices include tax);
 * - `items_with_tax`: items after discounts and tax, without shipping; of a tax that covers items and shipping together
 *   the items' share in proportion to the two amounts is put on where the shop's prices do not include it;
 * - `items_without_tax`: items after discounts, without tax and shipping; of a tax that covers items and shipping
 *   together, the items' share in proportion to the two amounts is taken off.
 *
 * What is not known is replaced by the nearest known figure: total by subtotal, then by the sum of net item prices;
 * subtotal by the sum of net item prices (browser product and cart events have nothing else), at last by the total
 * (a refund of a bare amount). Null where the currency is unknown or there is no amount at all: a value without its
 * currency would be booked in the ad account's own.
 */
export function eventValue(
  commerce: Commerce,
  rule: ValueRule,
  terms: Ratio | null = termsOf(rule, commerce),
): { value: string; currency: string } | null {
  const { currency, total } = commerce;
  if (currency === null) return null;
  const subtotal = commerce.subtotal ?? sumOfItems(commerce.items);
  const whole = rule === "total" || rule === "total_without_tax";
  const amount = whole ? total ?? subtotal : subtotal ?? total;
  if (amount === null) return null;
  const digits = currencyDigits(currency);
  if (!whole && subtotal !== null) {
    return { value: inTerms(subtotal, terms, digits), currency };
  }
  const value = rule === "total_without_tax" && total !== null ? paidWithoutTax(total, commerce.tax) : amount;
  return { value: roundDecimal(value, digits), currency };
}

/** A total holds the whole tax whether the shop's prices do or not. */
function paidWithoutTax(total: string, tax: string | null): string {
  return tax === null ? total : notBelowZero(subtractDecimal(total, tax));
}

/**
 * The item's id in the merchant's catalogue. Where the wanted id is absent: variant, else product, else SKU, else null.
 * `shopify_country` is `shopify_<COUNTRY>_<product>_<variant>` with the country in upper case, the form of Shopify's
 * own product feeds; it needs all three parts.
 */
export function contentId(item: Item, form: ContentIdForm, country: string | null): string | null {
  const { product_id, variant_id, sku } = item;
  const fallback = variant_id || product_id || sku || null;
  if (form === "shopify_country") {
    if (!product_id || !variant_id || !country) return fallback;
    return `shopify_${country.toUpperCase()}_${product_id}_${variant_id}`;
  }
  return (form === "variant" ? variant_id : form === "product" ? product_id : sku) || fallback;
}

/**
 * Price of one unit after discounts: (unit price × quantity − line discount) ÷ quantity, rounded half up to the
 * currency's fraction digits (2 where the currency is unknown).
 */
export function netUnitPrice(item: Item, currency: string | null): string {
  const digits = currencyDigits(currency ?? "");
  // Nothing to spread, and a unit's price is the unit's price.
  if (item.line_discount === "0") return roundDecimal(item.unit_price, digits);
  return unitAfter(item.unit_price, item.quantity, item.line_discount, digits);
}

/** The same as a number, for platforms whose JSON wants numbers. */
export function netUnitNumber(item: Item, currency: string | null): number {
  return unitNumberAfter(item.unit_price, item.quantity, item.line_discount, currencyDigits(currency ?? ""));
}

/** Units sold, not lines. */
export function unitCount(items: Item[]): number {
  let units = 0;
  for (const { quantity } of items) units += quantity;
  return units;
}

/**
 * What the customer of a purchase has spent so far, for the `predicted_ltv` of those platforms that take one: the only
 * lifetime value we know is what was spent, which no prediction improves here. Null for other events, where it is not known,
 * is nothing, or is told in another currency than the event's, for the platforms read it in that.
 */
export function lifetimeValue(event: CanonicalEvent): string | null {
  const { customer_value: value, customer_currency: told, currency } = event.commerce;
  if (event.name !== "checkout_completed" || value === null || told === null || told !== currency) {
    return null;
  }
  return compareDecimal(value, "0") > 0 ? roundDecimal(value, currencyDigits(currency)) : null;
}
