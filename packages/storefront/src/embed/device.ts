/** What this device keeps: cookies and storage. Every access may fail (blocked, full, private mode); none may throw. */
import { ANALYTICS, MARKETING } from "../shared/identifiers.ts";
import type { Consent, Visitor } from "../shared/types.ts";
import { cookiesIn, IDENTIFIER, names, visitorIn } from "../shared/visitor.ts";
import { ofDocument } from "./page.ts";

type Place = "localStorage" | "sessionStorage";

/** Reads (no value), writes, or removes (null, ""); null when there is no storage. */
const storage = (place: Place) => (key: string, value?: string | null): string | null | undefined => {
  try {
    if (value === undefined) return self[place][key];
    if (value) self[place][key] = value;
    else delete self[place][key];
  } catch {
    // blocked or full: what is in memory goes on working
  }
  return null;
};
/** What this browser keeps, and what this tab keeps. */
export const local = storage("localStorage");
export const tab = storage("sessionStorage");

export const moment = (ms?: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Keys of a storage that begin so. */
export function storedKeys(place: Place, prefix: string): string[] {
  try {
    return Object.keys(self[place]).filter((key) => key.startsWith(prefix));
  } catch {
    return [];
  }
}

export const cookies = (): Record<string, string> => cookiesIn(ofDocument("cookie"));
const writeCookie = (text: string) => Reflect.set(Document.prototype, "cookie", text, document);

/** What is known of this visitor here, as far as consent goes. */
export const knownVisitor = (consent: Consent): Visitor => ({
  ...visitorIn(ofDocument("cookie"), consent, local("_tk_v"), local("_tk_p")),
  client_id: local("_tk_i"),
});

/**
 * Writes the visitor's cookies as the server words them; writing prolongs them. What was worded earlier fills gaps only: the page's own
 * tags may know better since. Our own is nobody else's to change.
 */
export function restore(texts: string[], now: boolean): void {
  const jar = cookies();
  for (const text of texts) {
    const name = IDENTIFIER.exec(text)?.[1];
    if (name && (now || name === "_tk_v" || !jar[name])) writeCookie(text);
  }
}

/** Removes the identifiers consent no longer covers; without any consent, everything of ours. */
export function forgetIds({ analytics, marketing }: Consent, domain: string | null): void {
  const gone = names(
    `${marketing ? "" : `${MARKETING} _tk_c`} ${analytics ? "" : ANALYTICS} ${
      analytics || marketing ? "" : "_tk_\\w+"
    }`,
  );
  for (const name of Object.keys(cookies())) {
    if (RegExp(`^(${gone})$`).test(name)) {
      for (const place of ["", `; Domain=${domain}`]) writeCookie(`${name}=; Path=/; Max-Age=0${place}`);
    }
  }
  if (analytics || marketing) return;
  for (const place of ["localStorage", "sessionStorage"] as const) {
    for (const key of storedKeys(place, "_tk_")) storage(place)(key, null);
  }
}
