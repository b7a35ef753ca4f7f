import { bodyDigest, parseToken, type TokenRefusal } from "@trakit/core/token.ts";
import type { Token } from "@trakit/core/token.ts";
import { signedEventSchema } from "./browser-schema.ts";
import { parseJson } from "./json.ts";
import { isRecord } from "./text.ts";

export type OpenedEvent =
  | {
    ok: true;
    /** The event as sent, still to be decoded. */
    raw: unknown;
    /** Null: it came without a token. */
    signed: { eventId: string; digest: string } | null;
  }
  | { ok: false; reason: "malformed_token" | "invalid_event" | TokenRefusal; eventId: string | null };

/**
 * One entry of a batch: plain events pass as they are, `{"token", "body"}` is opened. The signature is checked over the
 * body's text before anything in it is believed; whether the id is the one the body must have, the caller compares after
 * decoding. Never throws.
 *
 * @param verify from `tokenVerifier` of the shop that was proven
 */
export function openEvent(
  entry: unknown,
  verify: (token: Token, name: string, digest: string) => TokenRefusal | null,
): OpenedEvent {
  if (!isRecord(entry) || !("token" in entry)) return { ok: true, raw: entry, signed: null };
  const envelope = signedEventSchema.safeParse(entry);
  const token = envelope.success ? parseToken(envelope.data.token) : null;
  if (!envelope.success || token === null) return { ok: false, reason: "malformed_token", eventId: null };
  const { body } = envelope.data;
  const parsed = parseJson(body);
  const name = parsed.ok && isRecord(parsed.value) ? parsed.value.name : undefined;
  if (!parsed.ok || typeof name !== "string") {
    return { ok: false, reason: "invalid_event", eventId: token.eventId };
  }
  const digest = bodyDigest(body);
  const refusal = verify(token, name, digest);
  if (refusal !== null) return { ok: false, reason: refusal, eventId: token.eventId };
  return { ok: true, raw: parsed.value, signed: { eventId: token.eventId, digest } };
}
