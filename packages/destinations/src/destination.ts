import type { z } from "zod";
import type { CanonicalEvent, EventName } from "@trakit/core/event.ts";
import type { FieldRules } from "@trakit/core/identity/field-rules.ts";
import type { MatchKeys } from "@trakit/core/match-quality.ts";
import type { BatchOutcome } from "@trakit/core/outcome.ts";

/** An HTTP request as a value: built here, sent by packages/pipeline. */
export interface HttpRequest {
  method: "POST";
  /** Absolute. May carry a token in its query: never log it, see `redactedUrl`. */
  url: string;
  headers: Record<string, string>;
  body: string;
  /** The same URL with every secret replaced by `***`. */
  redactedUrl: string;
}

/** An HTTP answer as a value. `body` is cut to 1 MiB; header names are lower case. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export type Json = null | boolean | number | string | Json[] | JsonObject;
/** A key whose value is undefined is not sent: JSON leaves it out. */
export type JsonObject = { [key: string]: Json | undefined };

/** How the order's value is counted; a setting per destination. What each means: shared/commerce.ts `eventValue`. */
export const VALUE_RULES = [
  "total",
  "total_without_tax",
  "subtotal",
  "items_with_tax",
  "items_without_tax",
] as const;
export type ValueRule = (typeof VALUE_RULES)[number];

/** Which id stands for an item in the merchant's catalogue. `shopify_country` = shopify_<country>_<product>_<variant>. */
export const CONTENT_ID_FORMS = ["variant", "product", "sku", "shopify_country"] as const;
export type ContentIdForm = (typeof CONTENT_ID_FORMS)[number];

/** What a mapping may depend on besides the event. Times in ms since the epoch. */
export interface MapContext<S> {
  settings: S;
  /** Send in the vendor's limited mode (sale of data refused, or the shop's policy). */
  limited: boolean;
  /** When the request is built: vendors refuse future times and old events. */
  now: number;
}

/** The vendor's form of one event, or why there is none. `reason` is a stable snake_case code. */
export type Mapped = { ok: true; body: JsonObject } | { ok: false; reason: string; detail?: string };

export interface RequestContext<S> {
  settings: S;
  token: string;
  /** Those of `Destination.secrets` that are entered. */
  secrets?: Record<string, string>;
  /** Scheme and host, no trailing slash, e.g. `https://graph.facebook.com`. */
  baseUrl: string;
  /** Test event code, where the platform has one and the destination is in test mode. */
  testCode: string | null;
}

export interface Example {
  title: string;
  description: string;
  event: CanonicalEvent;
  /** Settings as entered; parsed by the destination's schema. */
  settings: Record<string, unknown>;
  limited?: boolean;
  /** The vendor's form of the event, exactly; or the reason it is not sent. */
  out: JsonObject | { skipped: string };
}

/** What the platform's page in docs/destinations says beyond what the code itself shows, in sentences. */
export interface Guide {
  /** How two copies of one event meet there. */
  deduplication: string;
  /** What limited mode does there. */
  limited: string;
  /** What one refused event means for the others of its request. */
  batches: string;
  /** Every reason for which `map` sends nothing, and what it means. */
  skips: Record<string, string>;
  /** Answers worth knowing; the page shows what `classify` makes of each. */
  answers: { when: string; answer: Partial<HttpAnswer> & { status: number } }[];
  /** What is unconfirmed or left out, and why. */
  notes: string[];
}

/**
 * How a merchant connects their account at the platform instead of pasting a token. Only facts: packages/runtime speaks it,
 * the operator's client id and secret are settings.
 */
export interface PlatformOAuth {
  /** Where the merchant grants; absolute. */
  authorizationEndpoint: string;
  tokenEndpoint: string;
  /** The platform's name of `client_id`. */
  clientIdName: "client_id" | "app_id";
  /** The platform's name of the callback's `code`. */
  codeName: "code" | "auth_code";
  /** How the client proves itself at the token endpoint. `json`: TikTok's own exchange, which is not OAuth's. */
  clientAuth: "basic" | "post" | "json";
  /** Further parameters of the authorization request, the scope among them. */
  authorization: Record<string, string>;
  /** Further parameters of the code's exchange. */
  token: Record<string, string>;
  /** Whether the platform documents PKCE (RFC 7636, S256) for this flow. */
  pkce: boolean;
  /** What brings the next token; `exchange` trades the token itself (Meta), `none` = tokens do not end. */
  renewal: "refresh_token" | "exchange" | "none";
  /** Codes in the platform's own error object that blame our client id or secret, not the merchant's grant. */
  clientErrors: number[];
}

