/**
 * The normal forms: what a clear value looks like just before it is hashed. Platforms share forms where their rules
 * agree, so a value is hashed once per form, not once per platform; platforms.ts says who takes which.
 *
 * Every form is a pure function of a cleaned value and the country it belongs to (ISO alpha-2, upper case, null =
 * unknown) and gives null for what is not worth sending: it would only add a digest that matches nobody.
 */
import { birthDate } from "./birth.ts";
import { isoCountry } from "./countries.ts";
import { asDigest } from "./digest.ts";
import { e164 } from "./phone.ts";
import { regionOrCode, twoLetterRegion } from "./regions.ts";
import {
  asciiAlphanumeric,
  compact,
  isAscii,
  letters,
  prepare,
  spaceless,
  type Text,
  withLetter,
  withLetterOrDigit,
  words,
} from "./text.ts";

export type Form = (text: Text, country: string | null) => string | null;

/** Longest address SMTP can carry (RFC 5321 §4.5.3.1). */
const EMAIL_MAX = 254;
const NOT_IN_EMAIL = /[<>()[\]\\,;:"]/;
const ASCII = /^[\x20-\x7e]*$/;
const NOT_LETTER_OR_DIGIT = /[^\p{L}\p{N}]+/gu;
const ZIP_PLUS_4 = /^\d{5}-\d{4}$/;
const FIVE_DIGITS = /^\d{5}/;
/** The US and what the US Postal Service delivers to under a country code of its own. */
const ZIP_COUNTRIES: ReadonlySet<string> = new Set(["US", "PR", "GU", "VI", "AS", "MP"]);
const POSTAL_MAX = 16;
const EXTERNAL_ID_MAX = 256;

/** Lower case, all whitespace out, of the shape x@y.z. Dots and "+tag" stay. */
function email(text: Text): string | null {
  const address = spaceless(text);
  if (address === null || address.length > EMAIL_MAX || NOT_IN_EMAIL.test(address)) return null;
  const at = address.indexOf("@");
  if (at < 1 || address.indexOf("@", at + 1) >= 0) return null;
  const dot = address.lastIndexOf(".");
  // Of the domain: a dot inside it, none at its ends, no two together.
  return dot > at + 1 && dot < address.length - 1 && address[at + 1] !== "." && address.indexOf("..", at) < 0
    ? address
    : null;
}

/** An `email` by Google's rule: dots before the @ out at gmail.com and googlemail.com (reference: google §4). */
export function gmailOf(address: string): string | null {
  if (!address.endsWith("@gmail.com") && !address.endsWith("@googlemail.com")) return address;
  const at = address.indexOf("@");
  const local = address.slice(0, at).replaceAll(".", "");
  return local === "" ? null : `${local}${address.slice(at)}`;
}

/**
 * An `email` by Reddit's rule: of the part before the @ whatever follows a "+" is cut off and everything but letters and digits
 * goes, at every provider (reference: reddit §4).
 */
export function canonicalOf(address: string): string | null {
  const at = address.indexOf("@");
  const tag = address.indexOf("+");
  const whole = address.slice(0, tag >= 0 && tag < at ? tag : at);
  const local = ASCII.test(whole) ? asciiAlphanumeric(whole) : whole.replace(NOT_LETTER_OR_DIGIT, "");
  return local === "" ? null : `${local}${address.slice(at)}`;
}

/** A form made of the form `email`. */
function ofEmail(change: (address: string) => string | null): Form {
  return (text) => {
    const address = email(text);
    return address === null ? null : change(address);
  };
}

/** The first five digits of a US ZIP code, else null. "94035-1234" is one even where the country is not known. */
function zip({ lower }: Text, country: string | null): string | null {
  const american = country === null ? ZIP_PLUS_4.test(lower) : ZIP_COUNTRIES.has(country);
  return american ? FIVE_DIGITS.exec(lower)?.[0] ?? null : null;
}

function postal(form: Form): Form {
  return (text, country) => {
    if (text.lower.length > POSTAL_MAX) return null;
    return zip(text, country) ?? withLetterOrDigit(form(text, country), text);
  };
}

const GENDERS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    f: ["f", "female", "w", "woman", "frau", "vrouw", "femme", "mujer"],
    m: ["m", "male", "man", "mann", "homme", "hombre"],
    n: ["n", "non-binary", "nonbinary", "non binary", "nb", "x", "other", "diverse", "divers"],
  }).flatMap(([letter, names]) => names.map((name) => [name, letter] as const)),
);

