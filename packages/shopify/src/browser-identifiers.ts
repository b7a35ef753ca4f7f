/** Cookies and click ids of a browser's event. */
import { clickIdsFromUrl } from "@trakit/core/click-ids.ts";
import {
  fbcFromFbclid,
  fbcIsOf,
  fbcParts,
  validClickId,
  validClientId,
  validFbc,
} from "@trakit/core/cookies.ts";
import { EMPTY_IDENTIFIERS, type Identifiers } from "@trakit/core/event.ts";
import { IDENTIFIER_LIST } from "@trakit/core/identifiers.ts";
import type { BrowserVisitor } from "./browser-schema.ts";

/** What browsers tell of themselves. */
const TOLD = IDENTIFIER_LIST.flatMap(({ name, field, read }) =>
  field === null ? [] : [{ name, field, read }]
);

/** When the click stored with the visitor was first seen, ms; null when what is said is no time up to `now`. */
function clickTime(visitor: BrowserVisitor, now: number): number | null {
  const at = visitor.fbclid_at;
  return typeof at === "number" && Number.isSafeInteger(at) && at > 0 && at <= now ? at : null;
}

/**
 * `_fbc` is written anew only for a new click (reference: meta §5). The click in the page's URL is the newest there is;
 * then the later one of cookie and stored click. A cookie made of the same click is kept: its time is when Meta's own
 * tag saw it.
 */
function fbcOf(visitor: BrowserVisitor, urlClick: string | undefined, occurredAt: number): string | null {
  const cookie = validFbc(visitor.fbc);
  const stored = validClickId(visitor.fbclid);
  const storedAt = clickTime(visitor, occurredAt);
  if (urlClick !== undefined) {
    if (cookie !== null && fbcIsOf(cookie, urlClick)) return cookie;
    const seenAt = stored === urlClick ? storedAt : null;
    return fbcFromFbclid(urlClick, seenAt ?? occurredAt) ?? cookie;
  }
  const fromStored = fbcFromFbclid(stored, storedAt ?? occurredAt);
  if (cookie === null || fromStored === null) return cookie ?? fromStored;
  const newer = storedAt !== null && storedAt > (fbcParts(cookie)?.createdMs ?? 0);
  return newer && !fbcIsOf(cookie, stored ?? "") ? fromStored : cookie;
}

/**
 * The identifiers of one event. A click id in the page's URL wins over a stored one (reference: pinterest §5, meta §5).
 *
 * @param event.href the page's whole URL, or null
 * @param event.customerId the customer Shopify signed for; what the page says of a customer is not looked at
 * @param event.unproven the visitor id is shown without its proof: it counts only where no other id is beside it. A pixel's id
 * and a customer give back what they join, so beside one whoever learnt somebody's visitor id would get what it leads to
 * @param event.occurredAt ms since the epoch
 */
export function browserIdentifiers(
  visitor: BrowserVisitor,
  event: {
    href: unknown;
    pixelClientId: unknown;
    customerId: string | null;
    occurredAt: number;
    unproven?: boolean;
  },
): Identifiers {
  const { fbclid, ...clicks } = clickIdsFromUrl(event.href);
  const found: Identifiers = { ...EMPTY_IDENTIFIERS };
  for (const { name, field, read } of TOLD) {
    const value = visitor[field];
    if (value !== null && value !== undefined) found[name] = read(value);
  }
  Object.assign(found, clicks);
  found.client_id = validClientId(event.pixelClientId) ?? found.client_id;
  found.customer_id = event.customerId;
  if (event.unproven && (found.client_id ?? found.customer_id) !== null) found.visitor_id = null;
  found.fbc = fbcOf(visitor, fbclid, event.occurredAt);
  return found;
}
