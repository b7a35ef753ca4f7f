import { getDomain } from "tldts";
import {
  CLICKS_COOKIE,
  IDENTIFIER_LIST,
  IDENTIFIERS,
  PROOF_COOKIE,
  RETURNED_NAMES,
  VISITOR_COOKIE,
} from "@trakit/core/identifiers.ts";
import type { BrowserVisitor } from "@trakit/shopify/browser-schema.ts";
import type { ReturnedIdentifiers } from "@trakit/pipeline/contracts/answers.ts";

/** Cookies of a first-party host: read from the request, written with the answer. */

/** A page that sets absurd cookies costs us no more than reading this much of them. */
const MAX_HEADER = 32 * 1024;
const MAX_COOKIES = 200;

/** Names and values in the order they came. */
function pairsOf(header: string): [name: string, value: string][] {
  if (header.length > MAX_HEADER) return [];
  return header.split(";", MAX_COOKIES).flatMap((pair) => {
    const at = pair.indexOf("=");
    return at > 0 ? [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()]] : [];
  });
}

function jarOf(header: string): Map<string, string> {
  const jar = new Map<string, string>();
  // the first of a name is the one of the longest path (RFC 6265 §5.4)
  for (const [name, value] of pairsOf(header)) if (!jar.has(name)) jar.set(name, value);
  return jar;
}

/** Every value a request has for a cookie: of several, all but one are other hosts' of the domain. */
export function cookieValues(header: string, name: string): string[] {
  return pairsOf(header).flatMap((pair) => pair[0] === name ? [pair[1]] : []);
}

function clicksOf(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(decodeURIComponent(text ?? ""));
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

/** The first there is of these cookies. */
function inJar(jar: Map<string, string>, cookies: readonly string[]): string | null {
  for (const cookie of cookies) {
    const start = cookie.endsWith("*") ? cookie.slice(0, -1) : null;
    const name = start === null ? cookie : [...jar.keys()].find((one) => one.startsWith(start));
    const value = jar.get(name ?? "");
    if (value !== undefined) return value;
  }
  return null;
}

/** What the body says of the visitor, and from the cookies what it leaves out. Shapes are checked by whoever uses it. */
export function withCookies(visitor: BrowserVisitor, header: string): BrowserVisitor {
  if (header === "") return visitor;
  const jar = jarOf(header);
  const clicks = clicksOf(jar.get(CLICKS_COOKIE));
  const found: BrowserVisitor = { ...visitor };
  for (const { name, field, cookies } of IDENTIFIER_LIST) {
    if (field === null || (found[field] ?? null) !== null) continue;
    const click = clicks[name];
    const value = typeof click === "string" ? click : inJar(jar, cookies);
    if (value !== null) found[field] = value;
  }
  found.fbclid ??= typeof clicks.fbclid === "string" ? clicks.fbclid : null;
  found.fbclid_at ??= typeof clicks.fbclid_at === "number" ? clicks.fbclid_at : null;
  return found;
}

/**
 * The domain cookies of a host belong to: the registrable one, by the public-suffix list with its private part, so that
 * neighbours on a shared suffix (`myshopify.com`, `pages.dev`) never get them. Null: the host itself only (an IP address, a
 * suffix, a name of one label).
 */
export function cookieDomain(host: string | null): string | null {
  return host === null ? null : getDomain(host, { allowPrivateDomains: true });
}

/** Whether `host` is under the same registrable domain as one of the storefront's. */
export function isFirstParty(host: string | null, storefront: readonly string[]): boolean {
  if (host === null) return false;
  const domain = cookieDomain(host);
  return storefront.some((other) => other === host || (domain !== null && cookieDomain(other) === domain));
}

/**
 * What may stand in a cookie (RFC 6265 §4.1.1): a click id may hold more, and a `;` would begin an attribute. Browsers take
 * 4096 characters with name and attributes.
 */
const VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,3800}$/;

/** The `_ga` cookie of a client id: the one the browser has, whose head is GA's own, else a new one. */
const gaCookie = (id: string, has: string | null) => has?.endsWith(`.${id}`) ? has : `GA1.1.${id}`;

/** `Set-Cookie` of a visitor's proof: for the host that answers, alone, and for no script of the page. */
export function proofCookie(proof: string, days: number): string {
  return `${PROOF_COOKIE}=${proof}; Path=/; Max-Age=${days * 86_400}; SameSite=Lax; Secure; HttpOnly`;
}

/**
 * `Set-Cookie` values that give a browser its identifiers for `days`, each visit anew. Scripts of the page read them, so
 * they are not HttpOnly.
 *
 * @param ga the whole `_ga` cookie the browser has; its head is GA's own and stays as it is
 */
export function setCookies(
  identifiers: ReturnedIdentifiers,
  host: string | null,
  days: number,
  ga: string | null,
): string[] {
  const domain = cookieDomain(host);
  const attributes = `Path=/; Max-Age=${days * 86_400}; SameSite=Lax; Secure${
    domain === null ? "" : `; Domain=${domain}`
  }`;
  const clicks: Record<string, string> = {};
  const values = new Map([[VISITOR_COOKIE, ""], [CLICKS_COOKIE, ""]]);
  for (const name of RETURNED_NAMES) {
    const value = identifiers[name];
    if (value === null) continue;
    for (const cookie of IDENTIFIERS[name].returned) {
      if (cookie !== CLICKS_COOKIE) values.set(cookie, cookie === "_ga" ? gaCookie(value, ga) : value);
      else {
        const text = encodeURIComponent(JSON.stringify({ ...clicks, [name]: value }));
        // one too many leaves the others in
        if (!VALUE.test(text)) continue;
        clicks[name] = value;
        values.set(CLICKS_COOKIE, text);
      }
    }
  }
  return [...values].flatMap(([name, value]) => VALUE.test(value) ? [`${name}=${value}; ${attributes}`] : []);
}
