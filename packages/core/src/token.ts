import { createHash, createHmac } from "node:crypto";
import { type Keys, sameText, sessionKeyText, sessionTimes } from "./storefront-keys.ts";

/**
 * The token of a browser's event: `event_id.session_id.issued_at.signature`. It says that a session of this shop, given its
 * key through a channel that proves the shop, sent exactly this body under this id
 * (docs/adr/0018-keys-of-the-storefront.md).
 */

/** Oldest and newest `issued_at` taken: what a browser kept while offline, and how far its corrected clock may be ahead. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;
const MAX_AHEAD_MS = 5 * 60 * 1000;

const TOKEN = /^([A-Za-z0-9_-]{8,64})\.([0-9a-f]{32})\.(\d{10,16})\.([0-9a-f]{64})$/;

export interface Token {
  eventId: string;
  sessionId: string;
  /** ms since the epoch, on the visitor's clock as corrected by the session's. */
  issuedAt: number;
  signature: string;
}

/** Splits a token by its shape; null when it has none. */
export function parseToken(text: unknown): Token | null {
  const match = typeof text === "string" && text.length <= 200 ? TOKEN.exec(text) : null;
  return match
    ? { eventId: match[1]!, sessionId: match[2]!, issuedAt: Number(match[3]), signature: match[4]! }
    : null;
}

/** Lower-case hex SHA-256 of a body's UTF-8 bytes. */
export function bodyDigest(body: string): string {
  return createHash("sha256").update(body, "utf8").digest("hex");
}

/** The text a token's signature covers. */
export function signedText(token: Omit<Token, "signature">, name: string, digest: string): string {
  return ["trakit/token/1", token.eventId, name, token.sessionId, String(token.issuedAt), digest].join("\n");
}

/**
 * A signature: lower-case hex of HMAC-SHA256 over the signed text.
 *
 * @param key the session's key as the browser is given it: its characters are the key, so that a page decodes nothing
 */
export function tokenSignature(key: string, text: string): string {
  return createHmac("sha256", key).update(text, "utf8").digest("hex");
}

export type TokenRefusal = "forged_token" | "stale_token";

/** Checks tokens of one shop; keys of sessions are derived once. */
export function tokenVerifier(
  keys: Keys,
  shop: string,
  nowMs: number,
): (token: Token, name: string, digest: string) => TokenRefusal | null {
  const derived = new Map<string, string[]>();
  return (token, name, digest) => {
    let candidates = derived.get(token.sessionId);
    if (!candidates) {
      candidates = keys.map(({ key }) => sessionKeyText(key, shop, token.sessionId));
      derived.set(token.sessionId, candidates);
    }
    const text = signedText(token, name, digest);
    let signed = false;
    for (const key of candidates) if (sameText(tokenSignature(key, text), token.signature)) signed = true;
    if (!signed) return "forged_token";
    const session = sessionTimes(token.sessionId)!;
    const fresh = token.issuedAt >= nowMs - MAX_AGE_MS && token.issuedAt <= nowMs + MAX_AHEAD_MS &&
      token.issuedAt >= session.from - MAX_AHEAD_MS && token.issuedAt <= session.until + MAX_AHEAD_MS;
    return fresh ? null : "stale_token";
  };
}
