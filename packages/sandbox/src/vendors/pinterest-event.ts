/**
 * What Pinterest accepts as one event (reference: pinterest §2, §4). Two kinds of refusal: what the published schema
 * forbids fails the whole request with 400; what only the value breaks fails that event with 422.
 */
import * as check from "./checks.ts";
import type { Fields, Finding, JsonObject, Path } from "./checks.ts";

const DAY_S = 86_400;
/** Not in the published schema; third parties agree on 7 days. */
const MAX_AGE_S = 7 * DAY_S;
const MAX_FUTURE_S = 60;

/** The published list and the older documentation's; whether another name is refused is unconfirmed: it is here. */
const EVENT_NAMES = new Set(
  ("add_payment_info add_to_cart add_to_wishlist app_install app_open checkout contact custom customize_product " +
    "find_location initiate_checkout lead page_visit schedule search signup start_trial submit_application subscribe " +
    "view_category view_content watch_video").split(" "),
);

const text = check.string;
const EVENT_FIELDS: Fields = {
  event_name: text,
  action_source: check.oneOf("web", "offline", "app_android", "app_ios"),
  event_time: check.integer,
  event_id: text,
  user_data: check.object,
  event_source_url: check.nullable(text),
  opt_out: check.boolean,
  partner_name: check.nullable(text),
  custom_data: check.object,
  language: check.nullable(check.matching(/^[a-z]{2}$/i, "two-letter language")),
  app_info: check.object,
  device_info: check.object,
  app_id: check.nullable(text),
  app_name: check.nullable(text),
  app_version: check.nullable(text),
  device_brand: check.nullable(text),
  device_carrier: check.nullable(text),
  device_model: check.nullable(text),
  device_type: check.nullable(text),
  os_version: check.nullable(text),
  wifi: check.boolean,
};

const CUSTOM_FIELDS: Fields = {
  value: text,
  currency: text,
  order_id: text,
  content_ids: check.strings,
  contents: (value) => Array.isArray(value) && value.every(check.isObject) ? null : "array of objects",
  num_items: check.integer,
  search_string: text,
  content_name: text,
  content_category: text,
  content_brand: text,
  predicted_ltv: text,
  opt_out_type: text,
  np: text,
  external_measurement_id: text,
  external_measurement_vendor_id: check.integer,
};

const CONTENT_FIELDS: Fields = {
  id: text,
  item_price: text,
  quantity: check.integer,
  item_name: text,
  item_category: text,
  item_brand: text,
};

const HASHED = [
  "em",
  "ph",
  "fn",
  "ln",
  "ge",
  "db",
  "ct",
  "st",
  "zp",
  "country",
  "external_id",
  "hashed_maids",
];
const USER_FIELDS: Fields = {
  ...Object.fromEntries(HASHED.map((name) => [name, check.strings])),
  client_ip_address: text,
  client_user_agent: text,
  click_id: check.nullable(text),
  partner_id: check.nullable(text),
};

/** A plain decimal: locale-formatted money is refused (reference: pinterest §9). */
const DECIMAL = /^\d+(\.\d+)?$/;

/** Adds what the schema forbids. `ignored`: user_data is not closed, so unknown keys there pass in silence. */
export function checkSchema(event: unknown, path: Path, out: Finding[], ignored: Finding[]): void {
  if (!check.isObject(event)) {
    out.push({ path, kind: "invalid", what: "object" });
    return;
  }
  check.checkRequired(
    event,
    ["event_name", "action_source", "event_time", "event_id", "user_data"],
    path,
    out,
  );
  check.checkFields(event, EVENT_FIELDS, path, out);
  const user = event["user_data"];
  if (check.isObject(user)) {
    check.checkFields(user, USER_FIELDS, [...path, "user_data"], out, true);
    const pair = user["client_ip_address"] !== undefined && user["client_user_agent"] !== undefined;
    if (user["em"] === undefined && user["hashed_maids"] === undefined && !pair) {
      // Phone alone is not enough (reference: pinterest §2.2).
      out.push({ path: [...path, "user_data"], kind: "invalid", what: "set of identifiers" });
    }
    for (const key of Object.keys(user)) {
      if (Object.hasOwn(USER_FIELDS, key)) continue;
      ignored.push({ path: [...path, "user_data", key], kind: "unknown", what: "known field" });
    }
  }
  const custom = event["custom_data"];
  if (!check.isObject(custom)) return;
  check.checkFields(custom, CUSTOM_FIELDS, [...path, "custom_data"], out);
  const contents = Array.isArray(custom["contents"]) ? custom["contents"] : [];
  contents.forEach((content, index) => {
    if (check.isObject(content)) {
      check.checkFields(content, CONTENT_FIELDS, [...path, "custom_data", "contents", index], out);
    }
  });
}

