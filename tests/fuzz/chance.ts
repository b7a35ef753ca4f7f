import { createHash } from "node:crypto";

/** Chance that a text decides: the same text gives the same inputs. Fast and not for secrets (mulberry32). */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** A whole number from 0 to below `n`. */
  below(n: number): number;
  /** Whether something of this likelihood happens. */
  likely(share: number): boolean;
  pick<T>(list: readonly T[]): T;
}

export function chanceOf(text: string): Chance {
  let state = createHash("sha256").update(text).digest().readUInt32BE();
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { next, below, likely: (share) => next() < share, pick: (list) => list[below(list.length)]! };
}
