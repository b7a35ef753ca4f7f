import { z } from "zod";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { installAnswerSchema } from "./installation.ts";

/** What merchants may send and what they are answered. Strict: a key that is not here is refused, never passed on. */

const channel = z.enum(["web", "app", "pos", "draft", "subscription", "other"]);

export const shopSettingsSchema = z.strictObject({
  order_topic: z.enum(["orders/create", "orders/paid"]),
  test_orders: z.enum(["skip", "test_mode", "send"]),
  excluded_channels: z.array(channel).max(6),
  unknown_consent: z.enum(["send", "limited", "skip"]).nullable().describe(
    "Null: skip in the EEA, UK and Switzerland, send elsewhere.",
  ),
  unsigned_events: z.boolean(),
  cookie_lifetime_days: z.int().min(1).max(730),
  browser_tags: z.record(z.string().regex(/^[a-z][a-z0-9_]{1,30}$/), z.enum(["share", "fire", "off"])),
}).meta({ id: "ShopSettings" });

export const shopChangeSchema = shopSettingsSchema.partial().refine(
  (change) => Object.keys(change).length > 0,
  {
    message: "nothing_to_change",
  },
).meta({ id: "ShopChange" });

export const shopAnswerSchema = z.object({
  settings: shopSettingsSchema,
  setup: installAnswerSchema.nullable(),
}).meta({ id: "ShopAnswer" });

export const destinationChangeSchema = z.strictObject({
  settings: z.record(z.string().max(50), z.unknown()).optional().describe(
    "Those named change. Every platform takes id, value, content_ids, content_country, custom_events, unknown_consent and sale_refused; Meta also appsecret_proof (write-only, stored sealed; null takes it away), TikTok offline_event_set, Google eu. A new destination needs `id`.",
  ),
  token: z.string().min(1).max(4_000).optional().describe("Write-only: stored sealed, never given back."),
  enabled: z.boolean().optional(),
  events: z.array(z.enum(EVENT_NAMES)).max(EVENT_NAMES.length).nullable().optional().describe(
    "Null: all it knows.",
  ),
  test_code: z.string().regex(/^[ -~]{1,100}$/).nullable().optional(),
}).meta({ id: "DestinationChange" });
export type DestinationChangeInput = z.output<typeof destinationChangeSchema>;

export const destinationAnswerSchema = z.object({
  platform: z.string(),
  label: z.string(),
  version: z.int().nullable().describe("Counts changes; name it in If-Match, in quotes. Null: not set up."),
  configured: z.boolean(),
  enabled: z.boolean(),
  settings: z.record(z.string(), z.unknown()),
  events: z.array(z.string()).nullable(),
  test_code: z.string().nullable(),
  token: z.enum(["none", "stored"]),
  last_four: z.string().nullable().describe("End of the token."),
  secrets: z.array(z.string()).describe("Settings that are stored sealed, by name: never given back."),
  lane: z.enum(["closed", "open", "held"]).nullable(),
  lane_reason: z.string().nullable(),
  can_connect: z.boolean().describe(
    "The platform offers a connection, and this installation has a client there.",
  ),
  connection: z.object({
    since: z.string(),
    expires_at: z.string().nullable().describe("When the token ends; null = it does not."),
    state: z.enum(["connected", "reconnect"]).describe("reconnect: the platform refused to renew."),
  }).nullable().describe("Null: the token was entered by hand."),
  known_events: z.array(z.string()),
  test_mode: z.string().describe("What becomes of events in test mode."),
}).meta({ id: "DestinationAnswer" });
export type DestinationAnswer = z.output<typeof destinationAnswerSchema>;

export const tokenCheckSchema = z.enum(["accepted", "cannot_be_checked", "unreachable", "unchanged"]);

export const destinationChangedSchema = z.object({
  destination: destinationAnswerSchema,
  token_check: tokenCheckSchema.describe(
    "accepted: the platform took the token. cannot_be_checked: it never says (Google). unreachable: it did not answer now.",
  ),
}).meta({ id: "DestinationChanged" });

export const connectSchema = z.strictObject({}).meta({ id: "Connect" });

export const connectAnswerSchema = z.object({
  url: z.string().describe("To be opened in the merchant's browser; good once."),
  expires_at: z.iso.datetime(),
}).meta({ id: "ConnectAnswer" });

export const testEventSchema = z.strictObject({
  event: z.enum(["page_viewed", "checkout_completed"]).default("page_viewed"),
}).meta({ id: "TestEvent" });

export const testEventAnswerSchema = z.object({
  outcome: z.string(),
  reason: z.string(),
  detail: z.string().nullable(),
  http_status: z.int().nullable(),
  event_id: z.string(),
}).meta({ id: "TestEventAnswer" });

export const checkSchema = z.object({
  check: z.string(),
  state: z.enum(["ok", "missing", "warning", "unknown"]),
  detail: z.string(),
});
export const setupAnswerSchema = z.object({ checks: z.array(checkSchema) }).meta({ id: "SetupAnswer" });
export type Check = z.output<typeof checkSchema>;

const loose = z.record(z.string(), z.unknown());
export const orderAnswerSchema = z.object({ order: z.string(), events: z.array(loose) }).meta({
  id: "OrderAnswer",
});
export const healthOfShopSchema = z.object({
  destinations: z.array(loose),
  last_24_hours: z.array(loose),
  refusals: z.array(loose),
  quarantined: z.int(),
  unreadable_orders: z.array(z.object({ order_id: z.string(), day: z.iso.date(), reason: z.string() }))
    .describe("Orders at Shopify that were not captured and cannot be read; tried again every day."),
  match_quality: z.array(z.unknown()),
}).meta({ id: "ShopHealth" });

const time = z.iso.datetime({ offset: true });
export const replaySchema = z.strictObject({
  since: time,
  until: time.optional(),
  platform: z.string().regex(/^[a-z][a-z0-9_]{1,30}$/).optional(),
  states: z.array(z.enum(["failed", "delivered"])).min(1).max(2).default(["failed"]),
  force: z.boolean().default(false),
  dry_run: z.boolean().default(true).describe("True only counts."),
}).meta({ id: "Replay" });
export const replayAnswerSchema = z.object({
  replayed: z.int(),
  refused: z.record(z.string(), z.int()),
  done: z.boolean().optional(),
}).meta({ id: "ReplayAnswer" });

export const privacyAnswerSchema = z.object({ requests: z.array(loose) }).meta({ id: "PrivacyAnswer" });

/** Where an export goes on: the last event's moment and number, as SQL wrote them. */
export const exportPlaceSchema = z.string().regex(
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00\/\d{1,18}$/,
);

export const privacyExportSchema = z.object({
  customers: z.array(loose).optional().describe("Absent where `after` was given, as all but the events."),
  visitors: z.array(loose).optional(),
  carts: z.array(loose).optional(),
  events: z.array(loose),
  next: z.string().nullable().describe(
    "Give it as `after` for the events that follow; null = these were the last.",
  ),
}).meta({ id: "PrivacyExport" });

export const accessTokenSchema = z.object({
  token: z.string().describe("JWT for PostgREST: role authenticated, claim shop_id."),
  expires_at: z.iso.datetime(),
}).meta({ id: "AccessToken" });
