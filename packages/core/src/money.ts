/**
 * Money as decimal strings in major units ("12.50"), computed with BigInt: a price never passes through a float,
 * so 0.1 + 0.2 is 0.3 and a sum of lines is the total the buyer saw.
 */

/** Longest decimal taken from outside: more than any currency needs, short enough that arithmetic stays cheap. */
const MAX_LENGTH = 40;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;
const DECIMAL_WITH_EXPONENT = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * A decimal as an integer of `10^-scale` units. `small` is the same integer as a Number where that is exact (below 2^53),
 * which everyday money is: integer arithmetic on Numbers is as exact as on BigInt there and several times as fast.
 */
interface Scaled {
  text: string;
  small: number | null;
  scale: number;
}

/** Powers of ten that money needs; a table, because `**` with a variable is dearer than the rest of a step. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

function power(exponent: number): number {
  return POWERS[exponent] ?? 10 ** exponent;
}

/** Longest run of digits every integer of which is below 2^53. */
const SMALL_DIGITS = 15;

/** ISO 4217 minor unit exponents that are not 2 (list one of the standard). */
const DIGITS: ReadonlyMap<string, number> = new Map(
  ([
    [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
    [3, "BHD IQD JOD KWD LYD OMR TND"],
    [4, "CLF UYW"],
  ] as const).flatMap(([digits, codes]) => codes.split(" ").map((code) => [code, digits] as const)),
);

/** True for an optional minus, digits and an optional fraction ("-12.50"), at most 40 characters. */
export function isDecimal(text: string): boolean {
  return text.length <= MAX_LENGTH && DECIMAL.test(text);
}

const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;

/** Reads character by character what DECIMAL describes: this is the commonest step of all. */
function parse(text: string): Scaled {
  const first = text.charCodeAt(0) === MINUS ? 1 : 0;
  let small = 0;
  let point = -1;
  for (let at = first; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) small = small * 10 + (code - ZERO);
    else if (code === POINT && point < 0 && at > first) point = at;
    else throw new RangeError("not a decimal string");
  }
  if (first === text.length || point === text.length - 1) throw new RangeError("not a decimal string");
  return {
    text,
    small: text.length > SMALL_DIGITS ? null : first === 1 ? -small : small,
    scale: point < 0 ? 0 : text.length - point - 1,
  };
}

function units({ text, scale }: Scaled): bigint {
  const point = text.length - scale - 1;
  return BigInt(scale === 0 ? text : text.slice(0, point) + text.slice(point + 1));
}

/**
 * a ÷ b without its rest, for integers from 0 to 2^53, b above 0. `%` on Numbers is a library call; a division may at most
 * have been rounded up to the next integer.
 */
function wholeQuotient(a: number, b: number): number {
  const quotient = Math.floor(a / b);
  return quotient * b > a ? quotient - 1 : quotient;
}

/** A Number's -0 is written like 0. */
function formatUnits(units: bigint | number, scale: number): string {
  const negative = units < 0;
  const size = negative ? -units : units;
  const text = typeof size === "number" ? formatSmall(size, scale) : formatBig(size, scale);
  return negative ? `-${text}` : text;
}

function formatBig(size: bigint, scale: number): string {
  const digits = size.toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  return scale === 0 ? whole : `${whole}.${digits.slice(digits.length - scale)}`;
}

/** In two parts: small numbers are written fast, and the fraction of most amounts is two digits. */
function formatSmall(size: number, scale: number): string {
  if (scale === 0) return String(size);
  const one = power(scale);
  const whole = wholeQuotient(size, one);
  let text = String(size - whole * one);
  while (text.length < scale) text = `0${text}`;
  return `${whole}.${text}`;
}

/** The integer brought to `wanted` ≥ its own scale, as a Number; null where that would not be exact. */
function smallAt({ small, scale }: Scaled, wanted: number): number | null {
  if (scale === wanted) return small;
  if (small === null || wanted - scale > SMALL_DIGITS) return null;
  const brought = small * power(wanted - scale);
  return Number.isSafeInteger(brought) ? brought : null;
}

function unitsAt(scaled: Scaled, wanted: number): bigint {
  return units(scaled) * 10n ** BigInt(wanted - scaled.scale);
}

/** Integer division, halves away from zero: an amount and its refund round to the same figure. */
function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const a = dividend < 0n ? -dividend : dividend;
  const b = divisor < 0n ? -divisor : divisor;
  const quotient = (2n * a + b) / (2n * b);
  return negative ? -quotient : quotient;
}

/** The same on Numbers; null where a step would not be exact. */
function smallDivideHalfUp(dividend: number, divisor: number): number | null {
  const a = Math.abs(dividend);
  const b = Math.abs(divisor);
  if (!Number.isSafeInteger(2 * b) || !Number.isSafeInteger(a)) return null;
  const whole = wholeQuotient(a, b);
  const quotient = 2 * (a - whole * b) >= b ? whole + 1 : whole;
  return dividend < 0 !== divisor < 0 ? -quotient : quotient;
}

