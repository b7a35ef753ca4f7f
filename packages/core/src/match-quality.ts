/**
 * Match quality: an estimate, 0 to 10, of how well a platform can find the person behind an event, from the identifiers the
 * event's body carries. No platform publishes weights; what each table rests on stands in its `source`. Its use is to see
 * what is missing and what it would bring, not to foretell the vendor's own score.
 */
import { MATCH_KEYS, type MatchKey, PLATFORMS } from "./identity/platforms.ts";

export interface MatchQuality {
  /** 0 to 10, one decimal. */
  score: number;
  /** Identifiers that are there, in the order of their weight. */
  identifiers: string[];
}

type Path = readonly string[];
interface Key extends MatchKey {
  steps: readonly Path[];
}

/** Heaviest first, with the paths split once. */
const KEYS: ReadonlyMap<string, readonly Key[]> = new Map(
  PLATFORMS.map((platform) => [
    platform,
    MATCH_KEYS[platform].keys.map((key) => ({ ...key, steps: key.paths.map((path) => path.split(".")) }))
      .sort((a, b) => b.weight - a.weight),
  ]),
);

function isThere(body: unknown, path: Path): boolean {
  let value = body;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return false;
    value = (value as Record<string, unknown>)[step];
  }
  return value !== undefined && value !== null && value !== "";
}

/** The estimate for one mapped event of a platform, as `Destination.map` gives it. Null for an unknown platform. */
export function matchQuality(platform: string, body: unknown): MatchQuality | null {
  const keys = KEYS.get(platform);
  if (keys === undefined) return null;
  const there = keys.filter((key) => key.steps.every((path) => isThere(body, path)));
  // Counted in tenths, because sums of decimals are not decimal.
  const tenths = there.reduce((sum, { weight }) => sum + Math.round(weight * 10), 0);
  return { score: Math.min(tenths, 100) / 10, identifiers: there.map(({ identifier }) => identifier) };
}

/**
 * What each identifier that is not always there would add to the average score, biggest gain first.
 *
 * @param coverage share of events that carry an identifier, 0 to 1; absent = 0
 */
export function possibleGains(
  platform: string,
  coverage: Readonly<Record<string, number>>,
): { identifier: string; coverage: number; gain: number }[] {
  return (KEYS.get(platform) ?? [])
    .map(({ identifier, weight }) => {
      const share = Math.min(Math.max(coverage[identifier] ?? 0, 0), 1);
      return { identifier, coverage: share, gain: Math.round(weight * (1 - share) * 100) / 100 };
    })
    .filter(({ gain }) => gain > 0)
    .sort((a, b) => b.gain - a.gain);
}
