import { fbcParts, newFbp } from "@trakit/core/cookies.ts";
import type { Identifiers } from "@trakit/core/event.ts";
import { IDENTIFIER_LIST, IDENTIFIERS, RETURNED_NAMES } from "@trakit/core/identifiers.ts";
import type { ReturnedIdentifiers } from "@trakit/pipeline/contracts/answers.ts";

/** What identifiers a browser is answered: docs/privacy.md, "Consent". */

const CLICKS = IDENTIFIER_LIST.filter(({ names }) => names === "click");

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

/**
 * What a browser sent of itself, with the clicks its events' addresses named: those are newer.
 *
 * @param events identifiers of its events, oldest first
 */
export function withNewClicks(own: Identifiers, events: readonly Identifiers[]): Identifiers {
  const found = { ...own };
  for (const event of events) {
    for (const { name } of CLICKS) {
      if (event[name] !== null && event[name] !== own[name]) found[name] = event[name];
    }
  }
  return found;
}

/** Some are only read: they are their own tag's to keep. */
const RETURNED = RETURNED_NAMES.map((name) => ({ name, purpose: IDENTIFIERS[name].purpose }));

/** What the browser has comes first (a new click is among it), what the vault knows fills the gaps; the rest is null. */
export function returnedIdentifiers(
  own: Identifiers,
  known: Partial<Identifiers>,
  purposes: Purposes,
): ReturnedIdentifiers {
  const result = {} as ReturnedIdentifiers;
  for (const { name, purpose } of RETURNED) {
    const allowed = purpose === null ? purposes.analytics || purposes.marketing : purposes[purpose];
    const ours = name === "fbc" ? olderOfOneClick(own.fbc, known.fbc) : own[name];
    result[name] = allowed ? ours ?? known[name] ?? null : null;
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

/** Counts what the browser sent as an identifier and is none: `{"unusable_fbp": 1}`. */
export function unusableIdentifiers(visitor: unknown, identifiers: Identifiers): Record<string, number> {
  if (typeof visitor !== "object" || visitor === null) return {};
  const sent = visitor as Record<string, unknown>;
  const unusable: Record<string, number> = {};
  for (const { name, field } of IDENTIFIER_LIST) {
    const value = field === null ? null : sent[field];
    if (value !== null && value !== undefined && value !== "" && identifiers[name] === null) {
      unusable[`unusable_${field}`] = 1;
    }
  }
  return unusable;
}
