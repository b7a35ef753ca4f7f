/** Shortest and longest ceiling of the back-off, in ms: 10 s to 1 h (docs/state-machine.md). */
const FIRST_MS = 10_000;
const LONGEST_MS = 3_600_000;
/** Nobody's `Retry-After` keeps an event longer than its retry window. */
const LONGEST_ASKED_MS = 24 * 3_600_000;

/**
 * Full-jitter exponential back-off in ms before the next attempt: uniform between 0 and 10 s, 20 s, 40 s … 1 h, but at
 * least 1 s. What the vendor asked for (`Retry-After`) is a lower bound, itself bounded to 24 h.
 * `attempts` counts sends begun, this one included; `random` gives a number in [0, 1).
 */
export function backoffMs(attempts: number, retryAfterMs: number | null, random: () => number): number {
  const exponent = Math.min(Math.max(attempts, 1) - 1, 20);
  const ceiling = Math.min(FIRST_MS * 2 ** exponent, LONGEST_MS);
  const jittered = Math.max(1_000, Math.round(random() * ceiling));
  const asked = retryAfterMs === null || !Number.isFinite(retryAfterMs)
    ? 0
    : Math.min(Math.max(retryAfterMs, 0), LONGEST_ASKED_MS);
  return Math.max(jittered, Math.round(asked));
}
