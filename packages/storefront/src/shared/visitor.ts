/** Which identifiers a device's cookies hold. */
import { ANALYTICS, MARKETING } from "./identifiers.ts";
import { type Consent, parsed, type Visitor } from "./types.ts";

/** Cookies by name, from the text `document.cookie` gives. */
export const cookiesIn = (text: string): Record<string, string> =>
  Object.fromEntries(text.split("; ").map((pair) => pair.split(/=(.*)/)));

/** Names of cookies in one of the lists, as part of an expression. */
export const names = (list: string) => list.trim().replace(/=\w+/g, "").replace(/ +/g, "|");

/** Begins the text of a cookie that is the visitor's; a session kept in storage may have been written by others. */
const ours = names(`_tk_[cv] ${MARKETING} ${ANALYTICS}`);
export const IDENTIFIER = RegExp(`^(${ours})=`);

/**
 * What is known of the visitor from such a text, as far as consent goes. Who has a proof is whom it was given for: storage is the shop's
 * origin's alone, and a cookie may be a neighbour's.
 *
 * @param id the visitor id storage holds, and
 * @param proof the proof it came with
 */
export function visitorIn(
  text: string,
  { analytics, marketing }: Consent,
  id?: string | null,
  proof?: string | null,
): Visitor {
  const value = (cookie: string) => RegExp(`(^|; )${cookie}=([^;]+)`).exec(text)?.[2];
  // a page's script may have given every object properties; who the visitor is is not among them
  const found: Visitor = { __proto__: null };
  // whoever wrote it: who the visitor is does not come from there
  if (marketing) Object.assign(found, parsed(unescape(value("_tk_c") ?? "")));
  for (const pair of `${marketing ? MARKETING : ""} ${analytics ? ANALYTICS : ""}`.split(" ")) {
    const [cookie, field = cookie!.replace(/^_+/, "")] = pair.split("=") as [string, string?];
    if (cookie) found[field] ??= value(cookie);
  }
  // of several one is a neighbour's, and which is not to be seen
  const ids = new Set(text.split("; ").filter((pair) => pair.startsWith("_tk_v=")));
  found.proof = id && proof;
  found.visitor_id = !found.proof && ids.size === 1 ? value("_tk_v") : id;
  return found;
}
