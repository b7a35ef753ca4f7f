import { bodyDigest, parseToken, type TokenRefusal } from "@trakit/core/token.ts";
import type { Token } from "@trakit/core/token.ts";
import { type Fired, firedSchema, signedEventSchema } from "./browser-schema.ts";
import { parseJson } from "./json.ts";
import { isRecord } from "./text.ts";

type Verify = (token: Token, name: string, digest: string) => TokenRefusal | null;

/** What a token said that proved itself: whose it is, for which event, over which body. */
export interface Signed {
  eventId: string;
  sessionId: string;
  digest: string;
}

export type OpenedEvent =
  | {
    ok: true;
    /** The event as sent, still to be decoded. */
    raw: unknown;
    /** Null: it came without a token. */
    signed: Signed | null;
  }
  | { ok: false; reason: "malformed_token" | "invalid_event" | TokenRefusal; eventId: string | null };

/** The name a token of a tag report is signed for: one of an event can never pass as one. */
const TAG_REPORT = "tag_fired";

/**
 * `{"token", "body"}` with its signature checked over the body's text before anything in it is believed.
 *
 * @param nameOf what the token must be signed for, from the parsed body; undefined = the body is none
 */
function openSigned(
  entry: unknown,
  verify: Verify,
  nameOf: (body: unknown) => string | undefined,
): { ok: true; raw: unknown; signed: Signed } | Extract<OpenedEvent, { ok: false }> {
  const envelope = signedEventSchema.safeParse(entry);
  const token = envelope.success ? parseToken(envelope.data.token) : null;
  if (!envelope.success || token === null) return { ok: false, reason: "malformed_token", eventId: null };
  const { body } = envelope.data;
  const { eventId, sessionId } = token;
  const parsed = parseJson(body);
  const name = parsed.ok ? nameOf(parsed.value) : undefined;
  if (!parsed.ok || name === undefined) return { ok: false, reason: "invalid_event", eventId };
  const digest = bodyDigest(body);
  const refusal = verify(token, name, digest);
  if (refusal !== null) return { ok: false, reason: refusal, eventId };
  return { ok: true, raw: parsed.value, signed: { eventId, sessionId, digest } };
}

/**
 * One entry of a batch: plain events pass as they are, `{"token", "body"}` is opened. Whether the id is the one the body must
 * have, the caller compares after decoding. Never throws.
 *
 * @param verify from `tokenVerifier` of the shop that was proven
 */
export function openEvent(entry: unknown, verify: Verify): OpenedEvent {
  if (!isRecord(entry) || !("token" in entry)) return { ok: true, raw: entry, signed: null };
  return openSigned(
    entry,
    verify,
    (body) => isRecord(body) && typeof body.name === "string" ? body.name : undefined,
  );
}

export type OpenedReport =
  | { ok: true; report: Fired; sessionId: string }
  | {
    ok: false;
    reason: "unsigned_fired" | "malformed_fired" | "malformed_token" | "wrong_event_id" | TokenRefusal;
  };

/**
 * One report of tags that had an event after it was sent: `{"token", "body"}`, signed for the event's id under the name
 * `tag_fired`. Whether the session is the one the event belongs to, only its row says. Never throws.
 *
 * @param verify from `tokenVerifier` of the shop that was proven
 */
export function openTagReport(entry: unknown, verify: Verify): OpenedReport {
  if (!isRecord(entry) || !("token" in entry)) return { ok: false, reason: "unsigned_fired" };
  const opened = openSigned(entry, verify, () => TAG_REPORT);
  if (!opened.ok) {
    return { ok: false, reason: opened.reason === "invalid_event" ? "malformed_fired" : opened.reason };
  }
  const report = firedSchema.safeParse(opened.raw);
  if (!report.success) return { ok: false, reason: "malformed_fired" };
  if (report.data.event_id !== opened.signed.eventId) return { ok: false, reason: "wrong_event_id" };
  return { ok: true, report: report.data, sessionId: opened.signed.sessionId };
}
