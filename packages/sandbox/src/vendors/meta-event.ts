/** What Meta accepts as one server event (reference: meta §2, §4, §5). */
import * as check from "./checks.ts";
import type { Check, Fields, Finding, JsonObject, Path } from "./checks.ts";

/** Subcodes of error 100 whose meaning is known (reference: meta §8.2). */
export const SUBCODE = { badFbc: 2804001, tooOld: 2804003, noValue: 2804009, tooLittleUserData: 2804050 };

const DAY_S = 86_400;
/** Meta's own rule for the future is unconfirmed: the strictest known sender allows one minute. */
const MAX_FUTURE_S = 60;

/** Meta's parameter builder may append a dotted mark to digests, IP addresses, fbc and fbp (reference: meta §5). */
const APPENDIX = /\.[A-Za-z0-9_-]{2,8}$/;
const FBC = /^fb\.\d+\.\d{13}\.\S+$/;
const FBP = /^fb\.\d+\.\d{13}\.\d+(\.[A-Za-z0-9_-]{2,8})?$/;

function withoutAppendix(value: unknown): unknown {
  return typeof value === "string" ? value.replace(APPENDIX, "") : value;
}

const digests: Check = (value) => {
  const list = Array.isArray(value) ? value : [value];
  const fine = list.length > 0 &&
    list.every((one) => check.isDigest(one) || check.isDigest(withoutAppendix(one)));
  return fine ? null : "SHA-256 digest";
};

/** Hashing is recommended, not required: refused are only an address in clear and the digest of nothing. */
const externalId: Check = (value) => {
  const list = Array.isArray(value) ? value : [value];
  const fine = list.length > 0 &&
    list.every((one) =>
      typeof one === "string" && one !== "" && !one.includes("@") &&
      (one.length !== 64 || check.isDigest(one))
    );
  return fine ? null : "identifier";
};

const ip: Check = (value) => check.ip(value) && check.ip(withoutAppendix(value));

/**
 * What Meta does with other keys is unconfirmed: the stricter reading refuses them, so that a typo shows. Hashing
 * a key of the second half is accepted by Meta and silently kills matching; refused here for the same reason.
 */
const USER_FIELDS: Fields = {
  em: digests,
  ph: digests,
  fn: digests,
  ln: digests,
  ge: digests,
  db: digests,
  ct: digests,
  st: digests,
  zp: digests,
  country: digests,
  external_id: externalId,
  client_ip_address: ip,
  client_user_agent: check.clear,
  fbc: check.matching(FBC, "fbc (fb.<index>.<time in ms>.<fbclid>)"),
  fbp: check.matching(FBP, "fbp (fb.<index>.<time in ms>.<number>)"),
  subscription_id: check.clear,
  fb_login_id: check.integer,
  lead_id: check.integer,
  anon_id: check.clear,
  madid: check.clear,
  page_id: check.clear,
  page_scoped_user_id: check.clear,
  ctwa_clid: check.clear,
  ig_account_id: check.clear,
  ig_sid: check.clear,
};

const CUSTOM_FIELDS: Fields = {
  value: check.amount,
  currency: check.currency,
  content_ids: check.strings,
  contents: (value) => Array.isArray(value) && value.every(check.isObject) ? null : "array of objects",
  content_type: check.oneOf("product", "product_group"),
  content_name: check.string,
  content_category: check.string,
  num_items: check.units,
  order_id: check.string,
  search_string: check.string,
  delivery_category: check.oneOf("in_store", "curbside", "home_delivery"),
  predicted_ltv: check.number,
  net_revenue: check.number,
};

const CONTENT_FIELDS: Fields = {
  id: check.filled,
  quantity: check.units,
  item_price: check.amount,
  delivery_category: check.oneOf("in_store", "curbside", "home_delivery"),
  title: check.string,
  brand: check.string,
  category: check.string,
  description: check.string,
};

