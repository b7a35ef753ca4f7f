import { z } from "zod";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { RETURNED_NAMES, type ReturnedName } from "@trakit/core/identifiers.ts";

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
  status: z.enum(["accepted", "duplicate", "refused"]).describe(
    "accepted: taken, whatever was known before. duplicate: this session sent it before. refused: see reason.",
  ),
  reason: z.string().optional().describe("Stable code; present when refused."),
  issues: z.array(z.string()).optional(),
}).meta({ id: "EventResult" });

const identifier = z.string().nullable();

/** Identifiers as a browser is given them: its own first, gaps filled from the vault, nothing its consent does not allow. */
export const returnedIdentifiersSchema = z.object(
  Object.fromEntries(RETURNED_NAMES.map((name) => [name, identifier])) as Record<
    ReturnedName,
    typeof identifier
  >,
).describe("Identifiers this visitor should have.");
export type ReturnedIdentifiers = z.output<typeof returnedIdentifiersSchema>;

const pageCookies = z.array(z.string()).describe(
  "The same identifiers as cookies, each as document.cookie takes it.",
);

const visitorProof = z.string().nullable().describe(
  "That the visitor id was given to this browser: kept in the page's storage, sent as visitor.proof. Null = no id, or one nobody has proven.",
);

export const eventAnswerSchema = z.object({
  results: z.array(eventResultSchema).describe("One for each event sent, in order."),
  visitor: returnedIdentifiersSchema,
  visitor_proof: visitorProof,
  cookies: pageCookies,
  session: z.literal("renew").optional().describe(
    "A customer is logged in whose session did not sign these events: open another, and the next are theirs.",
  ),
}).meta({ id: "EventAnswer" });
export type EventAnswer = z.output<typeof eventAnswerSchema>;

export const sessionAnswerSchema = z.object({
  session: z.object({
    id: z.string().describe("32 hex digits, part of every token."),
    key: z.string().describe("What tokens are signed with: its 43 characters are the HMAC key."),
    now: z.int().describe("The server's clock, ms since the epoch; the browser corrects its own by it."),
    expires_at: z.int().describe("ms since the epoch."),
  }),
  visitor: returnedIdentifiersSchema,
  visitor_proof: visitorProof,
  cookies: pageCookies,
  config: z.object({
    cookie_lifetime_days: z.int(),
    cookie_domain: z.string().nullable().describe("Domain attribute for our cookies; null = host only."),
    first_party: z.string().nullable().describe(
      "Address of the shop's own domain that reaches this function.",
    ),
    public_key: z.string(),
    tags: z.record(z.string(), z.object({ mode: z.enum(["share", "fire"]), id: z.string().nullable() }))
      .describe("Browser tags by platform: share = hand them our ids, fire = fire them ourselves."),
    unsigned: z.boolean().describe("Events without a token are taken."),
  }),
}).meta({ id: "SessionAnswer" });
export type SessionAnswer = z.output<typeof sessionAnswerSchema>;

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
  drained_by: z.object({
    workers: z.int().describe("Worker processes that checked in within a minute."),
    draining: z.int().describe("Calls of the drain function under way."),
    cron_seconds: z.int().nullable().describe(
      "Seconds between two looks of pg_cron at the queue; null = no pg_cron.",
    ),
    calls_drain: z.boolean().describe("pg_cron calls the drain function while no worker lives."),
    resolution_seconds: z.int().nullable().describe(
      "How late a due delivery may be begun. Null = nobody sends what waits: start a worker.",
    ),
  }).nullable().describe("Who sends what waits."),
  platforms: z.record(z.string(), z.string().nullable()).describe("Platforms and the API version we speak."),
}).meta({ id: "HealthAnswer" });
export type HealthAnswer = z.output<typeof healthAnswerSchema>;