function combine(a: string, b: string, sign: 1 | -1): string {
  const left = parse(a);
  const right = parse(b);
  const scale = Math.max(left.scale, right.scale);
  const one = smallAt(left, scale);
  const two = smallAt(right, scale);
  if (one !== null && two !== null) {
    const sum = one + sign * two;
    if (Number.isSafeInteger(sum)) return formatUnits(sum, scale);
  }
  return formatUnits(unitsAt(left, scale) + BigInt(sign) * unitsAt(right, scale), scale);
}

/** a + b, exactly, with as many fraction digits as the longer of the two. Throws RangeError on a non-decimal. */
export function addDecimal(a: string, b: string): string {
  return combine(a, b, 1);
}

/** a − b, exactly, with as many fraction digits as the longer of the two. Throws RangeError on a non-decimal. */
export function subtractDecimal(a: string, b: string): string {
  return combine(a, b, -1);
}

/** a × `times` (an integer), exactly, with a's fraction digits. Throws RangeError on a non-decimal or non-integer. */
export function multiplyDecimal(a: string, times: number): string {
  if (!Number.isSafeInteger(times)) throw new RangeError("the factor must be an integer");
  const scaled = parse(a);
  const product = scaled.small === null ? NaN : scaled.small * times;
  return formatUnits(
    Number.isSafeInteger(product) ? product : units(scaled) * BigInt(times),
    scaled.scale,
  );
}

/**
 * a ÷ `by` (an integer, not 0) with exactly `digits` fraction digits, halves away from zero.
 * Throws RangeError on a non-decimal, a non-integer or 0.
 */
export function divideDecimal(a: string, by: number, digits: number): string {
  if (!Number.isSafeInteger(by) || by === 0) {
    throw new RangeError("the divisor must be an integer other than 0");
  }
  const scaled = parse(a);
  const { small, scale } = scaled;
  if (small !== null && scale <= SMALL_DIGITS && digits <= SMALL_DIGITS) {
    // Only the missing zeros are brought in, on the side that lacks them.
    const dividend = small * power(Math.max(digits - scale, 0));
    const divisor = by * power(Math.max(scale - digits, 0));
    const quotient = Number.isSafeInteger(dividend) ? smallDivideHalfUp(dividend, divisor) : null;
    if (quotient !== null) return formatUnits(quotient, digits);
  }
  return formatUnits(
    divideHalfUp(units(scaled) * 10n ** BigInt(digits), BigInt(by) * 10n ** BigInt(scale)),
    digits,
  );
}

/** `part` ÷ `whole`, read once for many amounts. */
export interface Ratio {
  top: Scaled;
  bottom: Scaled;
  /** Both as integers of one unit; null where that would not be exact. */
  n: number | null;
  d: number | null;
}

/** Throws RangeError on a non-decimal. */
export function ratioOf(part: string, whole: string): Ratio {
  const top = parse(part);
  const bottom = parse(whole);
  const scale = Math.max(top.scale, bottom.scale);
  return { top, bottom, n: smallAt(top, scale), d: smallAt(bottom, scale) };
}

/** a × `part` ÷ `whole`, see `inRatio`. */
export function ratioDecimal(a: string, part: string, whole: string, digits: number): string {
  return inRatio(a, ratioOf(part, whole), digits);
}

/**
 * a × the ratio with exactly `digits` fraction digits, halves away from zero, rounded once. Throws RangeError on a
 * non-decimal or a ratio to 0.
 */
export function inRatio(a: string, { top, bottom, n, d }: Ratio, digits: number): string {
  const amount = parse(a);
  if (amount.small !== null && n !== null && d !== null && d !== 0 && amount.scale <= SMALL_DIGITS) {
    const dividend = amount.small * n * power(Math.max(digits - amount.scale, 0));
    const divisor = d * power(Math.max(amount.scale - digits, 0));
    const exact = Number.isSafeInteger(amount.small * n) && Number.isSafeInteger(dividend);
    const quotient = exact ? smallDivideHalfUp(dividend, divisor) : null;
    if (quotient !== null) return formatUnits(quotient, digits);
  }
  const scale = Math.max(top.scale, bottom.scale);
  const divisor = unitsAt(bottom, scale);
  if (divisor === 0n) throw new RangeError("the divisor must not be 0");
  return formatUnits(
    divideHalfUp(
      units(amount) * unitsAt(top, scale) * 10n ** BigInt(digits),
      divisor * 10n ** BigInt(amount.scale),
    ),
    digits,
  );
}

