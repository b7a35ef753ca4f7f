/** What this device keeps: cookies and storage. Every access may fail (blocked, full, private mode); none may throw. */
import type { Config, Consent, Visitor } from "../shared/types.ts";

type Place = "localStorage" | "sessionStorage";

/** Identifiers of the ad platforms whose cookie is `_` and this name. */
const IDS = ["fbp", "fbc", "ttp", "epik", "scid"];
const CLICKS = "_tk_c";
const CLICK_IDS = ["ttclid", "epik", "sc_click_id", "gclid"];

/** Reads (two arguments), writes, or removes (null) in a storage; null when there is nothing or no storage. */
export function stored(place: Place, key: string, value?: string | null): string | null | undefined {
  try {
    if (value === undefined) return self[place][key];
    if (value) self[place][key] = value;
    else delete self[place][key];
  } catch {
    // blocked or full: what is in memory goes on working
  }
  return null;
}

export const moment = (ms?: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Keys of a storage that begin so. */
export function storedKeys(place: Place, prefix: string): string[] {
  try {
    return Object.keys(self[place]).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

export const cookies = (): Record<string, string> =>
  Object.fromEntries(document.cookie.split("; ").map((pair) => pair.split(/=(.*)/)));

function setCookie(name: string, value: string, days: number, domain: string | null): void {
  document.cookie = `${name}=${value}; Path=/; Max-Age=${days * 86400}; SameSite=Lax; Secure${
    domain ? `; Domain=${domain}` : ""
  }`;
}

function clicks(jar: Record<string, string>): Visitor {
  try {
    return JSON.parse(decodeURIComponent(jar[CLICKS]!)) ?? {};
  } catch {
    return {};
  }
}

/** What is known of this visitor here, as far as consent goes. */
export function knownVisitor({ analytics, marketing }: Consent): Visitor {
  const jar = cookies();
  const found: Visitor = marketing ? clicks(jar) : {};
  if (marketing) { for (const name of IDS) found[name] ??= jar[`_${name}`]; }
  found.visitor_id = jar._tk_v ?? stored("localStorage", "_tk_v");
  found.client_id = stored("localStorage", "_tk_i");
  if (analytics) {
    found.ga = jar._ga;
    found.ga_session = /_ga_\w+=([^;]+)/.exec(document.cookie)?.[1];
  }
  return found;
}

/** Writes the identifiers the server says this visitor has; writing prolongs them. */
export function restore(visitor: Visitor, { cookie_lifetime_days, cookie_domain }: Config): void {
  const jar = cookies();
  const write = (name: string, value: unknown) => {
    // a value that would end the cookie early is none of ours
    if (value && !/[;\s]/.test(`${value}`)) setCookie(name, `${value}`, cookie_lifetime_days, cookie_domain);
  };
  for (const name of IDS) write(`_${name}`, visitor[name]);
  write("_tk_v", visitor.visitor_id);
  if (visitor.visitor_id) stored("localStorage", "_tk_v", `${visitor.visitor_id}`);
  if (!jar._ga) write("_ga", visitor.ga_client_id && `GA1.1.${visitor.ga_client_id}`);
  const now = clicks(jar);
  for (const name of CLICK_IDS) now[name] = visitor[name] ?? now[name];
  const text = JSON.stringify(now, CLICK_IDS);
  if (text !== "{}") write(CLICKS, encodeURIComponent(text));
}

/** Removes the identifiers consent no longer covers; without any consent, everything of ours. */
export function forgetIds({ analytics, marketing }: Consent, domain: string | null): void {
  const gone = marketing
    ? /^_ga/
    : analytics
    ? /^_(fb[pc]|ttp|epik|scid|tk_c)$/
    : /^_(fb[pc]|ttp|epik|scid|tk_|ga)/;
  for (const name of Object.keys(cookies())) {
    if (gone.test(name)) { for (const place of [null, domain]) setCookie(name, "", 0, place); }
  }
  if (analytics || marketing) return;
  for (const place of ["localStorage", "sessionStorage"] as const) {
    for (const key of storedKeys(place, "_tk_")) stored(place, key, null);
  }
}
