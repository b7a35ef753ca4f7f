/** Small pieces the mappings share. */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { digestsFor, type Field, type Platform } from "@trakit/core/identity/platforms.ts";
import type { Json, JsonObject } from "../destination.ts";

/** `{ key: value }` lists without the keys whose value is null, undefined, "" or an empty list. */
export function present(fields: Record<string, Json | undefined>): JsonObject {
  const kept = Object.entries(fields).filter(([, value]) =>
    value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0)
  );
  return Object.fromEntries(kept) as JsonObject;
}

/** Digests a field carries at most: a person has a few emails and phones, an event with dozens is a mix-up. */
const MOST_DIGESTS = 5;

/**
 * The digests of `user_data`, by the vendor's key for each field, best first, at most five each; keys for which the
 * event has none are left out. Which normal form a platform takes stands in core's identity/platforms.ts.
 */
export function hashedFields(
  platform: Platform,
  keys: Record<string, Field>,
  event: CanonicalEvent,
): Record<string, string[]> {
  const lists = Object.entries(keys).map(([key, field]) =>
    [key, digestsFor(platform, field, event.digests).slice(0, MOST_DIGESTS)] as const
  );
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0));
}

/**
 * When the event happened, in ms, never later than `now` (a browser's clock may run ahead, vendors refuse the future);
 * null where it is older than `maxAgeMs`.
 */
export function eventTime(event: CanonicalEvent, now: number, maxAgeMs: number): number | null {
  const occurred = Math.min(Date.parse(event.occurred_at), now);
  return now - occurred > maxAgeMs ? null : occurred;
}

const CONTACT = /[^\s@]+@[^\s@]+\.[^\s@]{2,}|(?:\+?\d[ ().-]{0,2}){9,}/;

/** What somebody searched for, cut; null where they typed an email address or a phone number, which is nobody's to pass on. */
export function searchText(text: string | null, length = 500): string | null {
  return text !== null && CONTACT.test(text) ? null : cut(text, length);
}

/** Text cut to `length` UTF-16 units without leaving half a surrogate pair; null for blank text. */
export function cut(text: string | null, length: number): string | null {
  const trimmed = text?.trim() ?? "";
  if (trimmed === "") return null;
  return trimmed.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}
