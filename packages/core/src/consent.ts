import { z } from "zod";
import { type Consent, type Identifiers, UNKNOWN_CONSENT } from "./event.ts";
import { IDENTIFIER_LIST } from "./identifiers.ts";

/** Letter of each purpose in the cart attribute, in the order they are written. */
const LETTERS = [
  ["a", "analytics"],
  ["m", "marketing"],
  ["p", "preferences"],
  ["s", "sale_of_data"],
] as const;

const ATTRIBUTE = /^(?:[amps][01]){0,4}$/;

const decision = z.boolean().nullable().default(null);

/**
 * Consent as a browser sends it: each purpose true, false or null; what is left out is null (not known). Anything else
 * is refused, not read as "not known": a garbled no must not become the shop's default.
 */
export const consentSchema = z.object({
  analytics: decision,
  marketing: decision,
  preferences: decision,
  sale_of_data: decision,
});

/**
 * Reads the compact form that rides in the cart attribute `__trk_consent`: "a1m0p1s1" = analytics yes, marketing no,
 * preferences yes, sale of data allowed; a letter left out is null. Anything else (also a letter given twice), is
 * wholly unknown: the attribute is writable by anybody on the page.
 */
export function parseConsentAttribute(text: unknown): Consent {
  if (typeof text !== "string" || !ATTRIBUTE.test(text)) return { ...UNKNOWN_CONSENT };
  const consent: Consent = { ...UNKNOWN_CONSENT };
  for (const [letter, purpose] of LETTERS) {
    const at = text.indexOf(letter);
    if (at < 0) continue;
    if (text.indexOf(letter, at + 1) >= 0) return { ...UNKNOWN_CONSENT };
    consent[purpose] = text[at + 1] === "1";
  }
  return consent;
}

/** The compact form of a consent, the inverse of `parseConsentAttribute`; "" when nothing is known. */
export function formatConsentAttribute(consent: Consent): string {
  return LETTERS
    .filter(([, purpose]) => consent[purpose] !== null)
    .map(([letter, purpose]) => `${letter}${consent[purpose] ? 1 : 0}`)
    .join("");
}

/** The identifiers without those whose purpose was refused; unknown is not refused. SQL has the same: trakit.consented_identifiers. */
export function consentedIdentifiers(identifiers: Identifiers, consent: Consent): Identifiers {
  const kept = { ...identifiers };
  for (const { name, purpose } of IDENTIFIER_LIST) {
    if (purpose !== null && consent[purpose] === false) kept[name] = null;
  }
  return kept;
}

/** A consent under Global Privacy Control: whatever was decided, the sale of data is refused. */
export function withPrivacyControl(consent: Consent | null, control: boolean): Consent | null {
  return control ? { ...UNKNOWN_CONSENT, ...consent, sale_of_data: false } : consent;
}
