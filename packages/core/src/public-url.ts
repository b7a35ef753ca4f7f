/** Page addresses as they may be kept and leave us. */
import { holdsContact } from "./contact.ts";

/**
 * Query parameters that open something or name someone; click ids and campaign parameters stay. `_kx` is a click id that names
 * one of Klaviyo's profiles (reference: more-destinations §2).
 */
const NAMES =
  "(?:e?mail|email_?address|phone|tel|telephone|mobile|name|first_?name|last_?name|address|password|passwd|pwd|secret|token|key|api_?key|signature|hmac|auth|authenticate|session|sid|otp|jwt|customer_?id|kx)";
const PRIVATE_NAME = new RegExp(`(?:^|[_\\-.[])${NAMES}(?:[\\]_\\-.]|$)`, "i");
/** The same anywhere in a query without escapes, or a pair without anything in it. */
const NEEDS_CARE = new RegExp(
  `[?&](?:&|$|(?:q|query|search|s|keywords?)=|(?:[^=&?]*[_\\-.[])?${NAMES}(?:[\\]_\\-.=&]|$))`,
  "i",
);
const LOOKS_LIKE_EMAIL = /[^\s@/=]@[^\s@/]+\.[^\s@/]/;
/** Checkout and order-status pages are opened by the long token in their path. */
const MAY_HOLD_TOKEN = /\/(?:checkouts|orders)\//i;
const TOKEN_IN_PATH = /(\/(?:checkouts|orders)(?:\/(?:cn|c|co|ac))?)\/[^/]{16,}/gi;

function decode(text: string): string {
  if (!text.includes("%")) return text.includes("+") ? text.replaceAll("+", " ") : text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/**
 * An address that the URL parser would give back as it is, in its three parts: small letters in the host, no port, no dots
 * as path segments, nothing that is percent-encoded on the way. Most are so, and reading one is a fifth of the work.
 */
const PLAIN =
  /^(https?:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})((?:\/(?!\.{1,2}(?:\/|$|\?))[A-Za-z0-9._~@:-]*)+)(\?[A-Za-z0-9._~@:/?&=+%*!$,;-]*)?$/;

/** Such an address without anything in it that could be escaped or an email address. */
const PLAINEST =
  /^https?:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?:\/(?!\.{1,2}(?:\/|$|\?))[A-Za-z0-9._~:-]*)+(?:\?[A-Za-z0-9._~:/?&=*!$,;-]*)?$/;

/**
 * A host has at most 253 characters. Reading a longer one costs time that grows with its square where its letters are not
 * ASCII: 60,000 of them take Node seconds.
 */
const READABLE = /^[a-z][a-z0-9+.-]{0,20}:\/\/[^/?#\\]{1,300}(?:[/?#\\]|$)/i;

/** An absolute address as the URL parser reads it; null for what is none, and for a host nobody has. */
export function readUrl(text: string): URL | null {
  return READABLE.test(text) && URL.canParse(text) ? new URL(text) : null;
}

/** The same parts of any other address, or null. */
function parsedParts(url: string): [string, string, string, string] | null {
  const read = readUrl(url);
  if (read === null) return null;
  const { protocol, origin, pathname, search } = read;
  return protocol === "https:" || protocol === "http:" ? [url, origin, pathname, search] : null;
}

function looksLikeEmail(text: string): boolean {
  return (text.includes("@") || text.includes("%")) && LOOKS_LIKE_EMAIL.test(decode(text));
}

/** Where a search's words stand in an address: what is typed there is cleaned as the words themselves are. */
const SEARCH_NAME = /^(?:q|query|search|s|keywords?)$/i;

function isPrivate(pair: string): boolean {
  const equals = pair.indexOf("=");
  const name = decode(equals < 0 ? pair : pair.slice(0, equals));
  return PRIVATE_NAME.test(name) || looksLikeEmail(pair) ||
    (equals > 0 && SEARCH_NAME.test(name) && holdsContact(decode(pair.slice(equals + 1)), true));
}

/**
 * The page address as it is stored and sent: absolute http(s), without fragment, credentials, the token in a checkout's or order's
 * path, and query parameters that open something or name someone (vendors forbid personal data in URLs). What stays is
 * byte-exact, so that click ids keep their value. Null for anything else. `maxLength` cuts at a parameter's boundary
 * where it can.
 */
export function publicUrl(url: string | null | undefined, maxLength = 2000): string | null {
  if (!url) return null;
  const untouched = url.length <= maxLength && PLAINEST.test(url) && !MAY_HOLD_TOKEN.test(url) &&
    (!url.includes("?") || !NEEDS_CARE.test(url));
  if (untouched) return url;
  const parts = PLAIN.exec(url) ?? parsedParts(url);
  if (parts === null) return null;
  const [, origin = "", pathname = "/", search = ""] = parts;
  const path = MAY_HOLD_TOKEN.test(pathname) ? pathname.replace(TOKEN_IN_PATH, "$1") : pathname;
  const base = `${origin}${looksLikeEmail(path) ? "/" : path}`.slice(0, maxLength);
  if (search.length < 2) return base;
  const kept: string[] = [];
  let length = base.length;
  for (const pair of search.slice(1).split("&")) {
    if (pair === "" || isPrivate(pair)) continue;
    if (length + pair.length + 1 > maxLength) break;
    kept.push(pair);
    length += pair.length + 1;
  }
  return kept.length === 0 ? base : `${base}?${kept.join("&")}`;
}
