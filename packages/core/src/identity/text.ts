/** What every normal form of free text starts from: one clean-up, done once per value. */

/** Longer than any name, street or address line a person has; what is longer is not one. In UTF-16 units. */
const MAX_LENGTH = 512;

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
const WORD = /^[a-z]+$/;

/**
 * Characters nobody sees and everybody's clipboard adds: controls, soft hyphen, joiners, direction marks, byte order
 * mark, variation selectors. Two spellings that look the same must give one digest.
 */
const INVISIBLE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff]/g;

const WHITESPACE = /\s+/g;
const ASCII_NOT_ALPHANUMERIC = /[^a-z0-9]+/g;
const ASCII_NOT_ALPHANUMERIC_OR_SPACE = /[^a-z0-9 ]+/g;
const ASCII_NOT_LETTER_OR_SPACE = /[^a-z ]+/g;
/**
 * Punctuation and symbols of every script, and the letter-like apostrophes (U+02B9 to U+02BC) people type for the
 * ordinary one: O'Brien, O’Brien, O´Brien and OʼBrien are one name.
 */
const PUNCTUATION = /[\p{P}\p{S}\u02b9-\u02bc]+/gu;
const PUNCTUATION_AND_SPACE = /[\p{P}\p{S}\u02b9-\u02bc\s]+/gu;
const PUNCTUATION_AND_DIGITS = /[\p{P}\p{S}\p{N}\u02b9-\u02bc]+/gu;
const LETTER = /\p{L}/u;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/** What forms and other people's code write where there is nothing. Compared in lower case, trimmed. */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  "null",
  "(null)",
  "<null>",
  "undefined",
  "none",
  "(none)",
  "n/a",
  "n / a",
  "n.a.",
  "#n/a",
  "not available",
  "not provided",
  "not set",
  "(not set)",
  "unknown",
  "[object object]",
]);

/** A cleaned value: NFC, trimmed, without invisible characters. */
export interface Text {
  /** As typed otherwise. */
  plain: string;
  /** In lower case, by Unicode's rules and no language's (a Turkish server would make another letter of I). */
  lower: string;
  /** True when `lower` is printable ASCII. */
  ascii: boolean;
  /** True when `lower` is nothing but a to z: then it is its own compact form, its words and its letters. */
  word: boolean;
}

/**
 * Cleans a value, or null where there is nothing to normalise: absent, blank, a placeholder such as "null" or "n/a",
 * or over 512 characters. A lone surrogate is kept as it is. Never throws.
 */
export function prepare(value: string | null | undefined): Text | null {
  if (typeof value !== "string" || value.length > MAX_LENGTH) return null;
  if (PRINTABLE_ASCII.test(value)) {
    const plain = value.trim();
    const lower = plain.toLowerCase();
    return usable(lower) === null ? null : { plain, lower, ascii: true, word: WORD.test(lower) };
  }
  const plain = value.replace(INVISIBLE, "").normalize("NFC").trim();
  // Lower-casing can bring together what composes (Ϊ + acute): composed again, a second pass changes nothing.
  const lower = plain.toLowerCase().normalize("NFC");
  if (usable(lower) === null) return null;
  return { plain, lower, ascii: PRINTABLE_ASCII.test(lower), word: WORD.test(lower) };
}

/** The text, or null where nothing or a placeholder is left of it. */
function usable(text: string): string | null {
  return text === "" || PLACEHOLDERS.has(text) ? null : text;
}

/** `base` after a removal: trimmed, composed again where the removal brought a letter and its accent together. */
function finished(stripped: string, base: string): string | null {
  const text = stripped.length === base.length ? stripped : stripped.normalize("NFC");
  return usable(text.trim());
}

/** Lower case without punctuation and whitespace: "Jean-François" → "jeanfrançois", "New York" → "newyork". */
export function compact({ lower, ascii, word }: Text): string | null {
  if (word) return lower;
  return ascii
    ? usable(lower.replace(ASCII_NOT_ALPHANUMERIC, ""))
    : finished(lower.replace(PUNCTUATION_AND_SPACE, ""), lower);
}

/** Lower case without punctuation, inner spaces kept: "O'Brien" → "obrien", "de Vries" → "de vries". */
export function words({ lower, ascii, word }: Text): string | null {
  if (word) return lower;
  return ascii
    ? usable(lower.replace(ASCII_NOT_ALPHANUMERIC_OR_SPACE, "").trim())
    : finished(lower.replace(PUNCTUATION, ""), lower);
}

/** Lower case without digits and symbols, inner spaces kept (Google's rule for names, city and region). */
export function letters({ lower, ascii, word }: Text): string | null {
  if (word) return lower;
  return ascii
    ? usable(lower.replace(ASCII_NOT_LETTER_OR_SPACE, "").trim())
    : finished(lower.replace(PUNCTUATION_AND_DIGITS, ""), lower);
}

/** Lower case without any whitespace. */
export function spaceless({ lower, ascii }: Text): string | null {
  if (ascii && !lower.includes(" ")) return lower;
  return finished(lower.replace(WHITESPACE, ""), lower);
}

/** The text if it has a letter in it: a name of dots or digits is none. */
export function withLetter(text: string | null): string | null {
  return text !== null && LETTER.test(text) ? text : null;
}

/** The text if it has a letter or digit in it. */
export function withLetterOrDigit(text: string | null): string | null {
  return text !== null && LETTER_OR_DIGIT.test(text) ? text : null;
}
