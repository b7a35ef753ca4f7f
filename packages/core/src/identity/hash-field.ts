import { normaliseClear } from "./clear.ts";
import { asDigest, sha256Hex } from "./digest.ts";
import { normalise } from "./forms.ts";
import type { Field, FieldRules } from "./field-rules.ts";

export interface HashedField {
  /** How the platform gets the field. */
  send: "digest" | "clear" | "nothing";
  /** What the platform gets: 64 hex digits or the clear form; null = nothing. */
  value: string | null;
  /** The clear form the value was made from; for a value that came as a digest, that digest. */
  normalised: string | null;
}

const NOTHING: HashedField = { send: "nothing", value: null, normalised: null };

/**
 * What a platform gets, by its rules, for one clear value (the command `trakit hash`). `country`: any spelling of the country the
 * value belongs to. "nothing" where the platform does not take the field or the value is to be left out. A value that
 * already is 64 hex digits is a digest: passed through in lower case, never hashed again. Never throws.
 */
export function hashField(
  rules: FieldRules,
  { field, value, country = null }: {
    field: Field;
    value: string | null | undefined;
    country?: string | null;
  },
): HashedField {
  const rule = rules[field];
  if (rule.send === "nothing" || value === null || value === undefined) return NOTHING;
  if (rule.send === "clear") {
    const text = normaliseClear(rule.clear, value, country);
    return text === null ? NOTHING : { send: "clear", value: text, normalised: text };
  }
  const digest = asDigest(value);
  if (digest !== null) return { send: "digest", value: digest, normalised: digest };
  const text = normalise(rule.form, value, country);
  if (text === null) return NOTHING;
  const hash = sha256Hex(text);
  return hash === rule.except ? NOTHING : { send: "digest", value: hash, normalised: text };
}
