/** Normal forms of what some platforms take unhashed. Apart from forms.ts so that sending does not load the phone rules. */
import { isoCountry } from "./countries.ts";
import { asDigest } from "./digest.ts";
import { regionOrCode } from "./regions.ts";
import { compact, letters, prepare, type Text, withLetter, withLetterOrDigit } from "./text.ts";

type Clear = (text: Text, country: string | null) => string | null;

/** GA4 user ids: at most 256 characters, and no personal data (reference: google §2). */
const USER_ID_MAX = 256;
const POSTAL_MAX = 16;

export const CLEAR = {
  /** TikTok: lower case, no spaces or punctuation. */
  "city.compact": (text) => withLetterOrDigit(compact(text), text),
  /** TikTok: lower case; the code where there is one. */
  "region.compact": (text, country) => withLetterOrDigit(regionOrCode(text, country), text),
  /** TikTok: two letters, lower case. */
  "country.lower": ({ plain }) => isoCountry(plain)?.toLowerCase() ?? null,
  /** Google, city and region: no digits and symbols, lower case, inner spaces kept. */
  "place.letters": (text) => withLetter(letters(text), text),
  /** Google: without "." and "~"; case, spaces and dashes kept. */
  "postal.plain": ({ plain }) => {
    // what is left may be a placeholder: "null."
    const code = prepare(plain.replaceAll(/[.~]/g, ""));
    return code !== null && code.plain.length <= POSTAL_MAX ? withLetterOrDigit(code.plain, code) : null;
  },
  /** Google: ISO alpha-2, upper case. */
  "country.upper": ({ plain }) => isoCountry(plain),
  /** Google's `user_id`: the shop's own id as it is; an email address is not an id but a person. */
  "user_id": ({ plain }) => (plain.length <= USER_ID_MAX && !plain.includes("@") ? plain : null),
} satisfies Record<string, Clear>;

export type ClearName = keyof typeof CLEAR;

/**
 * The clear form of a value, or null to leave it out (absent, blank, a placeholder, absurd, or a digest where a
 * readable value is wanted). `country`: any spelling of the country the value belongs to. Never throws.
 */
export function normaliseClear(
  name: ClearName,
  value: string | null | undefined,
  country: string | null = null,
): string | null {
  const text = prepare(value);
  if (text === null || (name !== "user_id" && asDigest(text.plain) !== null)) return null;
  return (CLEAR[name] as Clear)(text, isoCountry(country));
}
