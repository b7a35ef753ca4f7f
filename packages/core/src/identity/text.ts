/** What every normal form of free text starts from: one clean-up, done once per value. */

/** Longer than any name, street or address line a person has; what is longer is not one. In UTF-16 units. */
const MAX_LENGTH = 512;

/**
 * What a character is, as bits: one look at each character answers most questions about a value. Latin-1 is known here, for
 * most values are made of it; its letters compose with nothing (they are NFC) and stay Latin-1 in lower case.
 */
const SMALL = 1;
const CAPITAL = 2;
const DIGIT = 4;
const BLANK = 8;
const OTHER = 16;
/** Beside SMALL or CAPITAL: a letter that is not ASCII. */
const LATIN = 32;
/** Not printable, or no letter and not ASCII, or not Latin-1: only Unicode's own tables know what it is. */
const BEYOND = 64;
const KINDS = Uint8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (code < 0x20 || code === 0x7f) return BEYOND;
  if (/[a-z]/.test(character)) return SMALL;
  if (/[A-Z]/.test(character)) return CAPITAL;
  if (/[ß-öø-ÿ]/.test(character)) return SMALL | LATIN;
  if (/[À-ÖØ-Þ]/.test(character)) return CAPITAL | LATIN;
  if (/[0-9]/.test(character)) return DIGIT;
  return character === " " ? BLANK : code < 0x7f ? OTHER : BEYOND;
});

/** The kinds of characters in a text; BEYOND alone as soon as there is one of those. */
function kindsOf(text: string): number {
  let kinds = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    kinds |= code < 256 ? KINDS[code]! : BEYOND;
    if (kinds >= BEYOND) return BEYOND;
  }
  return kinds;
}

/** ASCII text without its characters of these kinds. */
function without(text: string, unwanted: number): string {
  let kept = "";
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if ((KINDS[text.charCodeAt(at)]! & unwanted) === 0) continue;
    kept += text.slice(start, at);
    start = at + 1;
  }
  return kept + text.slice(start);
}

/**
 * Characters nobody sees and everybody's clipboard adds: controls, soft hyphen, joiners, direction marks, byte order
 * mark, variation selectors. Two spellings that look the same must give one digest.
 */
const INVISIBLE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff]/g;

const WHITESPACE = /\s+/g;
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

const LONGEST_PLACEHOLDER = Math.max(...[...PLACEHOLDERS].map((text) => text.length));
/** Asked first: to look a text up in a set costs more than all the rest that is asked of most texts. */
const PLACEHOLDER_STARTS = Uint8Array.from(
  { length: 128 },
  (_, code) => [...PLACEHOLDERS].some((text) => text.charCodeAt(0) === code) ? 1 : 0,
);

function isPlaceholder(text: string): boolean {
  return text.length <= LONGEST_PLACEHOLDER && PLACEHOLDER_STARTS[text.charCodeAt(0)] === 1 &&
    PLACEHOLDERS.has(text);
}

/** A cleaned value: NFC, trimmed, without invisible characters. */
export interface Text {
  /** As typed otherwise. */
  plain: string;
  /** In lower case, by Unicode's rules and no language's (a Turkish server would make another letter of I). */
  lower: string;
  /** Bits of what `lower` is made of. */
  kinds: number;
}

function textOf(plain: string, lower: string, kinds: number): Text | null {
  return usable(lower) === null ? null : { plain, lower, kinds };
}

/** True when `lower` is nothing but Latin letters: then it is its own compact form, its words and its letters. */
export function isWord({ kinds }: Text): boolean {
  return (kinds & ~LATIN) === SMALL;
}

/** True when `lower` is printable ASCII. */
export function isAscii({ kinds }: Text): boolean {
  return kinds < LATIN;
}

/**
 * Cleans a value, or null where there is nothing to normalise: absent, blank, a placeholder such as "null" or "n/a",
 * or over 512 characters. A lone surrogate is kept as it is. Never throws.
 */
export function prepare(value: string | null | undefined): Text | null {
  if (typeof value !== "string" || value.length > MAX_LENGTH) return null;
  const kinds = kindsOf(value);
  if (kinds < BEYOND) {
    const plain = (kinds & BLANK) === 0 ? value : value.trim();
    const inner = plain.length === value.length || plain.includes(" ") ? kinds : kinds & ~BLANK;
    return (kinds & CAPITAL) === 0
      ? textOf(plain, plain, inner)
      : textOf(plain, plain.toLowerCase(), inner & ~CAPITAL | SMALL);
  }
  const plain = value.replace(INVISIBLE, "").normalize("NFC").trim();
  // Lower-casing can bring together what composes (Ϊ + acute): composed again, a second pass changes nothing.
  const lower = plain.toLowerCase().normalize("NFC");
  return textOf(plain, lower, kindsOf(lower));
}

/** The text, or null where nothing or a placeholder is left of it. */
function usable(text: string): string | null {
  return text === "" || isPlaceholder(text) ? null : text;
}

/** `base` after a removal: trimmed, composed again where the removal brought a letter and its accent together. */
function finish(stripped: string, base: string): string | null {
  const text = stripped.length === base.length ? stripped : stripped.normalize("NFC");
  return usable(text.trim());
}

/** Lower case without punctuation and whitespace: "Jean-François" → "jeanfrançois", "New York" → "newyork". */
export function compact({ lower, kinds }: Text): string | null {
  if ((kinds & (BLANK | OTHER | BEYOND)) === 0) return lower;
  return kinds < LATIN
    ? usable(without(lower, BLANK | OTHER))
    : finish(lower.replace(PUNCTUATION_AND_SPACE, ""), lower);
}

/** Lower case without punctuation, inner spaces kept: "O'Brien" → "obrien", "de Vries" → "de vries". */
export function words({ lower, kinds }: Text): string | null {
  if ((kinds & (OTHER | BEYOND)) === 0) return lower;
  return kinds < LATIN ? usable(without(lower, OTHER).trim()) : finish(lower.replace(PUNCTUATION, ""), lower);
}

/** Lower case without digits and symbols, inner spaces kept (Google's rule for names, city and region). */
export function letters({ lower, kinds }: Text): string | null {
  if ((kinds & (DIGIT | OTHER | BEYOND)) === 0) return lower;
  return kinds < LATIN
    ? usable(without(lower, DIGIT | OTHER).trim())
    : finish(lower.replace(PUNCTUATION_AND_DIGITS, ""), lower);
}

/** Lower case without any whitespace. */
export function spaceless({ lower, kinds }: Text): string | null {
  if ((kinds & (BLANK | BEYOND)) === 0) return lower;
  return kinds < LATIN ? usable(without(lower, BLANK)) : finish(lower.replace(WHITESPACE, ""), lower);
}

/** ASCII text in lower case without anything but letters and digits. */
export function asciiAlphanumeric(text: string): string {
  return without(text, BLANK | OTHER);
}

/** What was made of `of`, if it has a letter in it: a name of dots or digits is none. */
export function withLetter(text: string | null, of: Text): string | null {
  if (text === null) return null;
  return (of.kinds < BEYOND ? (of.kinds & SMALL) !== 0 : LETTER.test(text)) ? text : null;
}

/** What was made of `of`, if it has a letter or digit in it. */
export function withLetterOrDigit(text: string | null, of: Text): string | null {
  if (text === null) return null;
  return (of.kinds < BEYOND ? (of.kinds & (SMALL | DIGIT)) !== 0 : LETTER_OR_DIGIT.test(text)) ? text : null;
}
