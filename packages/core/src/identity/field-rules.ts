/** How a platform takes each personal field, and what it gets of an event by its rules, which stand in its destination. */
import type { Client, Digests } from "../event.ts";
import { type ClearName, normaliseClear } from "./clear.ts";
import { sha256Hex } from "./digest.ts";
import type { FormName } from "./forms.ts";

export const FIELDS = [
  "email",
  "phone",
  "first_name",
  "last_name",
  "street",
  "city",
  "state",
  "zip",
  "country",
  "gender",
  "date_of_birth",
  "external_id",
] as const;
export type Field = (typeof FIELDS)[number];

export interface DigestRule {
  send: "digest";
  form: FormName;
  /** A second reading of the vendor's rule, sent beside the first where it exists. */
  also: FormName | null;
  /** The digest of a normal form the vendor has no value for. */
  except: string | null;
}
export type Rule = DigestRule | { send: "clear"; clear: ClearName } | { send: "nothing" };

/** The rules of one platform, for every field. */
export type FieldRules = Readonly<Record<Field, Rule>>;

/** The field is not sent. */
export const NOTHING: Rule = { send: "nothing" };

/** Sent as the SHA-256 digest of `form`. `except` is the normal form itself: what is stored is only its digest. */
export function digest(form: FormName, rest: { also?: FormName; except?: string } = {}): Rule {
  const except = rest.except === undefined ? null : sha256Hex(rest.except);
  return { send: "digest", form, also: rest.also ?? null, except };
}

/** Sent in clear, in the form `name`. */
export function clear(name: ClearName): Rule {
  return { send: "clear", clear: name };
}

/** Digests a field carries at most: a person has a few emails and phones, an event with dozens is a mix-up. */
const MOST_DIGESTS = 5;

/** The event's digests by a platform's rule for a field, best first, at most five; undefined where there are none. */
export function digestsBy(rule: Rule, digests: Digests): string[] | undefined {
  if (rule.send !== "digest") return undefined;
  let list = digests[rule.form];
  if (rule.also !== null) {
    const also = digests[rule.also];
    if (also !== undefined) list = list === undefined ? also : [...list, ...also];
  }
  if (list === undefined) return undefined;
  if (rule.except !== null) list = list.filter((one) => one !== rule.except);
  if (list.length > MOST_DIGESTS) return list.slice(0, MOST_DIGESTS);
  return list.length === 0 ? undefined : list;
}

/**
 * The clear value a platform takes, by its rules, for a part of the address, from the client block; null where it takes
 * none or there is none. States go by their code where Shopify gives one.
 */
export function clearFor(
  rules: FieldRules,
  field: "city" | "state" | "zip" | "country",
  client: Client,
): string | null {
  const rule = rules[field];
  if (rule.send !== "clear") return null;
  const value = field === "city"
    ? client.city
    : field === "state"
    ? client.region_code ?? client.region
    : field === "zip"
    ? client.postal_code
    : client.country;
  return value === null ? null : normaliseClear(rule.clear, value, client.country);
}
