import { IDENTIFIER_PURPOSE } from "@trakit/core/consent.ts";
import { fbcParts, newFbp } from "@trakit/core/cookies.ts";
import type { Identifiers } from "@trakit/core/event.ts";
import type { ReturnedIdentifiers } from "@trakit/pipeline/contracts/answers.ts";

/** What identifiers a browser is answered: docs/privacy.md, "Consent". */

interface Purposes {
  analytics: boolean;
  marketing: boolean;
}

/**
 * The `_fbc` of a click both know is the vault's where that is older: a landing page opened again after the cookies were lost
 * is no new click, and Meta wants the time it was first seen (reference: meta §5).
 */
function olderOfOneClick(own: string | null, known: string | null | undefined): string | null {
  const [ours, theirs] = [fbcParts(own), fbcParts(known)];
  return ours && theirs && ours.click === theirs.click && theirs.createdMs < ours.createdMs ? known! : own;
}

/** What the browser has comes first (a new click is among it), what the vault knows fills the gaps; the rest is null. */
export function returnedIdentifiers(
  own: Identifiers,
  known: Partial<Identifiers>,
  purposes: Purposes,
): ReturnedIdentifiers {
  const value = (name: keyof ReturnedIdentifiers) =>
    (name === "fbc" ? olderOfOneClick(own.fbc, known.fbc) : own[name]) ?? known[name] ?? null;
  const result: ReturnedIdentifiers = {
    visitor_id: purposes.analytics || purposes.marketing ? value("visitor_id") : null,
    fbp: null,
    fbc: null,
    ttp: null,
    ttclid: null,
    epik: null,
    scid: null,
    sc_click_id: null,
    ga_client_id: null,
    gclid: null,
  };
  for (const [name, purpose] of Object.entries(IDENTIFIER_PURPOSE)) {
    // some are only read: they are their own tag's to keep
    if (Object.hasOwn(result, name) && purposes[purpose]) {
      result[name as keyof ReturnedIdentifiers] = value(name as keyof ReturnedIdentifiers);
    }
  }
  return result;
}

/** Makes what a visit should have and nobody knows: our visitor id, and `_fbp`. Other vendors make their own. */
export function withNewIdentifiers(
  identifiers: ReturnedIdentifiers,
  purposes: Purposes,
  make: { now: number; chance: number; visitorId: () => string },
): ReturnedIdentifiers {
  return {
    ...identifiers,
    visitor_id: identifiers.visitor_id ??
      (purposes.analytics || purposes.marketing ? make.visitorId() : null),
    fbp: identifiers.fbp ?? (purposes.marketing ? newFbp(make.now, make.chance) : null),
  };
}

/** Which identifier a field of the request's `visitor` becomes. */
const FIELDS: Record<string, keyof Identifiers> = {
  visitor_id: "visitor_id",
  client_id: "client_id",
  fbp: "fbp",
  fbc: "fbc",
  ttp: "ttp",
  ttclid: "ttclid",
  epik: "epik",
  scid: "scid",
  sc_click_id: "sc_click_id",
  rdt_uuid: "rdt_uuid",
  rdt_cid: "rdt_cid",
  pin_unauth: "pin_unauth",
  ga: "ga_client_id",
  ga_session: "ga_session_id",
  gclid: "gclid",
};

/** Counts what the browser sent as an identifier and is none: `{"unusable_fbp": 1}`. */
export function unusableIdentifiers(visitor: unknown, identifiers: Identifiers): Record<string, number> {
  if (typeof visitor !== "object" || visitor === null) return {};
  const sent = visitor as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(FIELDS)
      .filter(([field, name]) => {
        const value = sent[field];
        return value !== null && value !== undefined && value !== "" && identifiers[name] === null;
      })
      .map(([field]) => [`unusable_${field}`, 1]),
  );
}
