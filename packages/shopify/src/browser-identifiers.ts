/** Cookies and click ids of a browser's event. */
import type { Identifiers } from "@trakit/core/event.ts";
import {
  clickIdsFromUrl,
  fbcFromFbclid,
  fbcIsOf,
  fbcParts,
  gaClientId,
  gaSessionId,
  validClientId,
  validEpik,
  validFbc,
  validFbclid,
  validFbp,
  validGclid,
  validPinUnauth,
  validRdtCid,
  validRdtUuid,
  validScClickId,
  validScid,
  validTtclid,
  validTtp,
  validVisitorId,
} from "@trakit/core/cookies.ts";
import type { BrowserVisitor } from "./browser-schema.ts";

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
function fbcOf(visitor: BrowserVisitor, urlClick: string | null, occurredAt: number): string | null {
  const cookie = validFbc(visitor.fbc);
  const stored = validFbclid(visitor.fbclid);
  const storedAt = clickTime(visitor, occurredAt);
  if (urlClick !== null) {
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
 * @param event.occurredAt ms since the epoch
 */
export function browserIdentifiers(
  visitor: BrowserVisitor,
  event: { href: unknown; pixelClientId: unknown; customerId: string | null; occurredAt: number },
): Identifiers {
  const url = clickIdsFromUrl(event.href);
  return {
    visitor_id: validVisitorId(visitor.visitor_id),
    client_id: validClientId(event.pixelClientId) ?? validClientId(visitor.client_id),
    customer_id: event.customerId,
    fbp: validFbp(visitor.fbp),
    fbc: fbcOf(visitor, url.fbclid, event.occurredAt),
    ttp: validTtp(visitor.ttp),
    ttclid: url.ttclid ?? validTtclid(visitor.ttclid),
    epik: url.epik ?? validEpik(visitor.epik),
    scid: validScid(visitor.scid),
    sc_click_id: url.sc_click_id ?? validScClickId(visitor.sc_click_id),
    rdt_uuid: validRdtUuid(visitor.rdt_uuid),
    rdt_cid: url.rdt_cid ?? validRdtCid(visitor.rdt_cid),
    pin_unauth: validPinUnauth(visitor.pin_unauth),
    ga_client_id: gaClientId(visitor.ga),
    ga_session_id: gaSessionId(visitor.ga_session),
    gclid: url.gclid ?? validGclid(visitor.gclid),
  };
}
