/**
 * Which platform takes which personal field, and how, and what each identifier is worth to it: the tables behind requests,
 * `trakit hash`, match quality and docs/destinations.
 */
import type { Client, Digests } from "../event.ts";
import { type ClearName, normaliseClear } from "./clear.ts";
import { sha256Hex } from "./digest.ts";
import type { FormName } from "./forms.ts";

export const PLATFORMS = ["meta", "tiktok", "pinterest", "snapchat", "google", "reddit"] as const;
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
  also: FormName | null;
  /** The digest of a normal form the vendor has no value for. */
  except: string | null;
}
export type Rule = DigestRule | { send: "clear"; clear: ClearName } | { send: "nothing" };

const NOTHING: Rule = { send: "nothing" };

/** `except` is the normal form itself: what is stored is only its digest. */
function digest(form: FormName, rest: { also?: FormName; except?: string } = {}): Rule {
  const except = rest.except === undefined ? null : sha256Hex(rest.except);
  return { send: "digest", form, also: rest.also ?? null, except };
}

function clear(name: ClearName): Rule {
  return { send: "clear", clear: name };
}

/** Each by its own rules (reference: meta §4, tiktok §4, pinterest §4, snapchat §2.2, §4, google §4, reddit §4). */
export const PLATFORM_FIELDS: Record<Platform, Record<Field, Rule>> = {
  meta: {
    email: digest("email.lower"),
    phone: digest("phone.digits"),
    first_name: digest("first_name.compact"),
    last_name: digest("last_name.compact"),
    street: NOTHING,
    city: digest("city.compact", { also: "city.folded" }),
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
  reddit: {
    email: digest("email.canonical"),
    phone: digest("phone.e164"),
    first_name: NOTHING,
    last_name: NOTHING,
    street: NOTHING,
    city: NOTHING,
    state: NOTHING,
    zip: NOTHING,
    country: NOTHING,
    gender: NOTHING,
    date_of_birth: NOTHING,
    external_id: digest("external_id.plain"),
  },
};

/** One identifier of a mapped event: where it stands in the body (all of `paths`), and what it adds to match quality. */
export interface MatchKey {
  identifier: string;
  /** Keys joined by dots, from the event's own root; all must be there. */
  paths: string[];
  weight: number;
}

function key(identifier: string, weight: number, ...paths: string[]): MatchKey {
  return { identifier, paths, weight };
}

/** Weights add up to 10. Other platforms' own scores exist (Meta's Event Match Quality), their weights are not published. */
export const MATCH_KEYS: Record<Platform, { source: string; keys: MatchKey[] }> = {
  meta: {
    source:
      "Estimate: Meta publishes no weights. It names email, IP address, names and phone as high-quality keys; the order and sizes are those of public estimators (reference: meta §9).",
    keys: [
      key("email", 2.5, "user_data.em"),
      key("phone", 1.6, "user_data.ph"),
      key("click_id", 1.6, "user_data.fbc"),
      key("external_id", 0.9, "user_data.external_id"),
      key("browser_id", 0.9, "user_data.fbp"),
      key("ip_address", 0.7, "user_data.client_ip_address"),
      key("name", 0.6, "user_data.fn", "user_data.ln"),
      key("user_agent", 0.3, "user_data.client_user_agent"),
      key("zip", 0.3, "user_data.zp"),
      key("city", 0.2, "user_data.ct"),
      key("date_of_birth", 0.2, "user_data.db"),
      key("state", 0.1, "user_data.st"),
      key("country", 0.1, "user_data.country"),
    ],
  },
  tiktok: {
    source:
      "Estimate: TikTok publishes no weights; its set-up pages recommend the first seven (reference: tiktok §9).",
    keys: [
      key("click_id", 2.8, "user.ttclid"),
      key("email", 2.2, "user.email"),
      key("phone", 1.6, "user.phone"),
      key("browser_id", 1, "user.ttp"),
      key("external_id", 0.9, "user.external_id"),
      key("ip_address", 0.6, "user.ip"),
      key("user_agent", 0.4, "user.user_agent"),
      key("name", 0.2, "user.first_name", "user.last_name"),
      key("zip", 0.2, "user.zip_code"),
      key("place", 0.1, "user.city", "user.country"),
    ],
  },
  pinterest: {
    source:
      "Estimate, ours: Pinterest publishes neither a score nor weights. Email, or IP address with user agent, is what it requires, the click id names the Pin (reference: pinterest §2.2, §5).",
    keys: [
      key("email", 3.2, "user_data.em"),
      key("click_id", 2.2, "user_data.click_id"),
      key("phone", 1.2, "user_data.ph"),
      key("external_id", 1, "user_data.external_id"),
      key("ip_address", 0.8, "user_data.client_ip_address"),
      key("name", 0.5, "user_data.fn", "user_data.ln"),
      key("user_agent", 0.4, "user_data.client_user_agent"),
      key("zip", 0.3, "user_data.zp"),
      key("city", 0.2, "user_data.ct"),
      key("state", 0.1, "user_data.st"),
      key("country", 0.1, "user_data.country"),
    ],
  },
  snapchat: {
    source:
      "Estimate, ours: Snap publishes no weights. Email, phone, or IP address with user agent is what it requires; click id and cookie name the ad and the browser (reference: snapchat §2.2, §5).",
    keys: [
      key("email", 2.6, "user_data.em"),
      key("phone", 2, "user_data.ph"),
      key("click_id", 2, "user_data.sc_click_id"),
      key("browser_id", 1, "user_data.sc_cookie1"),
      key("ip_address", 0.8, "user_data.client_ip_address"),
      key("external_id", 0.5, "user_data.external_id"),
      key("user_agent", 0.4, "user_data.client_user_agent"),
      key("name", 0.3, "user_data.fn", "user_data.ln"),
      key("zip", 0.2, "user_data.zp"),
      key("city", 0.1, "user_data.ct"),
      key("country", 0.1, "user_data.country"),
    ],
  },
  google: {
    source:
      "Estimate, ours: Google Analytics has no such score. Without gtag's session an event is unassigned; user id and user-provided data join devices and ads (reference: google §4, §5).",
    keys: [
      key("session_id", 3.5, "events.0.params.session_id"),
      key("email", 2, "user_data.sha256_email_address"),
      key("user_id", 1.5, "user_id"),
      key("phone", 1.2, "user_data.sha256_phone_number"),
      key("address", 0.8, "user_data.address"),
      key("ip_address", 0.6, "ip_override"),
      key("user_agent", 0.4, "user_agent"),
    ],
  },
  reddit: {
    source:
      "Estimate, ours: Reddit publishes no weights. It strongly recommends the email and calls the click id what improves attribution (reference: reddit §9).",
    keys: [
      key("click_id", 2.8, "click_id"),
      key("email", 2.7, "user.email"),
      key("browser_id", 0.5, "user.uuid"),
      key("phone", 1.4, "user.phone_number"),
      key("external_id", 1.1, "user.external_id"),
      key("ip_address", 0.9, "user.ip_address"),
      key("user_agent", 0.6, "user.user_agent"),
    ],
  },
};

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

/** The event's digests a platform takes for a field; empty where it takes none or there are none. */
export function digestsFor(platform: Platform, field: Field, digests: Digests): string[] {
  return digestsBy(PLATFORM_FIELDS[platform][field], digests) ?? [];
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
  const value = field === "city"
    ? client.city
    : field === "state"
    ? client.region_code ?? client.region
    : field === "zip"
    ? client.postal_code
    : client.country;
  return value === null ? null : normaliseClear(rule.clear, value, client.country);
}
