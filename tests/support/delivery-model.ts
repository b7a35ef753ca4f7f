/**
 * The delivery state machine (docs/state-machine.md) a second time, in memory and in the plainest words, to hold the SQL
 * against. Times are seconds since NOON; null = none.
 */

export type LaneState = "closed" | "open" | "held";

export interface ModelLane {
  platform: string;
  destination: string;
  /** Oldest event the platform takes, in seconds. */
  maxAge: number;
  state: LaneState;
  probeAt: number | null;
  probeSeconds: number | null;
  flushBefore: number | null;
  releasedAt: number | null;
  tokenAt: number;
}

export interface ModelDelivery {
  order: number;
  lane: ModelLane;
  capturedAt: number;
  state: "pending" | "delivered" | "failed" | "skipped";
  reason: string | null;
  waits: boolean;
  attempts: number;
  doubts: number;
  due: number | null;
  retryUntil: number;
  lease: string | null;
  attemptedAt: number | null;
  laneFailure: boolean;
}

export const DAY_SECONDS = 86_400;
export const LEASE = 30;

export function givenUpAt(delivery: ModelDelivery): number {
  const { lane, capturedAt, retryUntil } = delivery;
  if (delivery.waits) return retryUntil;
  if (lane.state === "held") return capturedAt + lane.maxAge;
  if (lane.releasedAt !== null && capturedAt < lane.releasedAt) {
    return Math.max(retryUntil, Math.min(capturedAt + lane.maxAge, lane.releasedAt + DAY_SECONDS));
  }
  return retryUntil;
}

/** Deliveries a claim may give, before its limit. `lane` as it was when the claim began. */
export function claimable(all: ModelDelivery[], lane: ModelLane, now: number): ModelDelivery[] {
  return all.filter((one) =>
    one.lane === lane && one.state === "pending" && !one.waits && one.capturedAt > now - 8 * DAY_SECONDS &&
    givenUpAt(one) > now &&
    (one.due! <= now ||
      (one.lease === null && one.laneFailure &&
        (lane.state === "open" || (lane.flushBefore !== null && one.attemptedAt! < lane.flushBefore))))
  );
}

/** How many a claim may give: none of a held lane, one of an open lane whose probe is due (which this moves). */
export function claimLimit(lane: ModelLane, limit: number, now: number): number {
  if (lane.state === "held") return 0;
  if (lane.state === "closed" || limit === 0) return limit;
  if (lane.probeAt! > now) return 0;
  lane.probeAt = now + lane.probeSeconds!;
  lane.probeSeconds = Math.min(lane.probeSeconds! * 2, 60);
  return 1;
}

export function claimDelivery(one: ModelDelivery, lease: string, now: number) {
  one.retryUntil = givenUpAt(one);
  lease_(one, lease, now);
}

/** A lease taken at capture: its time is not looked at. */
export function lease_(one: ModelDelivery, lease: string, now: number) {
  if (one.lease !== null) one.doubts++;
  one.attempts++;
  one.lease = lease;
  one.attemptedAt = now;
  one.due = now + LEASE;
}

function end(one: ModelDelivery, state: ModelDelivery["state"], reason: string) {
  Object.assign(one, { state, reason, due: null, lease: null, waits: false });
}

export interface Word {
  kind: "delivered" | "retry" | "permanent" | "auth" | "in_doubt" | "skipped" | "released";
  lane: boolean;
  delay: number;
}

/** What one settled word does; returns whether it did anything. */
export function settle(one: ModelDelivery, lease: string, word: Word, now: number): boolean {
  const mine = one.state === "pending" && one.lease === lease;
  const late = word.kind === "delivered" && (one.state === "pending" || one.state === "failed") && !one.waits;
  if (!mine && !late) return false;
  const attemptedAt = one.attemptedAt!;
  one.laneFailure = word.lane && ["retry", "in_doubt", "auth"].includes(word.kind);
  one.reason = word.kind;
  if (word.kind === "released") one.attempts--;
  if (word.kind === "in_doubt") one.doubts++;
  one.doubts = Math.min(one.doubts, one.attempts);
  one.lease = null;
  if (word.kind === "delivered") end(one, "delivered", word.kind);
  else if (word.kind === "permanent") end(one, "failed", word.kind);
  else if (word.kind === "skipped") end(one, "skipped", word.kind);
  else if (word.kind === "auth" || word.kind === "released") one.due = now;
  else if (now + word.delay >= one.retryUntil) end(one, "failed", word.kind);
  else one.due = now + word.delay;

  const { lane } = one;
  if (word.kind === "auth" && lane.state !== "held" && lane.tokenAt <= attemptedAt) {
    Object.assign(lane, { state: "held", probeAt: null, probeSeconds: null });
  } else if (word.kind === "delivered" && lane.state === "open") {
    Object.assign(lane, { state: "closed", probeAt: null, probeSeconds: null, flushBefore: now });
  } else if (["retry", "in_doubt"].includes(word.kind) && word.lane && lane.state === "closed") {
    Object.assign(lane, { state: "open", probeAt: now + 10, probeSeconds: 10, flushBefore: null });
  }
  return true;
}

/** The other copy came: what is neither sent nor being sent goes now, what was given up for want of it as well. */
export function secondCopy(one: ModelDelivery, now: number) {
  const missed = one.state === "skipped" && one.reason === "no_order";
  if (!missed && !(one.state === "pending" && one.lease === null)) return;
  if (missed) {
    one.retryUntil = Math.max(one.retryUntil, now + Math.min(DAY_SECONDS, one.lane.maxAge));
    one.reason = null;
  }
  one.state = "pending";
  one.waits = false;
  if (one.attempts === 0) one.due = now;
}

/** Ends what is past its time; returns how many. */
export function expire(all: ModelDelivery[], now: number): number {
  const past = all.filter((one) =>
    one.state === "pending" && (one.lease === null || one.due! <= now) && now >= givenUpAt(one)
  );
  for (const one of past) one.waits ? end(one, "skipped", "no_order") : end(one, "failed", "expired");
  return past.length;
}

/** A replay of everything captured so far; returns what it answers. Neither of the model's platforms documents deduplication. */
export function replay(all: ModelDelivery[], states: string[], force: boolean, now: number) {
  const refused: Record<string, number> = {};
  let replayed = 0;
  for (const one of all.filter(({ state }) => states.includes(state))) {
    const reason = one.capturedAt + Math.min(one.lane.maxAge, 8 * DAY_SECONDS) <= now
      ? "too_old"
      : one.state === "delivered" || (one.doubts > 0 && !force)
      ? "would_double"
      : null;
    if (reason !== null) refused[reason] = (refused[reason] ?? 0) + 1;
    else {
      replayed++;
      Object.assign(one, {
        state: "pending",
        reason: "replayed",
        attempts: 0,
        doubts: 0,
        due: now,
        laneFailure: false,
        retryUntil: Math.min(now + DAY_SECONDS, one.capturedAt + one.lane.maxAge),
      });
    }
  }
  return { replayed, refused };
}

export function replaceToken(lane: ModelLane, now: number) {
  lane.tokenAt = now;
  if (lane.state === "closed") return;
  if (lane.state === "held") lane.releasedAt = now;
  Object.assign(lane, { state: "closed", probeAt: null, probeSeconds: null, flushBefore: now });
}