const EVENT_FIELDS: Fields = {
  // The limit of 50 is unconfirmed for custom names.
  event_name: (value) =>
    check.filled(value) ?? (String(value).length <= 50 ? null : "name of ≤ 50 characters"),
  event_time: check.integer,
  action_source: check.oneOf(
    "website",
    "email",
    "app",
    "phone_call",
    "chat",
    "physical_store",
    "system_generated",
    "business_messaging",
    "other",
  ),
  user_data: check.object,
  event_source_url: check.url,
  event_id: check.filled,
  custom_data: check.object,
  referrer_url: check.string,
  opt_out: check.boolean,
  data_processing_options: (value) =>
    Array.isArray(value) && value.every((one) => one === "LDU") ? null : 'array, empty or ["LDU"]',
  data_processing_options_country: check.oneOf(0, 1),
  data_processing_options_state: (value) =>
    value === 0 || Number.isInteger(value) && Number(value) >= 1000 && Number(value) <= 1013
      ? null
      : "state code",
  customer_segmentation: check.filled,
  original_event_data: check.object,
  app_data: check.object,
  messaging_channel: check.string,
  attribution_data: check.object,
  advertiser_tracking_enabled: check.boolean,
};

/** An event whose user_data is a subset of one of these is refused (reference: meta §2.2). */
const TOO_LITTLE: readonly ReadonlySet<string>[] = [
  new Set(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
  new Set(["db", "client_user_agent"]),
  new Set(["fn", "ge"]),
  new Set(["ln", "ge"]),
];

function checkUserData(user: JsonObject, path: Path, out: Finding[]): void {
  const before = out.length;
  check.checkFields(user, USER_FIELDS, path, out);
  for (const finding of out.slice(before)) {
    const key = finding.path.at(-1);
    if (key === "fbc" || key === "fbp") finding.code = SUBCODE.badFbc;
  }
  const keys = Object.keys(user);
  if (TOO_LITTLE.some((set) => keys.every((key) => set.has(key)))) {
    out.push({ path, kind: "invalid", what: "set of identifiers", code: SUBCODE.tooLittleUserData });
  }
}

function checkCustomData(name: unknown, custom: JsonObject, path: Path, out: Finding[]): void {
  // Any other key is kept as a custom property, so the set is open.
  check.checkFields(custom, CUSTOM_FIELDS, path, out, true);
  const contents = Array.isArray(custom["contents"]) ? custom["contents"] : [];
  contents.forEach((content, index) => {
    if (!check.isObject(content)) return;
    check.checkRequired(content, ["id"], [...path, "contents", index], out);
    check.checkFields(content, CONTENT_FIELDS, [...path, "contents", index], out);
  });
  if (name !== "Purchase") return;
  if (custom["value"] === undefined) {
    out.push({ path: [...path, "value"], kind: "required", what: "value", code: SUBCODE.noValue });
  }
  check.checkRequired(custom, ["currency"], path, out);
}

function checkTime(event: JsonObject, path: Path, now: number, out: Finding[]): void {
  const time = event["event_time"];
  if (!Number.isInteger(time)) return;
  const age = Math.floor(now / 1000) - Number(time);
  const maxAge = (event["action_source"] === "physical_store" ? 62 : 7) * DAY_S;
  if (age > maxAge) {
    out.push({ path: [...path, "event_time"], kind: "invalid", what: "recent time", code: SUBCODE.tooOld });
  } else if (age < -MAX_FUTURE_S) {
    out.push({ path: [...path, "event_time"], kind: "invalid", what: "time in seconds, not in the future" });
  }
}

/**
 * Adds what is wrong with one event. `now` in ms. Website events need a page URL and the shopper's user agent,
 * purchases a value and a currency.
 */
export function checkEvent(event: unknown, path: Path, now: number, out: Finding[]): void {
  if (!check.isObject(event)) {
    out.push({ path, kind: "invalid", what: "object" });
    return;
  }
  check.checkRequired(event, ["event_name", "event_time", "action_source", "user_data"], path, out);
  check.checkFields(event, EVENT_FIELDS, path, out);
  checkTime(event, path, now, out);
  const user = event["user_data"];
  if (check.isObject(user)) {
    checkUserData(user, [...path, "user_data"], out);
    if (event["action_source"] === "website") {
      check.checkRequired(event, ["event_source_url"], path, out);
      check.checkRequired(user, ["client_user_agent"], [...path, "user_data"], out);
    }
  }
  if (event["data_processing_options_country"] !== undefined) {
    check.checkRequired(event, ["data_processing_options_state"], path, out);
  }
  const custom = event["custom_data"];
  if (check.isObject(custom)) checkCustomData(event["event_name"], custom, [...path, "custom_data"], out);
  else if (event["event_name"] === "Purchase") {
    checkCustomData("Purchase", {}, [...path, "custom_data"], out);
  }
}
