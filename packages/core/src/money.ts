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
  small: number | null;
  units: () => bigint;
  scale: number;
}

/** Longest run of digits every integer of which is below 2^53. */
const SMALL_DIGITS = 15;

/** ISO 4217 minor unit exponents that are not 2 (list one of the standard). */
const DIGITS: Record<string, number> = {
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  ISK: 0,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  PYG: 0,
  RWF: 0,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
  BHD: 3,
  IQD: 3,
  JOD: 3,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  TND: 3,
  CLF: 4,
  UYW: 4,
};

/** True for an optional minus, digits and an optional fraction ("-12.50"), at most 40 characters. */
export function isDecimal(text: string): boolean {
  return text.length <= MAX_LENGTH && DECIMAL.test(text);
}

/** The integer in `text` without its point, as a Number; null where it is too long to be exact. */
function smallOf(text: string, point: number): number | null {
  if (text.length > SMALL_DIGITS) return null;
  return point < 0 ? Number(text) : Number(text.slice(0, point) + text.slice(point + 1));
}

function parse(text: string): Scaled {
  if (!DECIMAL.test(text)) throw new RangeError("not a decimal string");
  const point = text.indexOf(".");
  return {
    small: smallOf(text, point),
    units: () => BigInt(point < 0 ? text : text.slice(0, point) + text.slice(point + 1)),
    scale: point < 0 ? 0 : text.length - point - 1,
  };
}

/** A Number's -0 is written like 0. */
function written(units: bigint | number, scale: number): string {
  const negative = units < 0;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const text = scale === 0 ? whole : `${whole}.${digits.slice(digits.length - scale)}`;
  return negative ? `-${text}` : text;
}

/** The integer brought to `wanted` ≥ its own scale, as a Number; null where that would not be exact. */
function smallAt({ small, scale }: Scaled, wanted: number): number | null {
  if (small === null || wanted - scale > SMALL_DIGITS) return null;
  const brought = small * 10 ** (wanted - scale);
  return Number.isSafeInteger(brought) ? brought : null;
}

function unitsAt({ units, scale }: Scaled, wanted: number): bigint {
  return units() * 10n ** BigInt(wanted - scale);
}

/** Integer division, halves away from zero: an amount and its refund round to the same figure. */
function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n;
  const a = dividend < 0n ? -dividend : dividend;
  const b = divisor < 0n ? -divisor : divisor;
  const quotient = (2n * a + b) / (2n * b);
  return negative ? -quotient : quotient;
}

/** The same on Numbers; null where a step would not be exact. `%` of safe integers is exact, and so is what it leaves. */
function smallDivideHalfUp(dividend: number, divisor: number): number | null {
  const a = Math.abs(dividend);
  const b = Math.abs(divisor);
  if (!Number.isSafeInteger(2 * b) || !Number.isSafeInteger(a)) return null;
  const rest = a % b;
  const quotient = (a - rest) / b + (2 * rest >= b ? 1 : 0);
  return dividend < 0 !== divisor < 0 ? -quotient : quotient;
}

function combined(a: string, b: string, sign: 1 | -1): string {
  const [left, right] = [parse(a), parse(b)];
  const scale = Math.max(left.scale, right.scale);
  const [one, two] = [smallAt(left, scale), smallAt(right, scale)];
  if (one !== null && two !== null) {
    const sum = one + sign * two;
    if (Number.isSafeInteger(sum)) return written(sum, scale);
  }
  return written(unitsAt(left, scale) + BigInt(sign) * unitsAt(right, scale), scale);
}

/** a + b, exactly, with as many fraction digits as the longer of the two. Throws RangeError on a non-decimal. */
export function addDecimal(a: string, b: string): string {
  return combined(a, b, 1);
}

/** a − b, exactly, with as many fraction digits as the longer of the two. Throws RangeError on a non-decimal. */
export function subtractDecimal(a: string, b: string): string {
  return combined(a, b, -1);
}

/** a × `times` (an integer), exactly, with a's fraction digits. Throws RangeError on a non-decimal or non-integer. */
export function multiplyDecimal(a: string, times: number): string {
  if (!Number.isSafeInteger(times)) throw new RangeError("the factor must be an integer");
  const { small, units, scale } = parse(a);
  const product = small === null ? NaN : small * times;
  return written(Number.isSafeInteger(product) ? product : units() * BigInt(times), scale);
}

/**
 * a ÷ `by` (an integer, not 0) with exactly `digits` fraction digits, halves away from zero.
 * Throws RangeError on a non-decimal, a non-integer or 0.
 */
