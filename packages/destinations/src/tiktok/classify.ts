import { z } from "zod";
import { type BatchOutcome, forAll, outcome } from "@trakit/core/outcome.ts";
import type { HttpAnswer } from "../destination.ts";
import { jsonBody, retryAfterMs, vendorWords } from "../shared/answer.ts";
import { byStatus, refusedBatch } from "../shared/status.ts";

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const DETAIL_LIMIT = 300;

const answerSchema = z.object({
  code: z.union([z.number(), z.string().regex(/^\d{1,9}$/).transform(Number)]),
  message: z.string().optional().catch(undefined),
});

/** Accepted; 20001 is "partial success", of which TikTok gives no parts (reference: tiktok §8). */
const ACCEPTED: ReadonlySet<number> = new Set([0, 20001]);
const THROTTLED: ReadonlySet<number> = new Set([40100, 51021]);
const NO_PERMISSION = 40001;
const INVALID_PARAMETER: ReadonlySet<number> = new Set([40000, 40002]);

function detailOf(code: number, message: string | undefined): string | null {
  const words = vendorWords(message);
  return (words === null ? `${code}` : `${code}: ${words}`).slice(0, DETAIL_LIMIT);
}

/**
 * How long a limit lasts, in ms: 5 minutes per minute limit, until 00:00 UTC per day limit, by the answer's own clock;
 * null = our own back-off, which suits a per second limit.
 */
function throttleWait(headers: Record<string, string>, message: string): number | null {
  const asked = retryAfterMs(headers);
  if (asked !== null) return asked;
  if (/\bqpd\b|per day|daily/i.test(message)) {
    const answered = Date.parse(headers["date"] ?? "");
    return Number.isNaN(answered) ? HOUR_MS : DAY_MS - (((answered % DAY_MS) + DAY_MS) % DAY_MS);
  }
  return /\bqpm\b|per minute/i.test(message) ? 5 * MINUTE_MS : null;
}

function ofCode(code: number, message: string | undefined, answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const rest = { status, detail: detailOf(code, message) };
  const laneWide = { ...rest, lane_wide: true };
  if (THROTTLED.has(code)) {
    const retry_after_ms = throttleWait(answer.headers, message ?? "");
    return forAll(count, outcome("retry", "throttled", { ...laneWide, retry_after_ms }));
  }
  if (code === NO_PERMISSION) return forAll(count, outcome("auth", "not_permitted", laneWide));
  // 40104 empty, 40105 wrong or revoked; the others of the row are further states of the token.
  if (code > 40100 && code <= 40199) return forAll(count, outcome("auth", "token_refused", laneWide));
  if (INVALID_PARAMETER.has(code)) return refusedBatch(count, "invalid_event", rest);
  if (code >= 50000 && code <= 59999) {
    const retry_after_ms = retryAfterMs(answer.headers);
    return forAll(count, outcome("retry", "server_error", { ...laneWide, retry_after_ms }));
  }
  // A code of which nothing is known: with a 4xx or 2xx a refusal, of one event perhaps.
  if (status < 500 && status !== 408 && status !== 425 && status !== 429) {
    return refusedBatch(count, "request_refused", rest);
  }
  return byStatus(answer, count, message ?? null);
}

/**
 * Reads an answer of the track endpoint (reference: tiktok §8). Total.
 * `code` decides, not the HTTP status: errors come with 200, throttling with 401. A request is taken or refused as a
 * whole. A page instead of JSON is a gateway's and passes; a 401 without a code is not taken for a refused token.
 */
export function classify(answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const success = status >= 200 && status <= 299;
  const parsed = answerSchema.safeParse(jsonBody(answer.body)).data;
  if (parsed !== undefined && !ACCEPTED.has(parsed.code)) {
    return ofCode(parsed.code, parsed.message, answer, count);
  }
  if (parsed !== undefined && success) {
    const detail = parsed.code === 0 ? null : detailOf(parsed.code, parsed.message);
    return forAll(count, outcome("delivered", "accepted", { status, detail }));
  }
  if (answer.body.trimStart().startsWith("<") || status === 401) {
    const retry_after_ms = retryAfterMs(answer.headers);
    return forAll(count, outcome("retry", "server_error", { status, retry_after_ms, lane_wide: true }));
  }
  if (success) return forAll(count, outcome("in_doubt", "result_unclear", { status }));
  return byStatus(answer, count, parsed?.message ?? null);
}
