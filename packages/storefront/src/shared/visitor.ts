/** Which identifiers a device's cookies hold. */
import { ANALYTICS, MARKETING } from "./identifiers.ts";
import type { Consent, Visitor } from "./types.ts";

/** Cookies by name, from the text `document.cookie` gives. */
export const cookiesIn = (text: string): Record<string, string> =>
  Object.fromEntries(text.split("; ").map((pair) => pair.split(/=(.*)/)));

/** What is known of the visitor from such a text, as far as consent goes. */
export function visitorIn(text: string, { analytics, marketing }: Consent): Visitor {
  const value = (cookie: string) => RegExp(`(^|; )${cookie}=([^;]+)`).exec(text)?.[2];
  const found: Visitor = {};
  try {
    if (marketing) Object.assign(found, JSON.parse(decodeURIComponent(value("_tk_c") ?? "{}")));
  } catch {
    // somebody else's cookie
  }
  for (const pair of `${marketing ? MARKETING : ""} ${analytics ? ANALYTICS : ""}`.split(" ")) {
    const [cookie, field = cookie!.replace(/^_+/, "")] = pair.split("=") as [string, string?];
    if (cookie) found[field] ??= value(cookie);
  }
  found.visitor_id = value("_tk_v");
  return found;
}
