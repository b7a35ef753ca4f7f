/** Phone numbers in international form, the one form every platform's rule starts from. */
import parsePhoneNumber, {
  type CountryCode,
  isSupportedCountry,
  type PhoneNumber,
} from "libphonenumber-js/core";
import metadata from "libphonenumber-js/min/metadata";
import { plainE164 } from "./phone-plan.ts";

/** More than any number with its punctuation and extension. */
const MAX_LENGTH = 64;
/** E.164 allows 15 digits and needs a calling code and a subscriber number. */
const E164 = /^\+[1-9]\d{5,14}$/;
/** "0044 …", "(0044) …" and the mistaken "+0044 …" for "+44 …". */
const DOUBLE_ZERO = /^\+?\s*(?:(\()\s*)?00\s*/;
/** The trunk zero as printed on letterheads: "+44 (0)20 …". */
const BRACKETED_ZERO = /[([]\s*0\s*[)\]]/;
/**
 * North American numbers by shape: area codes are opened every year, and the library of the day we were built would
 * refuse real people's numbers in those it does not know.
 */
const NORTH_AMERICAN = /^\+1[2-9]\d{9}$/;
/** "0000000000", "1111111111": filled in to get past a form. */
const ONE_DIGIT = /^(\d)\1*$/;

function parse(text: string, country: CountryCode | undefined): PhoneNumber | null {
  const number = country === undefined
    ? parsePhoneNumber(text, metadata)
    : parsePhoneNumber(text, country, metadata);
  if (number === undefined || !E164.test(number.number)) return null;
  return ONE_DIGIT.test(number.nationalNumber) ? null : number;
}

function fits(number: PhoneNumber): boolean {
  return number.isValid() || NORTH_AMERICAN.test(number.number);
}

/**
 * The number in E.164 ("+447911123456"), or null where it is none or its country cannot be known.
 *
 * What starts with "+" or "00" names its country itself and must have a length possible there. Any other number is
 * read in `country` (ISO alpha-2, upper case) and must fit that country's plan: a British mobile on a Dutch address
 * would otherwise become the number of a Dutch stranger. National trunk digits go where the plan drops them
 * and stay where it keeps them (Italy); extensions are cut off. Rule: libphonenumber; reference: meta §4.
 */
export function e164(value: string, country: string | null): string | null {
  if (value.length > MAX_LENGTH) return null;
  const trimmed = value.trim();
  const text = trimmed.includes("00") ? trimmed.replace(DOUBLE_ZERO, "$1+") : trimmed;
  if (!text.includes("(") || !BRACKETED_ZERO.test(text)) {
    const plain = plainE164(text, country);
    if (plain !== null) return plain;
  }
  return byLibrary(text, country);
}

/** `e164` by the library alone, of trimmed text with a leading "00" turned into "+". */
export function byLibrary(text: string, country: string | null): string | null {
  const home = country !== null && isSupportedCountry(country as CountryCode, metadata)
    ? (country as CountryCode)
    : undefined;
  const international = /^[(\s]*[+＋]/.test(text);
  const number = parse(text, home);
  const accepted = number !== null && (international ? number.isPossible() : fits(number));
  if (BRACKETED_ZERO.test(text) && international && !(accepted && fits(number))) {
    // The plan has no such zero (Spain, the US), so it was not a digit of the number.
    const without = parse(text.replace(BRACKETED_ZERO, ""), home);
    if (without?.isPossible()) return without.number;
  }
  return accepted ? number.number : null;
}
