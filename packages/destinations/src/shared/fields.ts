/** Small pieces the mappings share. */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { holdsContact } from "@trakit/core/contact.ts";
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
export function orUndefined<T extends Json>(value: T | null | undefined): T | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  return typeof value === "object" && Array.isArray(value) && value.length === 0 ? undefined : value;
}

/** Whether anything is left in it. */
export function isEmpty(fields: JsonObject): boolean {
  for (const key in fields) if (fields[key] !== undefined) return false;
  return true;
}

/** "2026-03-14T09:26:53.589Z", the form events have their time in. */
const ISO_LENGTH = 24;

function twoDigits(text: string, at: number): number {
  return text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528;
}

/** `Date.parse`, for the usual form digit by digit: it takes no tenth of the time, and every platform asks for every event. */
export function isoTime(text: string): number {
  if (text.length !== ISO_LENGTH || text[10] !== "T" || text[19] !== "." || text[23] !== "Z") {
    return Date.parse(text);
  }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const seconds = twoDigits(text, 11) * 3600 + twoDigits(text, 14) * 60 + twoDigits(text, 17);
  const thousandths = twoDigits(text, 20) * 10 + text.charCodeAt(22) - 48;
  return Date.UTC(year, twoDigits(text, 5) - 1, twoDigits(text, 8)) + seconds * 1000 + thousandths;
}

/**
 * When the event happened, in ms, never later than `now` (a browser's clock may run ahead, vendors refuse the future);
 * null where it is older than `maxAgeMs`.
 */
export function eventTime(event: CanonicalEvent, now: number, maxAgeMs: number): number | null {
  const occurred = Math.min(isoTime(event.occurred_at), now);
  return now - occurred > maxAgeMs ? null : occurred;
}

/** What somebody searched for, cut; null where they typed an email address or a phone number, which is nobody's to pass on. */
export function searchText(text: string | null, length = 500): string | null {
  return text !== null && holdsContact(text, true) ? null : cut(text, length);
}

/** Text cut to `length` UTF-16 units without leaving half a surrogate pair; null for blank text. */
export function cut(text: string | null, length: number): string | null {
  const trimmed = text?.trim() ?? "";
  if (trimmed === "") return null;
  return trimmed.length <= length ? trimmed : trimmed.slice(0, length).replace(/[\ud800-\udbff]$/, "");
}
