import { z } from "zod";
import { EVENT_NAMES } from "@trakit/core/event.ts";

/** Answers of the HTTP API: what the handlers send and what the OpenAPI document says are the same schemas. */

export const problemSchema = z.object({
  type: z.string().describe("Relative reference into the HTTP API's documentation."),
  title: z.string(),
  status: z.int(),
  code: z.string().describe("Stable snake_case code."),
  detail: z.string().optional(),
  issues: z.array(z.string()).optional().describe("Paths and codes the schema refused; never values."),
}).meta({ id: "Problem", description: "RFC 9457 problem document." });

export const eventResultSchema = z.object({
  event_id: z.string().nullable().describe("Null where none could be read."),
  name: z.enum(EVENT_NAMES).nullable(),
  status: z.enum(["accepted", "merged", "duplicate", "refused"]).describe(
    "accepted: stored. merged: stored as the second copy of an event. duplicate: known already. refused: see reason.",
  ),
  reason: z.string().optional().describe("Stable code; present when refused."),
  issues: z.array(z.string()).optional(),
}).meta({ id: "EventResult" });

const identifier = z.string().nullable();

export const eventAnswerSchema = z.object({
  results: z.array(eventResultSchema).describe("One for each event sent, in order."),
  visitor: z.object({
    visitor_id: identifier,
    fbp: identifier,
    fbc: identifier,
    ttp: identifier,
    epik: identifier,
    scid: identifier,
    ga_client_id: identifier,
  }).describe("Identifiers of this visitor that the browser may restore."),
}).meta({ id: "EventAnswer" });
export type EventAnswer = z.output<typeof eventAnswerSchema>;

export const webhookAnswerSchema = z.object({
  status: z.enum(["accepted", "merged", "duplicate", "ignored", "refused", "quarantined", "done"]).describe(
    "accepted, merged, duplicate: of an event or a request. done: noted, and nothing is sent of it.",
  ),
  reason: z.string().optional().describe("Why it was ignored or quarantined."),
  event_id: z.string().optional(),
}).meta({ id: "WebhookAnswer" });
export type WebhookAnswer = z.output<typeof webhookAnswerSchema>;

export const drainAnswerSchema = z.object({
  lanes: z.int().describe("Lanes looked at."),
  sent: z.int().describe("Deliveries sent or decided."),
  outcomes: z.record(z.string(), z.int()).describe("How many came to which outcome."),
  expired: z.int(),
  remaining: z.boolean().describe("Something was still due when the time was up."),
}).meta({ id: "DrainAnswer" });
export type DrainAnswer = z.output<typeof drainAnswerSchema>;

export const healthAnswerSchema = z.object({
  status: z.enum(["ok", "unavailable"]),
  version: z.string(),
  runtime: z.string(),
  database: z.enum(["ok", "unavailable"]),
  queue: z.object({
    pending: z.int(),
    due: z.int(),
    oldest_due_seconds: z.int(),
  }).nullable().describe("The recovery queue, across shops."),
  platforms: z.record(z.string(), z.string().nullable()).describe("Platforms and the API version we speak."),
}).meta({ id: "HealthAnswer" });
export type HealthAnswer = z.output<typeof healthAnswerSchema>;
