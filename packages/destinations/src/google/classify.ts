import { z } from "zod";
import { type BatchOutcome, forAll, outcome } from "@trakit/core/outcome.ts";
import type { HttpAnswer } from "../destination.ts";
import { jsonBody, vendorWords } from "../shared/answer.ts";
import { byStatus, refusedBatch } from "../shared/status.ts";

/** What the validation server answers; the live one has no body. */
const validationSchema = z.object({
  validationMessages: z.array(z.object({
    fieldPath: z.string().optional().catch(undefined),
    description: z.string().optional().catch(undefined),
    validationCode: z.string().optional().catch(undefined),
  })),
});
type Message = z.infer<typeof validationSchema>["validationMessages"][number];

/** The place of the event a message is about; null where it is about the request. */
function eventOf({ fieldPath }: Message): number | null {
  const index = /^events[[.](\d+)/.exec(fieldPath ?? "")?.[1];
  return index === undefined ? null : Number(index);
}

function words(messages: Message[]): string | null {
  return vendorWords(
    messages.map(({ validationCode, fieldPath, description }) =>
      [validationCode, fieldPath, description].filter(Boolean).join(" ")
    ).join(" · "),
  );
}

/** Test mode: an event is refused for its own messages and for those about the whole request. */
function readValidation(messages: Message[], status: number, count: number): BatchOutcome {
  return {
    kind: "each",
    outcomes: Array.from({ length: count }, (_, index) => {
      const own = messages.filter((message) => (eventOf(message) ?? index) === index);
      return own.length === 0
        ? outcome("delivered", "accepted", { status })
        : outcome("permanent", "invalid_event", { status, detail: words(own) });
    }),
  };
}

/**
 * Reads an answer of the Measurement Protocol (reference: google §8). Total.
 * Any 2xx means received, not processed: Google answers so even to a wrong secret, and says nothing in the body; only the
 * validation server does. A 4xx is a fault of the request, for good; there is no authentication that could be refused.
 * Google advises against repeating a request it did not take, meaning a malformed one; a 5xx was answered and so was not
 * received, and time heals it, so it is repeated as at every other platform.
 */
export function classify(answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  if (status === 200) {
    const messages = validationSchema.safeParse(jsonBody(answer.body)).data?.validationMessages;
    if (messages !== undefined) return readValidation(messages, status, count);
  }
  const passes = status === 408 || status === 425 || status === 429;
  if (status < 400 || status >= 500 || passes) return byStatus(answer, count, null);
  if (status === 413) return refusedBatch(count, "too_large", { status, detail: null });
  if (status === 400) return refusedBatch(count, "invalid_event", { status, detail: null });
  return forAll(count, outcome("permanent", "request_refused", { status }));
}
