import { z } from "zod";
import { type BatchOutcome, forAll, type Outcome, outcome } from "@trakit/core/outcome.ts";
import type { HttpAnswer } from "../destination.ts";
import { jsonBody, vendorWords } from "../shared/answer.ts";
import { byStatus, refusedBatch } from "../shared/status.ts";

const eventSchema = z.object({
  status: z.string(),
  error_message: z.string().nullish(),
  warning_message: z.string().nullish(),
});

const resultSchema = z.object({
  num_events_received: z.number().optional(),
  num_events_processed: z.number().optional(),
  events: z.array(eventSchema).optional(),
});
type Result = z.infer<typeof resultSchema>;

const errorSchema = z.object({
  code: z.number().optional(),
  message: z.string().optional(),
  details: resultSchema.optional().catch(undefined),
});

function ofEvent(event: z.infer<typeof eventSchema>, status: number): Outcome {
  if (event.status.toLowerCase() === "processed") {
    return outcome("delivered", "accepted", { status, detail: vendorWords(event.warning_message) });
  }
  const words = event.error_message ?? "";
  const reason = /timestamp is in the past/i.test(words) ? "too_old" : "invalid_event";
  return outcome("permanent", reason, { status, detail: vendorWords(words) });
}

/**
 * One outcome per event of a result that lists them (in request order), or that took all or none of them.
 * A result that does neither leaves open which were booked: in doubt, since repeating those would count them twice.
 */
function ofResult(result: Result, status: number, count: number, words: string | null): BatchOutcome {
  const { events, num_events_processed: processed } = result;
  if (events?.length === count) {
    return { kind: "each", outcomes: events.map((event) => ofEvent(event, status)) };
  }
  const detail = vendorWords(words);
  if (processed !== undefined && processed >= count) {
    return forAll(count, outcome("delivered", "accepted", { status }));
  }
  if (processed === 0) return refusedBatch(count, "invalid_event", { status, detail });
  return forAll(count, outcome("in_doubt", "result_unclear", { status, detail }));
}

/**
 * Reads an answer of the events endpoint (reference: pinterest §8). Total.
 * 200 and 422 say per event what became of it, 400 refuses the request for one event it does not name, 401 and 403
 * hold the lane, 429 (5,000 calls a minute per ad account) and 5xx (503 = endpoint ramped down) pass with time.
 */
export function classify(answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const body = jsonBody(answer.body);
  const error = errorSchema.safeParse(body).data;
  const words = error?.message ?? null;
  if (status === 200) {
    const result = resultSchema.safeParse(body).data;
    // Pinterest always lists what it took: an answer that does not leaves it open.
    if (result === undefined) return forAll(count, outcome("in_doubt", "result_unclear", { status }));
    return ofResult(result, status, count, words);
  }
  if (status === 422) {
    if (!error?.details) return refusedBatch(count, "invalid_event", { status, detail: vendorWords(words) });
    return ofResult(error.details, status, count, words);
  }
  if (status === 400) return refusedBatch(count, "invalid_event", { status, detail: vendorWords(words) });
  return byStatus(answer, count, words);
}
