/**
 * Cookies and click ids: is this text what the vendor makes? They come from browsers, cart attributes and URLs, all
 * writable by anybody. What fits is kept byte for byte (vendors compare them exactly), what does not fit is nothing:
 * never repaired, never cut. Each `valid…` takes anything and returns the same string or null; none throws.
 */

/** Printable ASCII without blank, quotes, comma, semicolon and backslash: what a cookie value may hold (RFC 6265 §4.1.1). */
const TOKEN = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;
// Meta counts in milliseconds, of 13 digits until the year 2286; a time in seconds is somebody's mistake.
const FBP = /^fb\.\d{1,2}\.\d{13}\.\d{1,20}(?:\.[A-Za-z0-9_-]{2,16})?$/;
const FBC = /^fb\.\d{1,2}\.(\d{13})\.([\x21-\x7e]+)$/;
const VISITOR_ID = /^[0-9a-f]{32}$/;
const CLIENT_ID = /^[A-Za-z0-9_-]{16,64}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TTP = /^[A-Za-z0-9._~-]{1,256}$/;
const RDT_UUID = /^[A-Za-z0-9.-]{1,100}$/;
const RDT_CID = /^[A-Za-z0-9_-]{1,200}$/;
const GCLID = /^[A-Za-z0-9._-]{1,512}$/;
const GA_CLIENT_ID = /^(?:GA\d\.\d{1,3}(?:-\d{1,3})?\.)?(\d{1,20}\.\d{1,20})$/;
const GS1 = /^GS1\.\d{1,3}\.(\d{1,20})(?:\.|$)/;
const GS2 = /^GS\d\.\d{1,3}\.(.+)$/;
const GS2_SESSION = /^s(\d{1,20})$/;
const DIGITS = /^\d{1,20}$/;

/** TikTok's documented bound ("up to 1000 characters; never truncate"), taken for every click id. */
const MAX_CLICK_ID = 1000;
/** A whole `_fbc`: prefix, time, click id and Meta's appendix. */
const MAX_FBC = MAX_CLICK_ID + 60;
const MAX_COOKIE = 1024;
const MAX_URL_PARAMETERS = 500;

function matching(value: unknown, shape: RegExp, maxLength: number): string | null {
  return typeof value === "string" && value.length <= maxLength && shape.test(value) ? value : null;
}

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

/** The click id Meta puts on landing URLs; case counts. */
export function validFbclid(value: unknown): string | null {
  return matching(value, TOKEN, MAX_CLICK_ID);
}

/**
 * The `_fbc` for a click: depth 1, as Meta asks for values a server makes, the fbclid byte for byte, no appendix.
 * Null when the fbclid or the time is none.
 *
 * @param createdMs when the fbclid was first seen, ms since the epoch (not when it is sent)
 */
export function fbcFromFbclid(fbclid: unknown, createdMs: number): string | null {
  const click = validFbclid(fbclid);
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

/** TikTok's click id: no published grammar, up to 1000 characters (reference: tiktok §5). */
export function validTtclid(value: unknown): string | null {
  return matching(value, TOKEN, MAX_CLICK_ID);
}

/** TikTok's `_ttp` cookie. */
export function validTtp(value: unknown): string | null {
  return matching(value, TTP, 256);
}

/** Pinterest's `_epik` cookie or `epik` click id; case counts (reference: pinterest §5). */
export function validEpik(value: unknown): string | null {
  return matching(value, TOKEN, MAX_CLICK_ID);
}

/** Snapchat's `_scid` cookie: a UUID (reference: snapchat §5). */
export function validScid(value: unknown): string | null {
  return matching(value, UUID, 36);
}

/** Snapchat's `ScCid` click id. */
export function validScClickId(value: unknown): string | null {
  return matching(value, TOKEN, MAX_CLICK_ID);
}

/** Reddit's `_rdt_uuid` cookie: a time and a UUID in every capture; no published grammar (docs/destinations/reddit.md). */
export function validRdtUuid(value: unknown): string | null {
  return matching(value, RDT_UUID, 100);
}

/** Reddit's click id: digits in every sample; no published grammar. */
export function validRdtCid(value: unknown): string | null {
  return matching(value, RDT_CID, 200);
}

/** Pinterest's `_pin_unauth` cookie (reference: pinterest §5). */
export function validPinUnauth(value: unknown): string | null {
  return matching(value, TOKEN, MAX_COOKIE);
}

/** Google Ads' click id. */
export function validGclid(value: unknown): string | null {
  return matching(value, GCLID, 512);
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

export interface ClickIds {
  fbclid: string | null;
  ttclid: string | null;
  epik: string | null;
  sc_click_id: string | null;
  gclid: string | null;
  rdt_cid: string | null;
}

/** Percent-decoding only: `+` stays, because a click id is not a form value. Broken escapes leave the text as it is. */
function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The click ids in a URL's query, absolute or relative; the first usable one of each, null where there is none.
 * Never throws. Names count as they are written, except Snapchat's `ScCid`, seen in any case (reference: snapchat §5).
 */
export function clickIdsFromUrl(url: unknown): ClickIds {
  const found: ClickIds = {
    fbclid: null,
    ttclid: null,
    epik: null,
    sc_click_id: null,
    gclid: null,
    rdt_cid: null,
  };
  if (typeof url !== "string") return found;
  const withoutFragment = url.split("#", 1)[0] ?? "";
  const start = withoutFragment.indexOf("?");
  if (start < 0) return found;
  for (const pair of withoutFragment.slice(start + 1).split("&", MAX_URL_PARAMETERS)) {
    const equals = pair.indexOf("=");
    if (equals < 0) continue;
    const name = percentDecoded(pair.slice(0, equals));
    const value = pair.slice(equals + 1);
    if (name === "fbclid") found.fbclid ??= validFbclid(percentDecoded(value));
    else if (name === "ttclid") found.ttclid ??= validTtclid(percentDecoded(value));
    else if (name === "epik") found.epik ??= validEpik(percentDecoded(value));
    else if (name === "rdt_cid") found.rdt_cid ??= validRdtCid(percentDecoded(value));
    else if (name === "gclid") found.gclid ??= validGclid(percentDecoded(value));
    else if (name.toLowerCase() === "sccid") found.sc_click_id ??= validScClickId(percentDecoded(value));
  }
  return found;
}
