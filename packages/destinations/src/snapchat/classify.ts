import { z } from "zod";
import { type BatchOutcome, forAll, outcome } from "@trakit/core/outcome.ts";
import type { HttpAnswer } from "../destination.ts";
import { jsonBody, vendorWords } from "../shared/answer.ts";
import { byStatus, refusedBatch } from "../shared/status.ts";

const messages = z.array(z.string()).optional().catch(undefined);

/** Both shapes Snap answers with: its SDK's (`errors.error_msgs`) and the live one (`error_msgs` at the top). */
const answerSchema = z.object({
  status: z.string().optional().catch(undefined),
  reason: z.string().optional().catch(undefined),
  error_msgs: messages,
  errors: z.object({ error_msgs: messages }).optional().catch(undefined),
});
type SnapAnswer = z.infer<typeof answerSchema>;

function wordsOf(answer: SnapAnswer | undefined): string | null {
  const all = [...(answer?.error_msgs ?? []), ...(answer?.errors?.error_msgs ?? []), answer?.reason ?? ""];
  return all.filter((words) => words !== "").join(" · ") || null;
}

/** A refused token comes as 400 too, told apart only by its words ("invalid token"). */
function isAboutToken(words: string | null): boolean {
  return words !== null && /\btoken\b/i.test(words) &&
    /\b(?:invalid|expired|revoked|missing|unauthori[sz]ed|not authori[sz]ed)\b/i.test(words);
}

/**
 * Reads an answer of the events endpoint (reference: snapchat §8). Total.
 * A success is 2xx without `status: "INVALID"`: the body is read, since Snap can refuse under a 2xx. A refused batch is
 * halved: whether one bad event takes the others with it is not documented, and should some have been booked, Snap
 * drops their second copy by event_id for 48 hours.
 */
export function classify(answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const body = answerSchema.safeParse(jsonBody(answer.body)).data;
  const words = wordsOf(body);
  const detail = vendorWords(words);
  const accepted = status >= 200 && status < 300;
  const invalid = body?.status?.toUpperCase() === "INVALID";
  if (status === 400 || (accepted && invalid)) {
    if (isAboutToken(words)) {
      return forAll(count, outcome("auth", "token_refused", { status, detail, lane_wide: true }));
    }
    return refusedBatch(count, "invalid_event", { status, detail });
  }
  return byStatus(answer, count, words);
}
