/**
 * The short way for phone numbers written the usual way. libphonenumber compiles a dozen patterns for every number it reads,
 * which costs more than all hashing of an order; here each country's patterns, from the same metadata, are compiled once. Who
 * gets null asks the library itself: this way is only taken where both give the same (tests hold them against each other).
 */
import json from "libphonenumber-js/min/metadata";

/** A country in the metadata's version 4: calling code, IDD prefix, national pattern, lengths, …; see METADATA.md there. */
type Country = readonly unknown[];
const metadata = json as unknown as {
  version: number;
  countries: Record<string, Country>;
  country_calling_codes: Record<string, string[]>;
};
const AT = {
  callingCode: 0,
  idd: 1,
  pattern: 2,
  lengths: 3,
  prefix: 5,
  prefixForParsing: 7,
  types: 11,
} as const;
/** The places above are those of this version; another one is left to the library. */
const KNOWN_VERSION = 4;

interface Plan {
  callingCode: string;
  idd: RegExp;
  /** National prefix, or null where the country has none. */
  prefix: RegExp | null;
  lengths: readonly number[];
  isValid(national: string): boolean;
}

const plans = new Map<string, Plan | null>();

function whole(pattern: unknown): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}

/** The plan of a country that is the first of its calling code; null for the others and where something is missing. */
function compilePlan(country: string): Plan | null {
  const data = metadata.countries[country];
  if (metadata.version !== KNOWN_VERSION || data === undefined) return null;
  const callingCode = String(data[AT.callingCode]);
  const sharers = metadata.country_calling_codes[callingCode];
  const lengths = data[AT.lengths];
  if (sharers?.[0] !== country || !Array.isArray(lengths)) return null;
  const general = whole(data[AT.pattern]);
  const types = (Array.isArray(data[AT.types]) ? data[AT.types] as unknown[] : [])
    .filter((type): type is [string, number[]?] => Array.isArray(type) && typeof type[0] === "string")
    .map(([pattern, own]) => ({ pattern: whole(pattern), lengths: own }));
  // Who shares a calling code is told apart by the types of its numbers.
  if (sharers.length > 1 && types.length === 0) return null;
  const prefix = data[AT.prefixForParsing] || data[AT.prefix];
  return {
    callingCode,
    idd: new RegExp(`^(?:${data[AT.idd]})`),
    prefix: prefix ? new RegExp(`^(?:${prefix})`) : null,
    lengths: lengths as number[],
    isValid: (national) =>
      general.test(national) &&
      (types.length === 0 || types.some((type) =>
        (!type.lengths || type.lengths.includes(national.length)) && type.pattern.test(national)
      )),
  };
}

function planOf(country: string): Plan | null {
  let plan = plans.get(country);
  if (plan === undefined) {
    plan = compilePlan(country);
    plans.set(country, plan);
  }
  return plan;
}

/** So few digits are a short code, so many are no number. */
const FEWEST_DIGITS = 6;
const MOST_DIGITS = 14;
/** Of E.164. */
const MAX_DIGITS = 15;
const NANP = /^[2-9]\d{9}$/;

/** The digits from `from` on, where the rest is ordinary punctuation: blank ( ) - . / */
function digitsOf(text: string, from: number): string | null {
  let digits = "";
  let start = from;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) continue;
    if (code !== 32 && code !== 40 && code !== 41 && (code < 45 || code > 47)) return null;
    digits += text.slice(start, at);
    start = at + 1;
  }
  digits += text.slice(start);
  return digits.length < FEWEST_DIGITS || digits.length > MOST_DIGITS ? null : digits;
}

/** "0000000": filled in to get past a form; left to the library, which refuses it. */
function isOneDigit(digits: string): boolean {
  for (let at = 1; at < digits.length; at++) {
    if (digits.charCodeAt(at) !== digits.charCodeAt(0)) return false;
  }
  return true;
}

function international(digits: string): string | null {
  for (let length = 1; length <= 3; length++) {
    const callingCode = digits.slice(0, length);
    const sharers = metadata.country_calling_codes[callingCode];
    if (sharers === undefined) continue;
    const national = digits.slice(length);
    if (isOneDigit(national)) return null;
    if (callingCode === "1") return NANP.test(national) ? `+1${national}` : null;
    const plan = planOf(sharers[0]!);
    // A national prefix after the calling code is a mistake the library knows how to read.
    if (plan === null || plan.prefix?.test(national) || !plan.lengths.includes(national.length)) return null;
    return sharers.length === 1 || plan.isValid(national) ? `+${digits}` : null;
  }
  return null;
}

function domestic(digits: string, country: string): string | null {
  if (isOneDigit(digits)) return null;
  const data = metadata.countries[country];
  if (data?.[AT.callingCode] === "1") return NANP.test(digits) ? `+1${digits}` : null;
  const plan = planOf(country);
  // Somebody may have left out the "+" or dialled out of the country.
  if (plan === null || digits.startsWith(plan.callingCode) || plan.idd.test(digits)) return null;
  const match = plan.prefix?.exec(digits) ?? null;
  // With groups the prefix is rewritten rather than dropped.
  if (match !== null && match.length > 1) return null;
  const national = match === null ? digits : digits.slice(match[0].length);
  if (isOneDigit(national) || !plan.isValid(national)) return null;
  return plan.callingCode.length + national.length > MAX_DIGITS ? null : `+${plan.callingCode}${national}`;
}

/**
 * The number in E.164 where it is written with digits and ordinary punctuation and fits the plan; null where only the
 * library can tell. `text` is trimmed, with a leading "00" already turned into "+"; `country` is ISO alpha-2, upper case.
 */
export function plainE164(text: string, country: string | null): string | null {
  if (text.startsWith("+")) {
    const digits = digitsOf(text, 1);
    return digits === null ? null : international(digits);
  }
  const digits = country === null ? null : digitsOf(text, 0);
  return digits === null ? null : domestic(digits, country!);
}
