/** Small pieces the mappings share. */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { digestsFor, type Field, type Platform } from "@trakit/core/identity/platforms.ts";
import { holdsContact } from "@trakit/core/public-url.ts";
import type { Json, JsonObject } from "../destination.ts";

/**
 * The object itself, with undefined for every null, "" and empty list: JSON leaves such keys out. Give it a literal. Changed
 * in place because a copy without the keys costs as much as all the rest of a mapping.
 */
export function present(fields: Record<string, Json | undefined>): JsonObject {
  for (const key in fields) {
    const value = fields[key];
    if (value === null || value === "" || (Array.isArray(value) && value.length === 0)) {
      fields[key] = undefined;
    }
  }
  return fields;
}

/** The value, or undefined for null, "" and an empty list: for literals, where it costs less than `present` does. */
export function given<T extends Json>(value: T | null | undefined): T | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  return typeof value === "object" && Array.isArray(value) && value.length === 0 ? undefined : value;
}

/** Whether anything is left in it. */
export function isEmpty(fields: JsonObject): boolean {
  for (const key in fields) if (fields[key] !== undefined) return false;
  return true;
}

/** Digests a field carries at most: a person has a few emails and phones, an event with dozens is a mix-up. */
const MOST_DIGESTS = 5;

/**
 * The digests a platform takes for a field, best first, at most five; empty where there are none. Which normal form a
 * platform takes stands in core's identity/platforms.ts.
 */
export function digestList(platform: Platform, field: Field, event: CanonicalEvent): string[] {
  const list = digestsFor(platform, field, event.digests);
  return list.length > MOST_DIGESTS ? list.slice(0, MOST_DIGESTS) : list;
}

/**
 * When the event happened, in ms, never later than `now` (a browser's clock may run ahead, vendors refuse the future);
 * null where it is older than `maxAgeMs`.
 */
export function eventTime(event: CanonicalEvent, now: number, maxAgeMs: number): number | null {
  const occurred = Math.min(Date.parse(event.occurred_at), now);
  return now - occurred > maxAgeMs ? null : occurred;
}

/** What somebody searched for, cut; null where they typed an email address or a phone number, which is nobody's to pass on. */
export function searchText(text: string | null, length = 500): string | null {
  return text !== null && holdsContact(text) ? null : cut(text, length);
}

/** Text cut to `length` UTF-16 units without leaving half a surrogate pair; null for blank text. */
export function cut(text: string | null, length: number): string | null {
  const trimmed = text?.trim() ?? "";
  if (trimmed === "") return null;
  return trimmed.length <= length ? trimmed : trimmed.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}
