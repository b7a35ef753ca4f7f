import { type Outcome, outcome } from "@trakit/core/outcome.ts";
import type { Destination, HttpRequest } from "@trakit/destinations/destination.ts";
import type { World } from "../ports.ts";

/** What a platform said to one request. */
export interface Answered {
  /** One outcome an event, in order. */
  outcomes: Outcome[];
  /** True where all were refused because of one among several that the platform does not name. */
  split: boolean;
  /** How long it took. */
  ms: number;
}

/**
 * Sends one request of `count` events and reads the answer. The only reading there is: of deliveries, of test events, and of
 * a token that is shown to the platform. Never throws: no answer is an outcome too.
 */
export async function askPlatform(
  world: Pick<World, "send">,
  platform: Pick<Destination, "classify">,
  request: HttpRequest,
  count: number,
): Promise<Answered> {
  const sent = await world.send(request);
  const all = (one: Outcome, split = false): Answered => ({
    outcomes: Array.from({ length: count }, () => one),
    split,
    ms: sent.ms,
  });
  if (sent.kind === "not_sent") return all(outcome("retry", sent.reason, { lane_wide: true }));
  if (sent.kind === "in_doubt") return all(outcome("in_doubt", sent.reason, { lane_wide: true }));
  const { status } = sent;
  if (status >= 300 && status < 400) return all(outcome("retry", "redirected", { status, lane_wide: true }));
  if (sent.cut && status < 300) {
    return all(outcome("in_doubt", "answer_too_large", { status, lane_wide: true }));
  }
  const read = platform.classify({ status, headers: sent.headers, body: sent.body }, count);
  return read.kind === "split"
    ? all(read.outcome, count > 1)
    : { outcomes: read.outcomes, split: false, ms: sent.ms };
}
