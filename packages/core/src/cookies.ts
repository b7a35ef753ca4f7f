/**
 * Cookies and click ids: is this text what the vendor makes? They come from browsers, cart attributes and URLs, all
 * writable by anybody. What fits is kept byte for byte (vendors compare them exactly), what does not fit is nothing:
 * never repaired, never cut. Each reader takes anything and returns the same string or null (Google Analytics': the part that is
 * the id); none throws. Which identifier has which shape is in identifiers.ts.
 */

/** Printable ASCII without blank, quotes, comma, semicolon and backslash: what a cookie value may hold (RFC 6265 §4.1.1). */
const TOKEN = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;
// Meta counts in milliseconds, of 13 digits until the year 2286; a time in seconds is somebody's mistake.
const FBP = /^fb\.\d{1,2}\.\d{13}\.\d{1,20}(?:\.[A-Za-z0-9_-]{2,16})?$/;
const FBC = /^fb\.\d{1,2}\.(\d{13})\.([\x21-\x7e]+)$/;
const VISITOR_ID = /^[0-9a-f]{32}$/;
const CLIENT_ID = /^[A-Za-z0-9_-]{16,64}$/;
const GA_CLIENT_ID = /^(?:GA\d\.\d{1,3}(?:-\d{1,3})?\.)?(\d{1,20}\.\d{1,20})$/;
const GS1 = /^GS1\.\d{1,3}\.(\d{1,20})(?:\.|$)/;
const GS2 = /^GS\d\.\d{1,3}\.(.+)$/;
const GS2_SESSION = /^s(\d{1,20})$/;
const DIGITS = /^\d{1,20}$/;

/** TikTok's documented bound ("up to 1000 characters; never truncate"), taken for every click id (reference: tiktok §5). */
const MAX_CLICK_ID = 1000;
/** A whole `_fbc`: prefix, time, click id and Meta's appendix. */
const MAX_FBC = MAX_CLICK_ID + 60;
const MAX_COOKIE = 1024;

function matching(value: unknown, shape: RegExp, maxLength: number): string | null {
  return typeof value === "string" && value.length <= maxLength && shape.test(value) ? value : null;
}

/** A reader of values of this shape, of at most so many characters. */
export function shaped(shape: RegExp, maxLength: number): (value: unknown) => string | null {
  return (value) => matching(value, shape, maxLength);
}

/** Whatever a cookie can hold, of at most so many characters: for vendors that publish no grammar. */
export const cookieValue = (maxLength: number) => shaped(TOKEN, maxLength);

/** A click id without a published grammar; case counts. */
export const validClickId = cookieValue(MAX_CLICK_ID);

/** TrakIt's own visitor id: 32 lower-case hex digits. */
export function validVisitorId(value: unknown): string | null {
  return matching(value, VISITOR_ID, 32);
}

/** Shopify's web pixel `clientId` (a UUID in every capture): 16 to 64 letters, digits, `_`, `-`. */
export function validClientId(value: unknown): string | null {
  return matching(value, CLIENT_ID, 64);
}

/** `_fbp`: `fb.<depth>.<ms>.<random number>`, with or without Meta's appendix (reference: meta §5). */
export function validFbp(value: unknown): string | null {
  return matching(value, FBP, 100);
}

/**
 * `_fbc`: `fb.<depth>.<ms>.<fbclid>`, with or without Meta's appendix. One malformed value makes Meta refuse the whole
 * request (reference: meta §5, error 2804001).
 */
export function validFbc(value: unknown): string | null {
  return matching(value, FBC, MAX_FBC);
}

/** The parts of a valid `_fbc`; null otherwise. `click` may end with Meta's appendix, which cannot be told from a click id. */
export function fbcParts(value: unknown): { createdMs: number; click: string } | null {
  const match = FBC.exec(validFbc(value) ?? "");
  return match ? { createdMs: Number(match[1]), click: match[2] ?? "" } : null;
}

/** True when `fbc` was made from this fbclid, with or without an appendix. */
export function fbcIsOf(fbc: string, fbclid: string): boolean {
  const click = fbcParts(fbc)?.click;
  return click === fbclid || (click?.startsWith(`${fbclid}.`) ?? false);
}

/**
 * The `_fbc` for a click: depth 1, as Meta asks for values a server makes, the fbclid byte for byte, no appendix.
 * Null when the fbclid or the time is none.
 *
 * @param createdMs when the fbclid was first seen, ms since the epoch (not when it is sent)
 */
export function fbcFromFbclid(fbclid: unknown, createdMs: number): string | null {
  const click = validClickId(fbclid);
  if (click === null || !Number.isSafeInteger(createdMs)) return null;
  return validFbc(`fb.1.${createdMs}.${click}`);
}

/**
 * A new `_fbp` in Meta's form: depth 1, the time it is made, and a random number below 2^31, as Meta's own parameter builder
 * makes it (reference: meta §5).
 *
 * @param chance in [0, 1)
 */
export function newFbp(nowMs: number, chance: number): string {
  return `fb.1.${Math.trunc(nowMs)}.${Math.floor(chance * 2 ** 31)}`;
}

/** GA's client id, "a.b": from the `_ga` cookie ("GA1.1.a.b") or given as such (reference: google §5). Null otherwise. */
export function gaClientId(cookieOrId: unknown): string | null {
  return typeof cookieOrId === "string" && cookieOrId.length <= MAX_COOKIE
    ? GA_CLIENT_ID.exec(cookieOrId)?.[1] ?? null
    : null;
}

/**
 * GA's session id (digits) from a `_ga_<stream>` cookie: "GS1.1.<id>.…" or "GS2.1.s<id>$o1$…", whose parts may stand in
 * any order; or the digits themselves (reference: google §5). Null otherwise: sending the whole cookie breaks sessions.
 */
export function gaSessionId(cookieOrId: unknown): string | null {
  if (typeof cookieOrId !== "string" || cookieOrId.length > MAX_COOKIE) return null;
  if (DIGITS.test(cookieOrId)) return cookieOrId;
  const first = GS1.exec(cookieOrId);
  if (first) return first[1] ?? null;
  for (const part of GS2.exec(cookieOrId)?.[1]?.split("$") ?? []) {
    const session = GS2_SESSION.exec(part);
    if (session) return session[1] ?? null;
  }
  return null;
}
