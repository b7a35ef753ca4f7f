/** Which platform takes which personal field, and how: the one table behind requests and `trakit hash`. */
import type { Client, Digests } from "../event.ts";
import { type ClearName, normaliseClear } from "./clear.ts";
import { sha256Hex } from "./digest.ts";
import type { FormName } from "./forms.ts";

export const PLATFORMS = ["meta", "tiktok", "pinterest", "snapchat", "google"] as const;
export type Platform = (typeof PLATFORMS)[number];

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
  also?: FormName;
  /** Normal forms the vendor has no value for. */
  except?: string;
}
export type Rule = DigestRule | { send: "clear"; clear: ClearName } | { send: "nothing" };

const NOTHING: Rule = { send: "nothing" };

function digest(form: FormName, rest: { also?: FormName; except?: string } = {}): Rule {
  return { send: "digest", form, ...rest };
}

function clear(name: ClearName): Rule {
  return { send: "clear", clear: name };
}

/** References: meta §4, tiktok §4, pinterest §4, snapchat §2.2 and §4, google §4. */
export const PLATFORM_FIELDS: Record<Platform, Record<Field, Rule>> = {
  meta: {
    email: digest("email.lower"),
    phone: digest("phone.digits"),
    first_name: digest("first_name.compact"),
    last_name: digest("last_name.compact"),
    street: NOTHING,
    city: digest("city.compact"),
    state: digest("region.meta"),
    zip: digest("postal.alnum"),
    country: digest("country.lower"),
    gender: digest("gender.letter", { except: "n" }),
    date_of_birth: digest("birth.yyyymmdd"),
    external_id: digest("external_id.lower"),
  },
  tiktok: {
    email: digest("email.lower"),
    phone: digest("phone.e164", { also: "phone.national_cn" }),
    first_name: digest("first_name.compact"),
    last_name: digest("last_name.compact"),
    street: NOTHING,
    city: clear("city.compact"),
    state: clear("region.compact"),
    zip: digest("postal.alnum"),
    country: clear("country.lower"),
    gender: NOTHING,
    date_of_birth: NOTHING,
    external_id: digest("external_id.lower"),
  },
  pinterest: {
    email: digest("email.lower"),
    phone: digest("phone.digits"),
    first_name: digest("first_name.lower"),
    last_name: digest("last_name.lower"),
    street: NOTHING,
    city: digest("city.compact"),
    state: digest("region.code"),
    zip: digest("postal.spaceless"),
    country: digest("country.lower"),
    gender: digest("gender.letter"),
    date_of_birth: digest("birth.yyyymmdd"),
    external_id: digest("external_id.plain"),
  },
  snapchat: {
    email: digest("email.lower"),
    phone: digest("phone.digits"),
    first_name: digest("first_name.words"),
    last_name: digest("last_name.words"),
    street: NOTHING,
    city: digest("city.compact"),
    state: digest("region.code"),
    zip: digest("postal.spaceless"),
    country: digest("country.lower"),
    gender: digest("gender.letter", { except: "n" }),
    date_of_birth: NOTHING,
    external_id: digest("external_id.plain"),
  },
  google: {
    email: digest("email.gmail"),
    phone: digest("phone.e164"),
    first_name: digest("first_name.letters"),
    last_name: digest("last_name.letters"),
    street: digest("street.letters"),
    city: clear("place.letters"),
    state: clear("place.letters"),
    zip: clear("postal.plain"),
    country: clear("country.upper"),
    gender: NOTHING,
    date_of_birth: NOTHING,
    external_id: clear("user_id"),
  },
};

/** Digests of the excepted values, computed once: what is stored is only the digest. */
const EXCEPTED: ReadonlyMap<string, string> = new Map([["n", sha256Hex("n")]]);

/** The event's digests a platform takes for a field, best first; empty where it takes none or there are none. */
export function digestsFor(platform: Platform, field: Field, digests: Digests): string[] {
  const rule = PLATFORM_FIELDS[platform][field];
  if (rule.send !== "digest") return [];
  const main = digests[rule.form] ?? [];
  const all = rule.also === undefined ? main : [...main, ...(digests[rule.also] ?? [])];
  if (rule.except === undefined) return all;
  const excepted = EXCEPTED.get(rule.except);
  return all.filter((one) => one !== excepted);
}

/**
 * The clear value a platform takes for a part of the address, from the client block; null where it takes none or there
 * is none. States go by their code where Shopify gives one.
 */
export function clearFor(
  platform: Platform,
  field: "city" | "state" | "zip" | "country",
  client: Client,
): string | null {
  const rule = PLATFORM_FIELDS[platform][field];
  if (rule.send !== "clear") return null;
  const value = {
    city: client.city,
    state: client.region_code ?? client.region,
    zip: client.postal_code,
    country: client.country,
  }[field];
  return normaliseClear(rule.clear, value, client.country);
}
