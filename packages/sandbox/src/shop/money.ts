/** Money of the demo shop: integers in minor units (cents), never floating point. */

export const CURRENCIES = ["USD", "EUR"] as const;
export type Currency = (typeof CURRENCIES)[number];

/** The currency the demo shop keeps its books in; plain amounts of an order are in it (reference: shopify §5). */
export const SHOP_CURRENCY: Currency = "USD";

/** One amount as the merchant books it and as the buyer saw it; both in minor units. */
export interface Money {
  shop: number;
  presentment: number;
}

export const ZERO: Money = { shop: 0, presentment: 0 };

/** `value × numerator ÷ denominator`, rounded half up, exact for any safe integers. `value` must not be negative. */
export function multiplyRatio(value: number, numerator: number, denominator: number): number {
  const product = BigInt(value) * BigInt(numerator) * 2n + BigInt(denominator);
  return Number(product / (BigInt(denominator) * 2n));
}

/** "1234" cents → "12.34", the way Shopify prints money in webhooks. Both currencies have two decimals. */
export function decimal(minor: number): string {
  if (!Number.isSafeInteger(minor)) throw new RangeError("minor units must be a safe integer");
  const digits = String(Math.abs(minor)).padStart(3, "0");
  return `${minor < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Minor units → the number a web pixel carries (reference: shopify §4.3: money is a number there). */
export function pixelAmount(minor: number): number {
  return Number(decimal(minor));
}

const SYMBOLS: Record<Currency, string> = { USD: "$", EUR: "€" };

/** For people: "$12.34". */
export function display(minor: number, currency: Currency): string {
  return `${minor < 0 ? "-" : ""}${SYMBOLS[currency]}${decimal(Math.abs(minor))}`;
}

/** The fixed rate of the demo shop, 1 EUR = 1.10 USD, so that shop and presentment money visibly differ. */
export function toShopMinor(presentment: number, currency: Currency): number {
  return currency === SHOP_CURRENCY ? presentment : multiplyRatio(presentment, 11, 10);
}

/** An amount the buyer sees, with its counterpart in the shop's currency. */
export function money(presentment: number, currency: Currency): Money {
  return { shop: toShopMinor(presentment, currency), presentment };
}

export function plus(a: Money, b: Money): Money {
  return { shop: a.shop + b.shop, presentment: a.presentment + b.presentment };
}

export function minus(a: Money, b: Money): Money {
  return { shop: a.shop - b.shop, presentment: a.presentment - b.presentment };
}

export function times(a: Money, quantity: number): Money {
  return { shop: a.shop * quantity, presentment: a.presentment * quantity };
}

export function sum(amounts: Money[]): Money {
  return amounts.reduce(plus, ZERO);
}

/**
 * Splits `total` over `weights` in whole minor units (largest remainder, earlier entry first on a tie).
 * The parts add up to `total` exactly; with `total` ≤ the sum of weights no part exceeds its weight.
 */
export function allocate(total: number, weights: number[]): number[] {
  const whole = weights.reduce((a, b) => a + b, 0);
  if (whole === 0) return weights.map(() => 0);
  const shares = weights.map((weight, index) => {
    const product = BigInt(total) * BigInt(weight);
    return { index, part: Number(product / BigInt(whole)), rest: product % BigInt(whole) };
  });
  let left = total - shares.reduce((a, share) => a + share.part, 0);
  const byRest = [...shares].sort((a, b) => a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1);
  for (const share of byRest) {
    if (left === 0) break;
    share.part += 1;
    left -= 1;
  }
  return shares.map((share) => share.part);
}
