/**
 * What became of a send. The kind names the consequence (docs/state-machine.md), so that one place turns it into a state.
 */

/**
 * - `delivered`: the vendor took the event.
 * - `retry`: time can heal it (never connected, 408, 425, 429, 5xx with an answer, the vendor's transient codes).
 * - `permanent`: the vendor refuses this event; repeating is pointless.
 * - `auth`: the token or the permission is refused; the lane is held until it is replaced.
 * - `in_doubt`: the request was written and no answer came; the vendor may or may not have it.
 * - `skipped`: never sent, by our decision (no such event at the platform, consent, too old …).
 */
export type OutcomeKind = "delivered" | "retry" | "permanent" | "auth" | "in_doubt" | "skipped";

export interface Outcome {
  kind: OutcomeKind;
  /** Stable snake_case code, e.g. `accepted`, `throttled`, `server_error`, `token_refused`, `invalid_event`. */
  reason: string;
  /** The vendor's words, bounded to 500 characters, without personal data; null where there are none. */
  detail: string | null;
  /** HTTP status of the answer; null when there was none. */
  status: number | null;
  /** Delay in ms the vendor asked for (`Retry-After` …); null = our own back-off. */
  retry_after_ms: number | null;
  /** True when the cause is not this event's (vendor down, throttled, network): opens the lane. */
  lane_wide: boolean;
}

/**
 * What became of a batch: one outcome for each event in the order sent, or `split`:
 * the vendor refused the whole batch because of one event it did not name; halve it and send again.
 */
export type BatchOutcome = { kind: "each"; outcomes: Outcome[] } | { kind: "split"; outcome: Outcome };

/** Builds an outcome; everything left out is null or false. */
export function outcome(
  kind: OutcomeKind,
  reason: string,
  rest: Partial<Omit<Outcome, "kind" | "reason">> = {},
): Outcome {
  return {
    kind,
    reason,
    detail: rest.detail ? rest.detail.slice(0, 500) : null,
    status: rest.status ?? null,
    retry_after_ms: rest.retry_after_ms ?? null,
    lane_wide: rest.lane_wide ?? false,
  };
}

/** The same outcome for each of `count` events. */
export function forAll(count: number, one: Outcome): BatchOutcome {
  return { kind: "each", outcomes: Array.from({ length: count }, () => one) };
}
