import type { EventName } from "@trakit/core/event.ts";

/**
 * What an event that the page's own tag had too, under the same id, still means to a platform. It drops the second of two
 * reports only within its window, counted from the first (reference: meta §6, tiktok §6, snapchat §6, pinterest §6,
 * google §6).
 */
const HOUR = 60 * 60 * 1000;

/** Ms after the tag's report in which ours is recognised as the same; absent = the platform compares no ids. */
const WINDOWS: Record<string, number> = {
  meta: 48 * HOUR,
  tiktok: 48 * HOUR,
  // 48 h by Stape's word, the vendor's table was not seen
  snapchat: 48 * HOUR,
  // "two days" (reference: reddit §6)
  reddit: 48 * HOUR,
  // no figure is published; after an hour it would go as an offline event, which is never compared with the tag
  pinterest: HOUR,
};

/** GA4 compares the transaction id of purchases (and what refers to them) and nothing else. */
const GOOGLE_COMPARES: ReadonlySet<EventName> = new Set(["checkout_completed", "order_refunded"]);

/**
 * Why our report of an event must not follow the tag's: `sent_by_tag` (it would count twice at any time),
 * `past_dedup_window` (it would count twice by now); null = it may go.
 *
 * @param tagAt when the tag had it, ISO 8601; undefined = it had not
 * @param now ms since the epoch
 */
export function afterTag(
  platform: string,
  name: EventName,
  tagAt: string | undefined,
  now: number,
): "sent_by_tag" | "past_dedup_window" | null {
  if (tagAt === undefined) return null;
  if (platform === "google") return GOOGLE_COMPARES.has(name) ? null : "sent_by_tag";
  const window = WINDOWS[platform] ?? 0;
  return now - Date.parse(tagAt) > window ? "past_dedup_window" : null;
}
