/**
 * Match quality: an estimate, 0 to 10, of how well a platform can find the person behind an event, from the identifiers the
 * event's body carries. No platform publishes weights; what a destination's keys rest on stands in their `source`. Its use is
 * to see what is missing and what it would bring, not to foretell the vendor's own score.
 */

export interface MatchQuality {
  /** 0 to 10, one decimal. */
  score: number;
  /** Identifiers that are there, in the order of their weight. */
  identifiers: string[];
}

type Path = readonly string[];

/** One identifier of a mapped event: where it stands in the body, and what it adds to match quality. */
export interface MatchKey {
  identifier: string;
  weight: number;
  /** Each the keys from the event's own root to a value; all the values must be there. */
  paths: readonly Path[];
}

/** One platform's keys, heaviest first. Weights add up to 10. */
export interface MatchKeys {
  /** What the weights rest on, in a sentence or two. */
  source: string;
  keys: readonly MatchKey[];
}

/** `paths`: keys joined by dots, e.g. `user_data.em`; split here, once, not for each event. */
export function matchKey(identifier: string, weight: number, ...paths: string[]): MatchKey {
  return { identifier, weight, paths: paths.map((path) => path.split(".")) };
}

/** The order `MatchKeys` are in; keys of one weight stay as they stood. */
export function heaviestFirst(keys: readonly MatchKey[]): MatchKey[] {
  return [...keys].sort((a, b) => b.weight - a.weight);
}

function isThere(body: unknown, path: Path): boolean {
  let value = body;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return false;
    value = (value as Record<string, unknown>)[step];
  }
  return value !== undefined && value !== null && value !== "";
}

/** The estimate for one mapped event of a platform, as `Destination.map` gives it. */
export function matchQuality({ keys }: MatchKeys, body: unknown): MatchQuality {
  const there = keys.filter((key) => key.paths.every((path) => isThere(body, path)));
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
  { keys }: MatchKeys,
  coverage: Readonly<Record<string, number>>,
): { identifier: string; coverage: number; gain: number }[] {
  return keys
    .map(({ identifier, weight }) => {
      const share = Math.min(Math.max(coverage[identifier] ?? 0, 0), 1);
      return { identifier, coverage: share, gain: Math.round(weight * (1 - share) * 100) / 100 };
    })
    .filter(({ gain }) => gain > 0)
    .sort((a, b) => b.gain - a.gain);
}
