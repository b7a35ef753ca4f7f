import * as crypto from "node:crypto";

const DIGEST = /^[0-9a-f]{64}$/i;

/**
 * SHA-256 over the UTF-8 bytes, 64 lower-case hex digits: the form all platforms want. One call instead of three where the
 * runtime has it (Node 20.12, Deno 2.1): a hash object costs more than the hashing of a name.
 */
export const sha256Hex: (text: string) => string = typeof crypto.hash === "function"
  ? (text) => crypto.hash!("sha256", text, "hex")
  : (text) => crypto.createHash("sha256").update(text, "utf8").digest("hex");

/**
 * The digest in lower case where the value already is one (64 hex digits, blanks around it allowed), else null.
 * Asked before any normalising: a digest hashed again matches nobody.
 */
export function asDigest(value: string): string | null {
  // The length first: this is asked of every value and nearly none is one.
  if (value.length < 64) return null;
  const text = value.trim();
  return DIGEST.test(text) ? text.toLowerCase() : null;
}
