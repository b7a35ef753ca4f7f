/** What Snapchat accepts as one event (reference: snapchat §2, §3). Where sources disagree, the stricter. */
import * as check from "./checks.ts";
import type { Check, Fields, Finding, JsonObject, Path } from "./checks.ts";

const DAY_S = 86_400;
/** Sources say 7, 28 and 37 days. */
const MAX_AGE_S = 7 * DAY_S;
const MAX_FUTURE_S = 60;

/** Upper case only: handling of other cases is unconfirmed (reference: snapchat §3). */
const EVENT_NAMES = [
  "PAGE_VIEW",
  "VIEW_CONTENT",
  "ADD_CART",
  "ADD_TO_WISHLIST",
  "START_CHECKOUT",
  "ADD_BILLING",
  "PURCHASE",
  "SIGN_UP",
  "SEARCH",
  "SAVE",
  "SUBSCRIBE",
  "LIST_VIEW",
  "LOGIN",
  "START_TRIAL",
  "COMPLETE_TUTORIAL",
  "AD_CLICK",
  "AD_VIEW",
  "APP_OPEN",
  "APP_INSTALL",
  "LEVEL_COMPLETE",
  "INVITE",
  "SHARE",
  "RESERVE",
  "ACHIEVEMENT_UNLOCKED",
  "SPENT_CREDITS",
  "RATE",
  "CUSTOM_EVENT_1",
  "CUSTOM_EVENT_2",
  "CUSTOM_EVENT_3",
  "CUSTOM_EVENT_4",
  "CUSTOM_EVENT_5",
];

const EVENT_FIELDS: Fields = {
  event_name: check.oneOf(...EVENT_NAMES),
  event_time: check.integer,
  action_source: check.oneOf("WEB", "MOBILE_APP", "OFFLINE"),
  event_source_url: check.url,
  event_id: check.filled,
  user_data: check.object,
  custom_data: check.object,
  data_processing_options: (value) =>
    Array.isArray(value) && value.every((one) => one === "LDU") ? null : 'array, empty or ["LDU"]',
  data_processing_options_country: check.oneOf(0, 1),
  data_processing_options_state: check.oneOf(0, 1000),
  opt_out: check.boolean,
  integration: check.filled,
  test_event_code: check.filled,
  app_data: check.object,
  asset_id: check.string,
  request_id: check.string,
  raw_request: check.string,
};

/** `db` is not in the vendor's own model, so it is unknown here. Both names of the ad id are in use. */
const USER_FIELDS: Fields = {
  em: check.digests,
  ph: check.digests,
  fn: check.digests,
  ln: check.digests,
  ge: check.digests,
  ct: check.digests,
  st: check.digests,
  zp: check.digests,
  country: check.digests,
  external_id: check.digests,
  client_ip_address: check.ip,
  client_user_agent: check.clear,
  sc_click_id: check.clear,
  sc_cookie1: check.clear,
  madid: check.clear,
  mobile_ad_id: check.clear,
  idfv: check.clear,
  subscription_id: check.string,
  lead_id: check.string,
  anon_id: check.strings,
  download_id: check.string,
  partner_id: check.string,
};

const stringMap: Check = (value) =>
  check.isObject(value) && Object.values(value).every((one) => typeof one === "string")
    ? null
    : "map of strings";

const CUSTOM_FIELDS: Fields = {
  value: check.amount,
  currency: check.currency,
  order_id: check.string,
  content_ids: check.strings,
  contents: (value) => Array.isArray(value) && value.every(check.isObject) ? null : "array of objects",
  num_items: check.units,
  content_type: check.string,
  content_category: check.string,
  content_name: check.string,
  search_string: check.string,
  sign_up_method: check.string,
  status: check.string,
  event_tag: check.string,
  delivery_category: check.string,
  brands: check.string,
  predicted_ltv: check.number,
  destination_ids: check.strings,
  custom_fields: stringMap,
};

const decimal = check.matching(/^\d+(\.\d+)?$/, "decimal string");
const CONTENT_FIELDS: Fields = {
  id: check.filled,
  // Strings in the vendor's model although its own tag sends numbers.
  quantity: check.matching(/^\d+$/, "whole number as string"),
  item_price: decimal,
  delivery_category: check.string,
  brand: check.string,
};

function checkUser(user: JsonObject, path: Path, out: Finding[]): void {
  check.checkFields(user, USER_FIELDS, path, out);
  const pair = user["client_ip_address"] !== undefined && user["client_user_agent"] !== undefined;
  const one = ["em", "ph", "madid", "mobile_ad_id"].some((name) => user[name] !== undefined);
  if (!one && !pair) out.push({ path, kind: "invalid", what: "set of identifiers" });
}

function checkCustom(name: unknown, custom: JsonObject, path: Path, out: Finding[]): void {
  if (name === "PURCHASE") check.checkRequired(custom, ["value", "currency"], path, out);
  check.checkFields(custom, CUSTOM_FIELDS, path, out);
  const contents = Array.isArray(custom["contents"]) ? custom["contents"] : [];
  contents.forEach((content, index) => {
    if (check.isObject(content)) {
      check.checkFields(content, CONTENT_FIELDS, [...path, "contents", index], out);
    }
  });
}

/** Adds what is wrong with one event. `now` in ms. */
export function checkEvent(event: unknown, path: Path, now: number, out: Finding[]): void {
  if (!check.isObject(event)) {
    out.push({ path, kind: "invalid", what: "object" });
    return;
  }
  check.checkRequired(event, ["event_name", "event_time", "action_source", "user_data"], path, out);
  check.checkFields(event, EVENT_FIELDS, path, out);
  if (Number.isInteger(event["event_time"])) {
    // Milliseconds are far in the future: some accounts tolerate them for web, the offline path refuses them
    // (reference: snapchat §2.1).
    const age = Math.floor(now / 1000) - Number(event["event_time"]);
    if (age > MAX_AGE_S || age < -MAX_FUTURE_S) {
      out.push({ path: [...path, "event_time"], kind: "invalid", what: "Unix timestamp" });
    }
  }
  if (event["action_source"] === "WEB") check.checkRequired(event, ["event_source_url"], path, out);
  if (event["action_source"] === "MOBILE_APP") check.checkRequired(event, ["app_data"], path, out);
  if (check.isObject(event["user_data"])) checkUser(event["user_data"], [...path, "user_data"], out);
  const custom = check.isObject(event["custom_data"]) ? event["custom_data"] : {};
  checkCustom(event["event_name"], custom, [...path, "custom_data"], out);
}