/** The verdict on one event that passed the schema. `error` in the vendor's words, null when it is processed. */
export interface EventVerdict {
  error: string | null;
  warning: string | null;
  problems: Finding[];
}

function checkTime(event: JsonObject, path: Path, now: number, out: Finding[]): string | null {
  const nowS = Math.floor(now / 1000);
  const time = Number(event["event_time"]);
  const tense = nowS - time > MAX_AGE_S ? "past" : time - nowS > MAX_FUTURE_S ? "future" : null;
  if (tense === null) return null;
  out.push({ path: [...path, "event_time"], kind: "invalid", what: "Unix time in seconds within 7 days" });
  return `Invalid event_timestamp parameter. Given timestamp is in the ${tense}. ` +
    `Current timestamp: ${nowS}, Given event_timestamp: ${time}`;
}

function checkUser(user: JsonObject, path: Path, out: Finding[]): void {
  for (const name of HASHED) {
    const what = user[name] === undefined ? null : check.digestArray(user[name]);
    if (what !== null) out.push({ path: [...path, name], kind: "invalid", what });
  }
  const inClear: Fields = {
    client_ip_address: check.ip,
    client_user_agent: check.clear,
    click_id: check.nullable(check.clear),
    partner_id: check.nullable(check.filled),
  };
  check.checkFields(user, inClear, path, out, true);
}

function checkCustom(custom: JsonObject, path: Path, out: Finding[]): void {
  const decimal = check.matching(DECIMAL, "decimal number");
  const fields: Fields = {
    value: decimal,
    predicted_ltv: decimal,
    currency: check.currency,
    num_items: check.units,
    // The only value accepted today; blank is allowed.
    opt_out_type: check.oneOf("LDP", ""),
  };
  check.checkFields(custom, fields, path, out, true);
  const contents = Array.isArray(custom["contents"]) ? custom["contents"] : [];
  contents.forEach((content, index) => {
    const item = [...path, "contents", index];
    check.checkFields(content as JsonObject, { item_price: decimal, quantity: check.units }, item, out, true);
  });
}

/** Judges an event that passed `checkSchema`. `now` in ms. */
export function judge(event: JsonObject, path: Path, now: number): EventVerdict {
  const problems: Finding[] = [];
  const warnings: string[] = [];
  const tooOld = checkTime(event, path, now, problems);
  if (!EVENT_NAMES.has(String(event["event_name"]))) {
    problems.push({ path: [...path, "event_name"], kind: "invalid", what: "event name" });
  }
  if (event["event_id"] === "") {
    problems.push({ path: [...path, "event_id"], kind: "invalid", what: "non-empty string" });
  }
  const user = event["user_data"] as JsonObject;
  checkUser(user, [...path, "user_data"], problems);
  const custom = (event["custom_data"] ?? {}) as JsonObject;
  checkCustom(custom, [...path, "custom_data"], problems);
  if (custom["value"] !== undefined && custom["currency"] === undefined) {
    warnings.push("currency is missing: the currency of the ad account is assumed.");
  }
  if (custom["opt_out_type"] === "LDP" && (user["st"] === undefined || user["country"] === undefined)) {
    warnings.push("opt_out_type LDP needs st and country in user_data.");
  }
  const first = problems[0];
  return {
    error: tooOld ?? (first === undefined ? null : `Invalid parameter. ${check.describe(first)}`),
    warning: warnings.length > 0 ? warnings.join(" ") : null,
    problems,
  };
}