/** What `unitAfter` gives, as an integer of 10^-digits units; null where that would not be exact. */
function smallUnitAfter(price: string, times: number, off: string, digits: number): number | null {
  const each = parse(price);
  const less = parse(off);
  const scale = Math.max(each.scale, less.scale);
  const one = smallAt(each, scale);
  const two = smallAt(less, scale);
  if (one === null || two === null) return null;
  const whole = one * times;
  if (!Number.isSafeInteger(whole) || !Number.isSafeInteger(whole - two)) return null;
  const rest = Math.max(whole - two, 0) * power(Math.max(digits - scale, 0));
  return Number.isSafeInteger(rest)
    ? smallDivideHalfUp(rest, times * power(Math.max(scale - digits, 0)))
    : null;
}

/**
 * (`price` × `times` − `off`) ÷ `times` with exactly `digits` fraction digits, halves away from zero, never below 0: what
 * one of `times` units (an integer above 0) cost when `off` was taken off all. Throws RangeError on a non-decimal.
 */
export function unitAfter(price: string, times: number, off: string, digits: number): string {
  const small = smallUnitAfter(price, times, off, digits);
  if (small !== null) return formatUnits(small, digits);
  const rest = subtractDecimal(multiplyDecimal(price, times), off);
  return divideDecimal(rest.startsWith("-") ? "0" : rest, times, digits);
}

/** `unitAfter` as the number nearest to it, see `toNumber`. */
export function unitNumberAfter(price: string, times: number, off: string, digits: number): number {
  const small = smallUnitAfter(price, times, off, digits);
  return small === null ? toNumber(unitAfter(price, times, off, digits)) : small / power(digits);
}

/** What `roundDecimal` would give back as it is: so many fraction digits, no minus, no needless zero in front. */
function isRounded(a: string, digits: number): boolean {
  const point = a.indexOf(".");
  const whole = point < 0 ? a.length : point;
  if ((point < 0 ? 0 : a.length - point - 1) !== digits) return false;
  const first = a.charCodeAt(0);
  return first >= 49 && first <= 57 || (first === 48 && whole === 1);
}

/** a with exactly `digits` fraction digits, halves away from zero: ("5", 2) → "5.00". Throws RangeError on a non-decimal. */
export function roundDecimal(a: string, digits: number): string {
  return isRounded(a, digits) && DECIMAL.test(a) ? a : divideDecimal(a, 1, digits);
}

/** −1, 0 or 1 as a is less than, equal to or greater than b; "1.0" equals "1". Throws RangeError on a non-decimal. */
export function compareDecimal(a: string, b: string): -1 | 0 | 1 {
  const left = parse(a);
  const right = parse(b);
  const scale = Math.max(left.scale, right.scale);
  const one = smallAt(left, scale);
  const two = smallAt(right, scale);
  if (one !== null && two !== null) return one < two ? -1 : one > two ? 1 : 0;
  const difference = unitsAt(left, scale) - unitsAt(right, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/**
 * A decimal from outside. Strings keep their fraction digits ("12.50" stays); numbers (Shopify's pixel sends them)
 * become the shortest decimal that reads back as the same number. Exponents are written out, leading zeros and a
 * plus sign go, "-0" becomes "0". Null for "", NaN, Infinity, anything else, or a result over 40 characters.
 */
export function decimalFrom(input: string | number | null | undefined): string | null {
  if (input === null || input === undefined) return null;
  const text = typeof input === "number" ? String(input) : input.trim();
  if (text.length > MAX_LENGTH) return null;
  const match = DECIMAL_WITH_EXPONENT.exec(text);
  if (match === null) return null;
  const fraction = match[3] ?? "";
  const exponent = Number(match[4] ?? "0");
  // Past these exponents nothing but zero could still fit, and 10n ** 9999n need not be computed to know it.
  if (Math.abs(exponent) > 2 * MAX_LENGTH) return null;
  const digits = BigInt(match[2] + fraction);
  const signed = match[1] === "-" ? -digits : digits;
  const scale = fraction.length - exponent;
  const result = scale >= 0 ? formatUnits(signed, scale) : formatUnits(signed * 10n ** BigInt(-scale), 0);
  return result.length <= MAX_LENGTH ? result : null;
}

/** Fraction digits of a currency in ISO 4217: 0 for JPY, 3 for KWD, 2 where the code is not listed. Any case. */
export function currencyDigits(currency: string): number {
  return DIGITS.get(currency.toUpperCase()) ?? 2;
}

/**
 * The number nearest to a decimal, for vendors whose JSON wants numbers. Only for the wire: never compute with it.
 * Amounts of up to 15 significant digits are printed back as the same decimal.
 */
export function toNumber(decimal: string): number {
  const { small, scale } = parse(decimal);
  // Both sides of the division are exact, so it gives the very number the text would be read as.
  // "-0" and "-0.00" would be printed as -0 by some readers.
  return (small === null ? Number(decimal) : small / power(scale)) + 0;
}
