import { z } from "zod";
import { type BatchOutcome, forAll, outcome } from "@trakit/core/outcome.ts";
import type { HttpAnswer } from "../destination.ts";
import { jsonBody, retryAfterMs, vendorWords } from "../shared/answer.ts";
import { byStatus, refusedBatch } from "../shared/status.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
const MINUTE_MS = 60 * 1000;
const DETAIL_LIMIT = 300;

const code = z.union([z.number(), z.string().regex(/^-?\d{1,9}$/).transform(Number)]);
const errorSchema = z.object({
  error: z.object({
    code: code.optional().catch(undefined),
    error_subcode: code.optional().catch(undefined),
    is_transient: z.boolean().optional().catch(undefined),
    message: z.string().optional().catch(undefined),
    error_user_msg: z.string().optional().catch(undefined),
  }),
});
type MetaError = z.infer<typeof errorSchema>["error"];
const receivedSchema = z.object({ events_received: z.number() });

/** Header `x-business-use-case-usage`: by business, how many minutes until calls are taken again. */
const usageSchema = z.record(
  z.string(),
  z.array(
    z.object({ estimated_time_to_regain_access: z.number().nonnegative().optional().catch(undefined) }),
  ),
);

/** Codes by consequence (reference: meta §8.2). */
const THROTTLED: ReadonlySet<number> = new Set([4, 17, 32, 341, 613]);
/** "Business use case" limits, one code a product; those seen for this API are 80000, 80003, 80004 and 80014. */
const isBusinessLimit = (code: number) => code >= 80000 && code <= 80014;
const TOKEN_REFUSED: ReadonlySet<number> = new Set([102, 190]);
const NOT_PERMITTED: ReadonlySet<number> = new Set([3, 10, 294]);
const INVALID_PARAMETER = 100;
const INVALID_REASONS: ReadonlyMap<number, string> = new Map([
  [2804001, "invalid_fbc"],
  [2804003, "too_old"],
  [2804009, "no_value"],
  [2804050, "too_little_user_data"],
]);

/** Code and subcode first: support asks for them, and they are what the message is looked up by. */
function detailOf(error: MetaError): string | null {
  const words = vendorWords(error.error_user_msg ?? error.message);
  if (error.code === undefined) return words;
  const numbers = error.error_subcode === undefined
    ? `${error.code}`
    : `${error.code}/${error.error_subcode}`;
  return (words === null ? numbers : `${numbers}: ${words}`).slice(0, DETAIL_LIMIT);
}

/** How long to wait when throttled, in ms, at most a day; null where Meta does not say. */
function throttleWait(headers: Record<string, string>): number | null {
  const usage = usageSchema.safeParse(jsonBody(headers["x-business-use-case-usage"] ?? "")).data ?? {};
  const minutes = Object.values(usage).flat().map((one) => one.estimated_time_to_regain_access ?? 0);
  const wait = Math.max(0, ...minutes) * MINUTE_MS;
  return wait > 0 ? Math.min(Math.round(wait), DAY_MS) : retryAfterMs(headers);
}

function ofCode(error: MetaError, code: number, answer: HttpAnswer, count: number): BatchOutcome | null {
  const { status } = answer;
  const rest = { status, detail: detailOf(error) };
  const laneWide = { ...rest, lane_wide: true };
  const later = { ...laneWide, retry_after_ms: retryAfterMs(answer.headers) };
  if (THROTTLED.has(code) || isBusinessLimit(code)) {
    const wait = throttleWait(answer.headers);
    return forAll(count, outcome("retry", "throttled", { ...laneWide, retry_after_ms: wait }));
  }
  if (TOKEN_REFUSED.has(code)) return forAll(count, outcome("auth", "token_refused", laneWide));
  if (code === INVALID_PARAMETER) {
    // Not about the event: no such pixel, or the token may not see it.
    if (error.error_subcode === 33) return forAll(count, outcome("auth", "account_not_found", laneWide));
    return refusedBatch(count, INVALID_REASONS.get(error.error_subcode ?? 0) ?? "invalid_event", rest);
  }
  if (NOT_PERMITTED.has(code) || (code >= 200 && code <= 299)) {
    return forAll(count, outcome("auth", "not_permitted", laneWide));
  }
  if (code === 104) return forAll(count, outcome("auth", "app_secret_proof_refused", laneWide));
  // Blocked for policy: knocking often makes it worse, and only a person can lift it.
  if (code === 368) {
    const wait = retryAfterMs(answer.headers) ?? HOUR_MS;
    return forAll(count, outcome("retry", "blocked_by_policy", { ...laneWide, retry_after_ms: wait }));
  }
  if (code === 21009) return forAll(count, outcome("retry", "account_not_ready", later));
  // 1/99 is how Meta answers a request it cannot read.
  if (code === 1 && error.error_subcode === 99) return refusedBatch(count, "invalid_event", rest);
  if (code === 1 || code === 2 || code === 5000 || code < 0) {
    return forAll(count, outcome("retry", "server_error", later));
  }
  return null;
}

function ofError(error: MetaError, answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const known = error.code === undefined ? null : ofCode(error, error.code, answer, count);
  if (known !== null) return known;
  const detail = detailOf(error);
  if (error.is_transient === true) {
    const retry_after_ms = retryAfterMs(answer.headers);
    return forAll(
      count,
      outcome("retry", "server_error", { status, detail, retry_after_ms, lane_wide: true }),
    );
  }
  // An error is an error whatever the status says; an unknown one may be one event's.
  if (status === 400 || (status >= 200 && status < 300)) {
    return refusedBatch(count, "request_refused", { status, detail });
  }
  return byStatus(answer, count, error.error_user_msg ?? error.message ?? null);
}

/**
 * Reads an answer of the events endpoint (reference: meta §8). Total.
 * The error's code decides, not the HTTP status: throttling also comes as 400. A request is taken or refused as a
 * whole. A page instead of JSON is a gateway's and passes. A 2xx that does not say that all events were received
 * leaves open which were.
 */
export function classify(answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const body = jsonBody(answer.body);
  const error = errorSchema.safeParse(body).data?.error;
  if (error !== undefined) return ofError(error, answer, count);
  if (answer.body.trimStart().startsWith("<")) {
    const retry_after_ms = retryAfterMs(answer.headers);
    return forAll(count, outcome("retry", "server_error", { status, retry_after_ms, lane_wide: true }));
  }
  if (status < 200 || status > 299) return byStatus(answer, count, null);
  const received = receivedSchema.safeParse(body).data?.events_received;
  return forAll(
    count,
    received === count
      ? outcome("delivered", "accepted", { status })
      : outcome("in_doubt", "result_unclear", { status }),
  );
}
