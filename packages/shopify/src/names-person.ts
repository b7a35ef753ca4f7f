/**
 * Whether a webhook that could not be read names somebody. It may be no JSON at all, so it is searched as text: for ids, for
 * whatever could be an address or a number, and for the ids of browsers and carts. What is found too often costs a webhook nobody
 * could read; what is missed would be a person who asked to be forgotten.
 */
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { normalise } from "@trakit/core/identity/forms.ts";

/** Whom to look for. */
export interface Wanted {
  /** Shopify customer ids. */
  customers: string[];
  /** Shopify order ids. */
  orders: string[];
  /** Digests in form email.lower. */
  emails: string[];
  /** Digests in form phone.e164. */
  phones: string[];
  /** Ids of their browsers. */
  keys: string[];
  /** Of their carts and checkouts. */
  tokens: string[];
}

/** A text in a text in a text: a cart attribute that is JSON, in a body that is JSON. */
const DEPTH = 3;
/** Shorter ones stand in any text by chance. */
const SHORTEST_WORD = 8;
const DIGITS = /^\d+$/;
const RUN = /\d+/g;
const ESCAPED = /\\u[0-9a-fA-F]{4}|\\./g;
const PERCENT = /(?:%[0-9a-fA-F]{2})+/g;
/** What stands neither in an address nor in a value around it. */
const AROUND_ADDRESS = /[\s"'<>()[\]\\,;:{}|]+/;
/** What may stand in an address and mostly stands before one: `?email=jane@example.com&x=1`. */
const BESIDE_ADDRESS = /[=&?/#]+/;
const LONGEST_ADDRESS = 320;
/** What a number may be written with; a line break or a comma ends it. */
const NUMBER_LIKE = /[\d+][\d ().\-/\u00a0\u2009-\u2011\u202f]*/g;
const LONGEST_NUMBER = 64;
const NOT_DIGITS = /\D+/g;
const COUNTRY = /"([A-Z]{2})"/g;
const MOST_COUNTRIES = 20;

/** Whether a webhook's body has anything of this person. Never throws. */
export function namesPerson(body: string, wanted: Wanted): boolean {
  return readings(body).some((text) =>
    hasId(text, new Set([...wanted.customers, ...wanted.orders])) ||
    hasWord(text, [...wanted.keys, ...wanted.tokens]) ||
    (wanted.emails.length > 0 && hasAddress(text, new Set(wanted.emails))) ||
    (wanted.phones.length > 0 && hasNumber(text, new Set(wanted.phones)))
  );
}

/** The body as it is, and with escapes and percent signs taken back. */
function readings(body: string): string[] {
  const texts = [body];
  for (let depth = 0; depth < DEPTH; depth++) {
    const text = percentDecoded(unescaped(texts.at(-1)!));
    if (text === texts.at(-1)) break;
    texts.push(text);
  }
  return texts;
}

function unescaped(text: string): string {
  return text.replace(ESCAPED, (escape) => {
    if (escape.length > 2) return String.fromCharCode(parseInt(escape.slice(2), 16));
    return "nrtbf".includes(escape[1]!) ? " " : escape[1]!;
  });
}

function percentDecoded(text: string): string {
  return text.replace(PERCENT, (codes) => {
    try {
      return decodeURIComponent(codes);
    } catch {
      return codes;
    }
  });
}

function hasId(text: string, ids: ReadonlySet<string>): boolean {
  for (const [run] of text.matchAll(RUN)) {
    if (ids.has(run)) return true;
  }
  return hasWord(text, [...ids].filter((id) => !DIGITS.test(id)));
}

function hasWord(text: string, words: string[]): boolean {
  return words.some((word) => word.length >= SHORTEST_WORD && text.includes(word));
}

function hasAddress(text: string, digests: ReadonlySet<string>): boolean {
  const is = (candidate: string) => {
    if (candidate.length > LONGEST_ADDRESS || !candidate.includes("@")) return false;
    const address = normalise("email.lower", candidate);
    return address !== null && digests.has(sha256Hex(address));
  };
  for (const quoted of text.split('"')) {
    // also with blanks in it, which the form takes out
    if (is(quoted)) return true;
    if (!quoted.includes("@")) continue;
    for (const value of quoted.split(AROUND_ADDRESS)) {
      if (!value.includes("@")) continue;
      const candidates = [
        value,
        value.replace(/^\.+/, "").replace(/\.$/, ""),
        ...value.split(BESIDE_ADDRESS),
      ];
      if (candidates.some(is)) return true;
    }
  }
  return false;
}

function hasNumber(text: string, digests: ReadonlySet<string>): boolean {
  const countries = new Set<string | null>([null]);
  for (const [, country] of text.matchAll(COUNTRY)) {
    if (countries.size < MOST_COUNTRIES) countries.add(country!);
  }
  const tried = new Set<string>();
  for (const [written] of text.matchAll(NUMBER_LIKE)) {
    const digits = written.replace(NOT_DIGITS, "");
    if (digits.length < 6 || written.length > LONGEST_NUMBER || tried.has(written)) continue;
    tried.add(written);
    if (digests.has(sha256Hex(`+${digits}`))) return true;
    for (const country of countries) {
      const number = normalise("phone.e164", written, country);
      if (number !== null && digests.has(sha256Hex(number))) return true;
    }
  }
  return false;
}