export function divideDecimal(a: string, by: number, digits: number): string {
  if (!Number.isSafeInteger(by) || by === 0) {
    throw new RangeError("the divisor must be an integer other than 0");
  }
  const { small, units, scale } = parse(a);
  if (small !== null && scale <= SMALL_DIGITS && digits <= SMALL_DIGITS) {
    // Only the missing zeros are brought in, on the side that lacks them.
    const dividend = small * 10 ** Math.max(digits - scale, 0);
    const divisor = by * 10 ** Math.max(scale - digits, 0);
    const quotient = Number.isSafeInteger(dividend) ? smallDivideHalfUp(dividend, divisor) : null;
    if (quotient !== null) return written(quotient, digits);
  }
  return written(divideHalfUp(units() * 10n ** BigInt(digits), BigInt(by) * 10n ** BigInt(scale)), digits);
}

/**
 * a × `part` ÷ `whole` with exactly `digits` fraction digits, halves away from zero, rounded once.
 * Throws RangeError on a non-decimal or a `whole` of 0.
 */
export function ratioDecimal(a: string, part: string, whole: string, digits: number): string {
  const [amount, top, bottom] = [parse(a), parse(part), parse(whole)];
  const scale = Math.max(top.scale, bottom.scale);
  const [n, d] = [smallAt(top, scale), smallAt(bottom, scale)];
  if (amount.small !== null && n !== null && d !== null && d !== 0 && amount.scale <= SMALL_DIGITS) {
    const dividend = amount.small * n * 10 ** Math.max(digits - amount.scale, 0);
    const divisor = d * 10 ** Math.max(amount.scale - digits, 0);
    const exact = Number.isSafeInteger(amount.small * n) && Number.isSafeInteger(dividend);
    const quotient = exact ? smallDivideHalfUp(dividend, divisor) : null;
    if (quotient !== null) return written(quotient, digits);
  }
  const divisor = unitsAt(bottom, scale);
  if (divisor === 0n) throw new RangeError("the divisor must not be 0");
  return written(
    divideHalfUp(
      amount.units() * unitsAt(top, scale) * 10n ** BigInt(digits),
      divisor * 10n ** BigInt(amount.scale),
    ),
    digits,
  );
}

/**
 * (`price` × `times` − `off`) ÷ `times` with exactly `digits` fraction digits, halves away from zero, never below 0: what
 * one of `times` units (an integer above 0) cost when `off` was taken off all. Throws RangeError on a non-decimal.
 */
export function unitAfter(price: string, times: number, off: string, digits: number): string {
  const [each, less] = [parse(price), parse(off)];
  const scale = Math.max(each.scale, less.scale);
  const [one, two] = [smallAt(each, scale), smallAt(less, scale)];
  if (
    one !== null && two !== null && Number.isSafeInteger(one * times) &&
    Number.isSafeInteger(one * times - two)
  ) {
    const rest = Math.max(one * times - two, 0) * 10 ** Math.max(digits - scale, 0);
    const quotient = Number.isSafeInteger(rest)
      ? smallDivideHalfUp(rest, times * 10 ** Math.max(scale - digits, 0))
      : null;
    if (quotient !== null) return written(quotient, digits);
  }
  const rest = subtractDecimal(multiplyDecimal(price, times), off);
  return divideDecimal(rest.startsWith("-") ? "0" : rest, times, digits);
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
  const [left, right] = [parse(a), parse(b)];
  const scale = Math.max(left.scale, right.scale);
  const [one, two] = [smallAt(left, scale), smallAt(right, scale)];
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
  const result = scale >= 0 ? written(signed, scale) : written(signed * 10n ** BigInt(-scale), 0);
  return result.length <= MAX_LENGTH ? result : null;
}

/** Fraction digits of a currency in ISO 4217: 0 for JPY, 3 for KWD, 2 where the code is not listed. Any case. */
export function currencyDigits(currency: string): number {
  return DIGITS[currency.toUpperCase()] ?? 2;
}

/**
 * The number nearest to a decimal, for vendors whose JSON wants numbers. Only for the wire: never compute with it.
 * Amounts of up to 15 significant digits are printed back as the same decimal.
 */
export function toNumber(decimal: string): number {
  if (!DECIMAL.test(decimal)) throw new RangeError("not a decimal string");
  // "-0" and "-0.00" would be printed as -0 by some readers.
  return Number(decimal) + 0;
}
