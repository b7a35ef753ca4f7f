/**
 * Prices a cart. Only leaf amounts (unit price, discount of a line, tax of a line, shipping) are rounded and converted;
 * every total is a sum of leaves, so the sums of an order agree in both currencies.
 */
import { findVariant } from "./catalog.ts";
import type { Product, Variant } from "./catalog.ts";
import { COUNTRIES } from "./countries.ts";
import type { CountryCode, TaxRule } from "./countries.ts";
import { allocate, minus, money, multiplyRatio, plus, sum, times, ZERO } from "./money.ts";
import type { Currency, Money } from "./money.ts";

export interface CartLine {
  variantId: string;
  /** Units, a positive integer. */
  quantity: number;
  properties: Record<string, string>;
}

/** A percentage off everything that can be discounted (gift cards cannot). */
export interface Discount {
  code: string;
  /** Percent, an integer of 1 to 100. */
  percent: number;
}

export const DISCOUNTS: readonly Discount[] = [{ code: "TRAKIT10", percent: 10 }];

/** The discount a typed code stands for; codes ignore case and surrounding space, as at Shopify. */
export function findDiscount(typed: string): Discount | null {
  const code = typed.trim().toUpperCase();
  return DISCOUNTS.find((discount) => discount.code === code) ?? null;
}

export interface Tax {
  rule: TaxRule;
  amount: Money;
}

export interface PricedLine {
  product: Product;
  variant: Variant;
  quantity: number;
  properties: Record<string, string>;
  unit: Money;
  /** unit × quantity */
  gross: Money;
  discount: Money;
  /** gross − discount */
  net: Money;
  taxes: Tax[];
}

export interface PricedCart {
  country: CountryCode;
  currency: Currency;
  taxesIncluded: boolean;
  lines: PricedLine[];
  discount: Discount | null;
  shipping: { title: string; price: Money; taxes: Tax[] } | null;
  /** One entry per tax rule that applied, over all lines and shipping. */
  taxes: Tax[];
  /** Before discounts. */
  itemsTotal: Money;
  discountTotal: Money;
  /** Items after discounts; contains tax where prices do. */
  subtotal: Money;
  shippingTotal: Money;
  taxTotal: Money;
  /** What the buyer pays. */
  total: Money;
  /** Grams. */
  weight: number;
}

export interface PricingTerms {
  country: CountryCode;
  currency: Currency;
  discount: Discount | null;
  /** false for a till: the buyer carries it home. */
  shipped: boolean;
}

/** Prices `lines`; lines with an unknown variant are left out (the cart refuses them earlier). */
export function priceCart(lines: CartLine[], terms: PricingTerms): PricedCart {
  const country = COUNTRIES[terms.country];
  const found = lines.flatMap((line) => {
    const sellable = findVariant(line.variantId);
    if (sellable === null) return [];
    const unit = money(sellable.variant.price[terms.currency], terms.currency);
    return [{
      ...sellable,
      quantity: line.quantity,
      properties: line.properties,
      unit,
      gross: times(unit, line.quantity),
    }];
  });

  const weights = found.map((line) => line.product.giftCard ? 0 : line.gross.presentment);
  const discountable = weights.reduce((a, b) => a + b, 0);
  const off = terms.discount === null ? 0 : multiplyRatio(discountable, terms.discount.percent, 100);
  const parts = allocate(off, weights);

  const tax = (amount: Money, taxable: boolean): Tax[] =>
    taxable
      ? country.taxes.map((rule) => ({
        rule,
        amount: taxOn(amount.presentment, rule, country.taxesIncluded, terms.currency),
      }))
      : [];

  const priced = found.map((line, index): PricedLine => {
    const discount = discountOf(parts[index] ?? 0, line.gross, terms.currency);
    const net = minus(line.gross, discount);
    return { ...line, discount, net, taxes: tax(net, line.product.taxable) };
  });

  const ships = terms.shipped && priced.some((line) => line.product.requiresShipping);
  const price = money(country.shipping[terms.currency], terms.currency);
  const shipping = ships
    ? { title: country.shippingTitle, price, taxes: tax(price, country.shippingTaxed) }
    : null;

  const all = [...priced.flatMap((line) => line.taxes), ...(shipping?.taxes ?? [])];
  const taxes = country.taxes
    .map((rule) => ({ rule, amount: sum(all.filter((t) => t.rule === rule).map((t) => t.amount)) }))
    .filter((entry) => all.some((t) => t.rule === entry.rule));

  const subtotal = sum(priced.map((line) => line.net));
  const shippingTotal = shipping?.price ?? ZERO;
  const taxTotal = sum(taxes.map((t) => t.amount));
  const beforeTax = plus(subtotal, shippingTotal);
  return {
    country: terms.country,
    currency: terms.currency,
    taxesIncluded: country.taxesIncluded,
    lines: priced,
    discount: off > 0 ? terms.discount : null,
    shipping,
    taxes,
    itemsTotal: sum(priced.map((line) => line.gross)),
    discountTotal: sum(priced.map((line) => line.discount)),
    subtotal,
    shippingTotal,
    taxTotal,
    total: country.taxesIncluded ? beforeTax : plus(beforeTax, taxTotal),
    weight: priced.reduce((grams, line) => grams + line.variant.grams * line.quantity, 0),
  };
}

function taxOn(presentment: number, rule: TaxRule, included: boolean, currency: Currency): Money {
  const base = included ? 100_000 + rule.rate : 100_000;
  return money(multiplyRatio(presentment, rule.rate, base), currency);
}

/** Converted on its own a discount could exceed the converted line by a cent; a line never falls below zero. */
function discountOf(presentment: number, gross: Money, currency: Currency): Money {
  if (presentment === gross.presentment) return gross;
  const converted = money(presentment, currency);
  return { ...converted, shop: Math.min(converted.shop, gross.shop) };
}
