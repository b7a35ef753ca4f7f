import { type BatchOutcome, forAll, outcome } from "@trakit/core/outcome.ts";
import type { HttpAnswer } from "../destination.ts";
import { byStatus, refusedBatch } from "../shared/status.ts";

/**
 * Reads an answer of the Measurement Protocol (reference: google §8). Total.
 * Any 2xx means received, not processed: Google answers so even to a wrong secret, and says nothing in the body.
 * A 4xx is a fault of the request, for good; there is no authentication that could be refused. Google advises against
 * repeating a request it did not take, meaning a malformed one; a 5xx was answered and so was not received, and time
 * heals it, so it is repeated as at every other platform (design §7).
 */
export function classify(answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const passes = status === 408 || status === 425 || status === 429;
  if (status < 400 || status >= 500 || passes) return byStatus(answer, count, null);
  if (status === 413) return refusedBatch(count, "too_large", { status, detail: null });
  if (status === 400) return refusedBatch(count, "invalid_event", { status, detail: null });
  return forAll(count, outcome("permanent", "request_refused", { status }));
}