function externalId(id: string | null): string | null {
  return id !== null && id.length <= EXTERNAL_ID_MAX ? id : null;
}

const compactName: Form = (text) => withLetter(compact(text), text);
const lowerName: Form = (text) => withLetter(text.lower, text);
const nameWords: Form = (text) => withLetter(words(text), text);
const nameLetters: Form = (text) => withLetter(letters(text), text);

/** Latin letters that are no plain letter with a mark on it. */
const LATIN: Record<string, string> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  ð: "d",
  đ: "d",
  þ: "th",
  ł: "l",
  ı: "i",
  ħ: "h",
};
const LATIN_LETTERS = /[ßæœøðđþłıħ]/g;
const MARKS = /\p{M}+/gu;
const ASCII_ONLY = /^[a-z0-9]+$/;

/**
 * The compact form of a city in plain letters ("sãopaulo" → "saopaulo"): how its people type it, and how Meta's own library
 * would at best send it (reference: meta §4). Null outside the Latin alphabet.
 */
function foldedCity(text: Text): string | null {
  const name = withLetterOrDigit(compact(text), text);
  if (name === null || isAscii(text)) return name;
  const folded = name.normalize("NFD").replace(MARKS, "").replace(LATIN_LETTERS, (letter) => LATIN[letter]!);
  // what is left may be a placeholder: "nulĺ"
  return ASCII_ONLY.test(folded) ? prepare(folded)?.lower ?? null : null;
}

/** The forms of a phone number, from its E.164 form. */
export const PHONE_FORMS = {
  /** Meta, Pinterest, Snapchat: with country code, without "+". */
  "phone.digits": (number: string) => number.slice(1),
  /** TikTok, Google: with "+". */
  "phone.e164": (number: string) => number,
  /** TikTok, numbers in China: an older page wants the national number alone (reference: tiktok §4). */
  "phone.national_cn": (number: string) => (number.startsWith("+86") ? number.slice(3) : null),
} satisfies Record<string, (number: string) => string | null>;

function phone(name: keyof typeof PHONE_FORMS): Form {
  return ({ lower }, country) => {
    const number = e164(lower, country);
    return number === null ? null : PHONE_FORMS[name](number);
  };
}

export const FORMS = {
  "email.lower": email,
  "email.gmail": ofEmail(gmailOf),
  "email.canonical": ofEmail(canonicalOf),
  "phone.digits": phone("phone.digits"),
  "phone.e164": phone("phone.e164"),
  "phone.national_cn": phone("phone.national_cn"),
  "first_name.compact": compactName,
  "first_name.lower": lowerName,
  "first_name.words": nameWords,
  "first_name.letters": nameLetters,
  "last_name.compact": compactName,
  "last_name.lower": lowerName,
  "last_name.words": nameWords,
  "last_name.letters": nameLetters,
  "street.letters": (text) => withLetterOrDigit(words(text), text),
  "city.compact": (text) => withLetterOrDigit(compact(text), text),
  "city.folded": foldedCity,
  "region.meta": (text, country) => withLetterOrDigit(regionOrCode(text, country), text),
  "region.code": twoLetterRegion,
  "postal.alnum": postal(compact),
  "postal.spaceless": postal(spaceless),
  "country.lower": ({ plain }) => isoCountry(plain)?.toLowerCase() ?? null,
  "gender.letter": ({ lower }) => GENDERS.get(lower) ?? null,
  "birth.yyyymmdd": ({ lower }, country) => birthDate(lower, country),
  "external_id.lower": (text) => externalId(spaceless(text)),
  "external_id.plain": ({ plain }) => externalId(plain),
} satisfies Record<string, Form>;

export type FormName = keyof typeof FORMS;

/** All form names, as they stand in `event.digests`. */
export const FORM_NAMES = Object.keys(FORMS) as FormName[];

/**
 * The normal form of a clear value, or null to leave it out: absent, blank, a placeholder ("null", "n/a"), absurd, or
 * already a digest. `country`: any spelling of the country the value belongs to; phones, states, postal codes and
 * dates of birth depend on it. Never throws.
 */
export function normalise(
  form: FormName,
  value: string | null | undefined,
  country: string | null = null,
): string | null {
  const text = prepare(value);
  if (text === null || asDigest(text.plain) !== null) return null;
  return (FORMS[form] as Form)(text, isoCountry(country));
}
