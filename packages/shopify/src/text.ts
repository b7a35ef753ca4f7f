/** Texts and ids from outside, made fit to be stored: bounded, and free of what Postgres cannot hold. */

/** NUL and lone surrogates: `\u0000` is refused in Postgres' text and jsonb, a lone surrogate has no UTF-8. */
// deno-lint-ignore no-control-regex
const UNSTORABLE = /\u0000|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const NUMERIC_ID = /^\d{1,20}$/;
const TOKEN = /^[A-Za-z0-9_=-]{1,128}$/;
const LANGUAGE = /^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,4}$/;
const CURRENCY = /^[A-Z]{3}$/;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** Longest text taken, in UTF-16 units. */
export const MAX = {
  /** A name, a city, a SKU, a product title … */
  short: 255,
  /** RFC 5321 §4.5.3.1: 64 + "@" + 255. */
  email: 320,
  phone: 64,
  page_title: 300,
  user_agent: 1000,
  search_query: 500,
  url: 4096,
} as const;

/** The text with NUL and lone surrogates replaced by U+FFFD, cut to `max` UTF-16 units, never through a character. */
export function cleanText(text: string, max: number): string {
  let cut = text;
  if (text.length > max) {
    const last = text.charCodeAt(max - 1);
    cut = text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
  }
  return cut.replace(UNSTORABLE, "\ufffd");
}

/** `cleanText` of a string or number; null for anything else and for blank text. */
export function textOrNull(value: unknown, max: number): string | null {
  const text = typeof value === "number" && Number.isFinite(value) ? String(value) : value;
  return typeof text === "string" && text.trim() !== "" ? cleanText(text, max) : null;
}

/**
 * A Shopify id as a string of digits: from a string, a number or a gid ("gid://shopify/Order/1" → "1"). Null for anything
 * else, and for a number beyond 2^53, which some parser has rounded already (reference: shopify §0.10, §4.3).
 */
export function shopifyId(value: unknown): string | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value > 0 ? String(value) : null;
  if (typeof value !== "string" || value.length > 200) return null;
  const id = value.split("?", 1)[0]?.split("/").at(-1) ?? "";
  return NUMERIC_ID.test(id) ? id : null;
}

/** A cart or checkout token; a gid's prefix and the `?key=…` Ajax may append are cut off (reference: shopify §4.6). */
export function shopifyToken(value: unknown): string | null {
  if (typeof value !== "string" || value.length > 400) return null;
  const token = value.split("?", 1)[0]?.replace(/^gid:\/\/shopify\/[A-Za-z]+\//, "") ?? "";
  return TOKEN.test(token) ? token : null;
}

/**
 * A cart or checkout token nobody guesses: 16 characters or more, a letter among them. Shopify's are 32 hex digits and base64
 * (reference: shopify §2.3, §4.6); a number, such as an order's id, is none. What browsers send as a token has to be one, because
 * it joins an order to them. Null for anything else.
 */
export function heldToken(value: unknown): string | null {
  const token = shopifyToken(value);
  return token !== null && token.length >= 16 && /[A-Za-z]/.test(token) ? token : null;
}

/** The first language of a BCP 47 tag or an `Accept-Language` list: "en-US,en;q=0.9" → "en-US"; null if there is none. */
export function languageTag(value: unknown): string | null {
  if (typeof value !== "string" || value.length > 1000) return null;
  const tag = value.split(/[,;]/, 1)[0]?.trim() ?? "";
  return LANGUAGE.test(tag) ? tag.replaceAll("_", "-") : null;
}

/** ISO 4217 code in upper case, by its shape. */
export function currencyCode(value: unknown): string | null {
  const code = typeof value === "string" ? value.trim().toUpperCase() : "";
  return CURRENCY.test(code) ? code : null;
}

/** An ISO 8601 time with its offset, in ms since the epoch; null for anything else (a time without offset is no time). */
export function timeOf(value: unknown): number | null {
  if (typeof value !== "string" || value.length > 40 || !ISO_TIME.test(value)) return null;
  const time = Date.parse(value);
  return Number.isNaN(time) ? null : time;
}

/** True for an object that is no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