/** One advertising or analytics platform. Pure: builds requests and reads answers, never sends. */
export interface Destination<S = unknown> {
  platform: string;
  /** For people: "Meta". */
  label: string;
  /** The vendor's API version as it stands in the URL; null where the API has none. */
  apiVersion: string | null;
  /** Page the rules come from and the date it was read. */
  documentation: { title: string; url: string; read: string };
  /** Production scheme and host. */
  baseUrl: string;
  /** Environment variable that points at another host (tests and local stack only). */
  baseUrlSetting: string;
  /** The consent purpose the platform needs (docs/privacy.md, "Consent"). */
  purpose: "marketing" | "analytics";
  /** Non-secret settings; refuses what the platform would refuse, with the reason. Must accept `{ id: "…" }` alone. */
  settings: z.ZodType<S>;
  /** Further settings, each a secret: kept sealed like the token, given to `request` alone, shown to nobody. Absent = none. */
  secrets?: Record<string, z.ZodType<string>>;
  /** What is wrong with a token as entered, or null. */
  tokenProblem(token: string): string | null;
  /** False = the platform answers any token alike: whether one is good shows only by the events themselves. */
  tokenCheckable: boolean;
  /** Absent = a token is pasted, there is no other way. */
  oauth?: PlatformOAuth;
  /** Test mode, switched on by a destination's test code. */
  testMode: {
    /** What becomes of events in it, in a sentence. */
    about: string;
    /** A code, or the codes, that may be entered. */
    examples: string[];
    /** What is wrong with a code of printable characters, in a sentence for the merchant, or null. */
    problem(code: string): string | null;
  };
  /** Vendor's standard name of each event; absent = none, the merchant chooses between `customEvents` and not sent. */
  events: Partial<Record<EventName, string>>;
  /** Names of events the platform has no standard name for, sent where the setting `custom_events` says so. */
  customEvents: Partial<Record<EventName, string>>;
  limits: {
    /** Events per request. */
    maxEvents: number;
    /** Bytes of body per request; null = no figure published. */
    maxBytes: number | null;
    /** Oldest event the vendor takes, in ms. */
    maxAgeMs: number;
    /** True when events of one request must share this key (GA4: client id and identity). */
    perRequestKey: ((body: JsonObject) => string) | null;
    /** In words, for the platform's page: what may share a request; absent = all events of a destination. */
    sharedBy?: string;
  };
  /** How often a send in doubt may be repeated before `failed: outcome_unknown`, by event name, with its reason in a comment. */
  inDoubtRepeats(name: EventName): number;
  /**
   * How long (ms), from the report of the page's own tag, ours of the same event and id is recognised as the same; Infinity =
   * at any time, null = never, ours would count twice. With its source in a comment.
   */
  tagWindowMs(name: EventName): number | null;
  /** Which personal field the platform takes, and how; with its source in a comment. */
  fields: FieldRules;
  /** Where `map` puts each identifier, and what it adds to match quality. */
  matchKeys: MatchKeys;
  map(event: CanonicalEvent, context: MapContext<S>): Mapped;
  /** One request for 1…maxEvents mapped events. */
  request(bodies: JsonObject[], context: RequestContext<S>): HttpRequest;
  /**
   * The event without what the vendor refused it for, to be sent once more; null where nothing can be left out.
   * `reason` is that of a `permanent` outcome. Absent = the platform has no such case.
   */
  repaired?(body: JsonObject, reason: string): JsonObject | null;
  /** Reads the answer to a request of `count` events. Total: any status and body gives an outcome. */
  classify(answer: HttpAnswer, count: number): BatchOutcome;
  examples: Example[];
  guide: Guide;
}
