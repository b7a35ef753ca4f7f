import { createHash } from "node:crypto";

const DIGEST = /^[0-9a-f]{64}$/i;

/** SHA-256 over the UTF-8 bytes, 64 lower-case hex digits: the form all five platforms want. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

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
