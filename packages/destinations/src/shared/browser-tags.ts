import type { CanonicalEvent, EventName } from "@trakit/core/event.ts";
import type { Destination } from "../destination.ts";

export const HOUR_MS = 60 * 60 * 1000;

/**
 * When the page's own tag of a platform had an event, as far as it counts: undefined = it had not, or Shopify reported the
 * event. What a tag had is a browser's word, and it never keeps back what Shopify reported.
 */
export function tagTime(
  event: Pick<CanonicalEvent, "source" | "tags">,
  platform: string,
): string | undefined {
  return event.source === "webhook" ? undefined : event.tags?.[platform];
}

/**
 * Why our report of an event must not follow that of the page's own tag under the same id: `sent_by_tag` (it would count
 * twice at any time), `past_dedup_window` (it would count twice by now); null = it may go. A platform drops the second of two
 * reports only within its window, counted from the first.
 *
 * @param tagAt from `tagTime`, ISO 8601
 * @param now ms since the epoch
 */
export function afterTag(
  platform: Pick<Destination, "tagWindowMs">,
  name: EventName,
  tagAt: string | undefined,
  now: number,
): "sent_by_tag" | "past_dedup_window" | null {
  if (tagAt === undefined) return null;
  const window = platform.tagWindowMs(name);
  if (window === null) return "sent_by_tag";
  return now - Date.parse(tagAt) > window ? "past_dedup_window" : null;
}
