import { getDomain } from "tldts";
import type { BrowserVisitor } from "@trakit/shopify/browser-schema.ts";
import type { ReturnedIdentifiers } from "@trakit/pipeline/contracts/answers.ts";

/** Cookies of a first-party host: read from the request, written with the answer. */

/** Ours: the visitor's id, and click ids that have no cookie of their own. */
const VISITOR_COOKIE = "_tk_v";
const CLICKS_COOKIE = "_tk_c";
/** A page that sets absurd cookies costs us no more than reading this much of them. */
const MAX_HEADER = 32 * 1024;
const MAX_COOKIES = 200;

function jarOf(header: string): Map<string, string> {
  const jar = new Map<string, string>();
  if (header.length > MAX_HEADER) return jar;
  for (const pair of header.split(";", MAX_COOKIES)) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, at).trim();
    // the first of a name is the one of the longest path (RFC 6265 §5.4)
    if (at > 0 && !jar.has(name)) jar.set(name, pair.slice(at + 1).trim());
  }
  return jar;
}

function clicksOf(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(decodeURIComponent(text ?? ""));
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

/** What the body says of the visitor, and from the cookies what it leaves out. Shapes are checked by whoever uses it. */
export function withCookies(visitor: BrowserVisitor, header: string): BrowserVisitor {
  if (header === "") return visitor;
  const jar = jarOf(header);
  const clicks = clicksOf(jar.get(CLICKS_COOKIE));
  const click = (name: string) => {
    const value = clicks[name];
    return typeof value === "string" ? value : null;
  };
  const session = [...jar.keys()].find((name) => /^_ga_[A-Za-z0-9]+$/.test(name));
  return {
    ...visitor,
    visitor_id: visitor.visitor_id ?? jar.get(VISITOR_COOKIE) ?? null,
    fbp: visitor.fbp ?? jar.get("_fbp") ?? null,
    fbc: visitor.fbc ?? jar.get("_fbc") ?? null,
    ttp: visitor.ttp ?? jar.get("_ttp") ?? null,
    scid: visitor.scid ?? jar.get("_scid") ?? null,
    epik: visitor.epik ?? click("epik") ?? jar.get("_epik") ?? null,
    ttclid: visitor.ttclid ?? click("ttclid"),
    sc_click_id: visitor.sc_click_id ?? click("sc_click_id") ?? jar.get("_scclid") ?? null,
    rdt_uuid: visitor.rdt_uuid ?? jar.get("_rdt_uuid") ?? null,
    rdt_cid: visitor.rdt_cid ?? jar.get("_rdt_cid") ?? null,
    pin_unauth: visitor.pin_unauth ?? jar.get("_pin_unauth") ?? null,
    gclid: visitor.gclid ?? click("gclid"),
    fbclid: visitor.fbclid ?? click("fbclid"),
    fbclid_at: visitor.fbclid_at ?? (typeof clicks.fbclid_at === "number" ? clicks.fbclid_at : null),
    ga: visitor.ga ?? jar.get("_ga") ?? null,
    ga_session: visitor.ga_session ?? (session ? jar.get(session) ?? null : null),
  };
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
  const { visitor_id, fbp, fbc, ttp, ttclid, epik, scid, sc_click_id, ga_client_id, gclid } = identifiers;
  const clicks = Object.entries({ ttclid, epik, sc_click_id, gclid }).filter(([, value]) => value !== null);
  const values: [string, string | null][] = [
    [VISITOR_COOKIE, visitor_id],
    [
      CLICKS_COOKIE,
      clicks.length === 0 ? null : encodeURIComponent(JSON.stringify(Object.fromEntries(clicks))),
    ],
    ["_fbp", fbp],
    ["_fbc", fbc],
    ["_ttp", ttp],
    ["_epik", epik],
    ["_scid", scid],
    ["_ga", ga_client_id === null ? null : ga?.endsWith(`.${ga_client_id}`) ? ga : `GA1.1.${ga_client_id}`],
  ];
  return values.flatMap(([name, value]) =>
    value !== null && VALUE.test(value) ? [`${name}=${value}; ${attributes}`] : []
  );
}
