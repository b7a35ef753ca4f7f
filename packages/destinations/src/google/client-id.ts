/** Who Google Analytics takes an event to be from. */
import type { CanonicalEvent, EventName } from "@trakit/core/event.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";

/** `_ga`'s two positive numbers; anything else, e.g. the whole cookie, would make a new user. */
const CLIENT_ID = /^[1-9]\d{0,19}\.[1-9]\d{0,19}$/;

/** Worth counting even where no gtag ever saw the visitor; of other events only their join to a session is of use. */
const CONVERSIONS: ReadonlySet<EventName> = new Set([
  "checkout_started",
  "checkout_completed",
  "order_refunded",
]);

/**
 * A stable stand-in: the same visitor (else customer, else checkout, else order) has the same id on every event, so a
 * refund meets its purchase. First number like gtag's random one (1 … 2^31 − 1), second in the range of its time stamp.
 */
function synthetic(event: CanonicalEvent): string | null {
  const { identifiers, commerce } = event;
  const key = [
    ["visitor", identifiers.visitor_id],
    ["customer", identifiers.customer_id],
    ["checkout", commerce.checkout_token],
    ["order", commerce.order_id],
  ].find(([, value]) => value);
  if (key === undefined) return null;
  const digest = sha256Hex(`trakit/ga|${key[0]}|${key[1]}`);
  const random = Number.parseInt(digest.slice(0, 12), 16) % (2 ** 31 - 1) + 1;
  const stamp = Number.parseInt(digest.slice(12, 24), 16) % 600_000_000 + 1_000_000_000;
  return `${random}.${stamp}`;
}

/**
 * The `client_id`: gtag's own where known; for conversions a synthetic one (Google then reports them as unassigned, but
 * counts them); else null. Sales at a till get no synthetic id: no website was involved (reference: google §10).
 */
export function clientId(event: CanonicalEvent): string | null {
  const own = event.identifiers.ga_client_id;
  if (own !== null && CLIENT_ID.test(own)) return own;
  return CONVERSIONS.has(event.name) && event.channel !== "pos" ? synthetic(event) : null;
}
