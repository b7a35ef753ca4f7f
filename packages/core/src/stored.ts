import { consentedIdentifiers } from "./consent.ts";
import {
  type CanonicalEvent,
  type Client,
  EMPTY_CLIENT,
  EMPTY_IDENTIFIERS,
  EMPTY_PAGE,
  emptyCommerce,
  type Identifiers,
  UNKNOWN_CONSENT,
} from "./event.ts";

/**
 * An event as it is stored: the same shape with everything unknown left out. Without nulls, Postgres merges two copies
 * with `||`, taking from each side only what it knows.
 */
export type StoredEvent =
  & Pick<CanonicalEvent, "name" | "event_id" | "occurred_at" | "source" | "channel" | "test" | "digests">
  & {
    page: Partial<CanonicalEvent["page"]>;
    commerce: Partial<CanonicalEvent["commerce"]>;
    identifiers: Partial<Identifiers>;
    consent: Partial<CanonicalEvent["consent"]>;
    client: Partial<Client>;
    tags?: Record<string, string>;
  };

function known<T extends object>(object: T): Partial<T> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    result[key] = value;
  }
  return result as Partial<T>;
}

/** Leaves out what is null or an empty list. */
export function toStored(event: CanonicalEvent): StoredEvent {
  return {
    name: event.name,
    event_id: event.event_id,
    occurred_at: event.occurred_at,
    source: event.source,
    channel: event.channel,
    test: event.test,
    page: known(event.page),
    commerce: known(event.commerce),
    digests: event.digests,
    identifiers: known(event.identifiers),
    consent: known(event.consent),
    client: known(event.client),
    ...(event.tags ? { tags: event.tags } : {}),
  };
}

/** The inverse of `toStored`: everything left out is null (or an empty list) again. */
export function fromStored(stored: StoredEvent): CanonicalEvent {
  return {
    ...stored,
    // Postgres writes timestamps in its own form
    occurred_at: new Date(stored.occurred_at).toISOString(),
    page: { ...EMPTY_PAGE, ...stored.page },
    commerce: { ...emptyCommerce(), ...stored.commerce },
    identifiers: { ...EMPTY_IDENTIFIERS, ...stored.identifiers },
    consent: { ...UNKNOWN_CONSENT, ...stored.consent },
    client: { ...EMPTY_CLIENT, ...stored.client },
  };
}

/**
 * What may be kept of an event, by its own consent: without it nothing of a visitor is read, written or restored
 * (docs/privacy.md). Where
 * one purpose is refused, the identifiers that serve only it go. Where both are, what stays is that it happened, and its
 * money: no identifier, digest, address or page.
 */
export function asConsented(event: CanonicalEvent): CanonicalEvent {
  const { analytics, marketing } = event.consent;
  if (analytics !== false && marketing !== false) return event;
  if (analytics !== false || marketing !== false) {
    return { ...event, identifiers: consentedIdentifiers(event.identifiers, event.consent) };
  }
  return {
    ...event,
    page: EMPTY_PAGE,
    digests: {},
    client: {
      ...EMPTY_CLIENT,
      country: event.client.country,
      policy_country: event.client.policy_country,
    },
    identifiers: EMPTY_IDENTIFIERS,
  };
}
