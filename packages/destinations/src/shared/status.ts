import { type BatchOutcome, forAll, outcome } from "@trakit/core/outcome.ts";
import type { HttpAnswer } from "../destination.ts";
import { retryAfterMs, vendorWords } from "./answer.ts";

/** A gateway or firewall in front of the API answers with a page, not with the API's JSON. */
function isPage(body: string): boolean {
  return body.trimStart().startsWith("<");
}

/**
 * What an answer means by its HTTP status alone, for the statuses on which the vendors agree or say nothing:
 * a destination's `classify` handles what its vendor documents and leaves the rest to this. Total.
 * `words` is the vendor's message, already found in the body; null where there is none.
 */
export function byStatus(answer: HttpAnswer, count: number, words: string | null): BatchOutcome {
  const { status } = answer;
  const rest = { status, detail: vendorWords(words), retry_after_ms: retryAfterMs(answer.headers) };
  if (status === 429) return forAll(count, outcome("retry", "throttled", { ...rest, lane_wide: true }));
  if (status === 408 || status === 425) {
    return forAll(count, outcome("retry", "not_processed", { ...rest, lane_wide: true }));
  }
  if (status >= 500) return forAll(count, outcome("retry", "server_error", { ...rest, lane_wide: true }));
  if (status === 401) return forAll(count, outcome("auth", "token_refused", { ...rest, lane_wide: true }));
  if (status === 403) {
    // Holding the lane until a new token comes would be wrong for a firewall's block: it goes away by itself.
    return isPage(answer.body)
      ? forAll(count, outcome("retry", "blocked_by_gateway", { ...rest, lane_wide: true }))
      : forAll(count, outcome("auth", "not_permitted", { ...rest, lane_wide: true }));
  }
  // The account is part of the address: a wrong id is healed by new settings, as a wrong token is.
  if (status === 404) {
    return forAll(count, outcome("auth", "account_not_found", { ...rest, lane_wide: true }));
  }
  if (status === 413) return refusedBatch(count, "too_large", rest);
  if (status >= 400) return forAll(count, outcome("permanent", "request_refused", rest));
  if (status >= 200 && status < 300) {
    // A page under a 2xx is a gateway's; whether the API behind it took the request is open.
    return isPage(answer.body)
      ? forAll(count, outcome("in_doubt", "result_unclear", rest))
      : forAll(count, outcome("delivered", "accepted", rest));
  }
  // Redirects are not followed with a token in the request; none of these APIs documents one.
  return forAll(count, outcome("retry", "unexpected_status", { ...rest, lane_wide: true }));
}

/**
 * A refusal of a whole request for what is in it: one event alone is refused for good, several are split to find the
 * one the vendor does not name.
 */
export function refusedBatch(
  count: number,
  reason: string,
  rest: { status: number; detail: string | null },
): BatchOutcome {
  const refused = outcome("permanent", reason, { status: rest.status, detail: rest.detail });
  return count > 1 ? { kind: "split", outcome: refused } : forAll(count, refused);
}
