/** What GA4 takes as one event of the Measurement Protocol (reference: google §2, §3). */
import * as check from "./checks.ts";
import type { Check, Fields, Finding, JsonObject, Path } from "./checks.ts";

export type ValidationCode =
  | "VALUE_INVALID"
  | "VALUE_REQUIRED"
  | "NAME_INVALID"
  | "NAME_RESERVED"
  | "VALUE_OUT_OF_BOUNDS"
  | "EXCEEDED_MAX_ENTITIES";

/** `tolerated`: Google corrects it in its RELAXED default, so the event is not lost. */
export interface GoogleFinding extends Finding {
  validation: ValidationCode;
  tolerated: boolean;
}

/** Collects findings of one request; `enforce` = `validation_behavior: ENFORCE_RECOMMENDATIONS`. */
export interface Review {
  now: number;
  enforce: boolean;
  findings: GoogleFinding[];
}

export function report(
  review: Review,
  path: Path,
  validation: ValidationCode,
  what: string,
  tolerated = false,
): void {
  const kind = validation === "VALUE_REQUIRED" ? "required" : "invalid";
  review.findings.push({ path, kind, what, validation, tolerated: tolerated && !review.enforce });
}

/** `checkFields` in Google's codes. */
export function checkFields(
  review: Review,
  value: JsonObject,
  fields: Fields,
  path: Path,
  open = false,
): void {
  const found: Finding[] = [];
  check.checkFields(value, fields, path, found, open);
  for (const finding of found) {
    review.findings.push({ ...finding, validation: "VALUE_INVALID", tolerated: false });
  }
}

const MAX_AGE_MS = 72 * 3_600_000;
const MAX_FUTURE_MS = 60_000;
/** A time in µs below this is before 2001: seconds or milliseconds by mistake. */
const MIN_MICROS = 1e15;

/** Past only, in µs; older than 72 h is moved to the 72 h mark unless enforcing (reference: google §2). */
export function checkMicros(review: Review, value: unknown, path: Path): void {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || Number(value) < MIN_MICROS) {
    return report(review, path, "VALUE_INVALID", "time in microseconds");
  }
  const age = review.now - Number(value) / 1000;
  if (age < -MAX_FUTURE_MS) report(review, path, "VALUE_OUT_OF_BOUNDS", "time in the past");
  if (age > MAX_AGE_MS) report(review, path, "VALUE_OUT_OF_BOUNDS", "time within 72 hours", true);
}

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
const RESERVED_PREFIX = /^(_|firebase_|ga_|google_|gtag\.)/;
const RESERVED_EVENT = new RegExp(
  "^(ad_activeview|ad_click|ad_exposure|ad_query|ad_reward|adunit_exposure|app_clear_data|app_exception|app_install|" +
    "app_remove|app_store_refund|app_update|app_upgrade|dynamic_link_.*|error|firebase_.*|first_open|first_visit|" +
    "notification_.*|os_update|session_start|user_engagement)$",
);

/** Names of events, parameters and user properties: `max` characters, and not Google's own. */
export function checkName(
  review: Review,
  name: string,
  max: number,
  path: Path,
  reserved?: (name: string) => boolean,
) {
  if (RESERVED_PREFIX.test(name) || reserved?.(name)) report(review, path, "NAME_RESERVED", "free name");
  else if (!NAME.test(name) || name.length > max) report(review, path, "NAME_INVALID", `name of ≤ ${max}`);
}

const MAX_VALUE = 100;
const MAX_VALUE_OF: Readonly<Record<string, number>> = {
  page_title: 300,
  page_referrer: 420,
  page_location: 1000,
};

const digits: Check = (value) =>
  typeof value === "number" ? check.units(value) : check.matching(/^\d+$/, "number of digits")(value);
/** Numbers as strings are taken and break metrics (reference: google §9): refused. */
const PARAM_CHECKS: Fields = {
  value: check.amount,
  tax: check.amount,
  shipping: check.amount,
  currency: check.currency,
  session_id: digits,
  engagement_time_msec: check.units,
  // Empty collapses all purchases into one (reference: google §6).
  transaction_id: check.filled,
};
const ITEM_CHECKS: Fields = {
  price: check.amount,
  discount: check.amount,
  quantity: check.units,
  index: check.units,
  item_id: check.filled,
  item_name: check.filled,
};
const STANDARD_ITEM = new RegExp(
  "^(item_(id|name|brand|category[2-5]?|list_id|list_name|variant)|affiliation|coupon|discount|index|location_id|" +
    "price|quantity|promotion_\\w+|creative_\\w+)$",
);

const SALE = ["currency", "value", "items"];
/** Required parameters by Google's Event Builder (reference: google §3). */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  view_item: SALE,
  view_item_list: ["items"],
  search: ["search_term"],
  add_to_cart: SALE,
  remove_from_cart: SALE,
  view_cart: SALE,
  add_to_wishlist: SALE,
  begin_checkout: SALE,
  add_shipping_info: SALE,
  add_payment_info: SALE,
  purchase: ["transaction_id", ...SALE],
  refund: ["transaction_id", "value"],
};

const MAX_ITEMS = 200;
const MAX_ITEM_CUSTOM = 27;
const MAX_PARAMS = 25;

/** A number, a boolean, or a text of at most `max` characters. */
export function checkScalar(review: Review, value: unknown, max: number, path: Path): void {
  if (typeof value === "string") {
    if (value.length > max) report(review, path, "VALUE_OUT_OF_BOUNDS", `text of ≤ ${max} characters`);
  } else if (typeof value !== "number" && typeof value !== "boolean") {
    report(review, path, "VALUE_INVALID", "scalar");
  }
}

function checkItems(review: Review, items: unknown, path: Path): void {
  if (!Array.isArray(items) || items.length === 0) {
    return report(review, path, "VALUE_INVALID", "list of items");
  }
  if (items.length > MAX_ITEMS) return report(review, path, "EXCEEDED_MAX_ENTITIES", `≤ ${MAX_ITEMS} items`);
  items.forEach((item, index) => {
    const at = [...path, index];
    if (!check.isObject(item)) return report(review, at, "VALUE_INVALID", "object");
    if (item["item_id"] === undefined && item["item_name"] === undefined) {
      report(review, [...at, "item_id"], "VALUE_REQUIRED", "value");
    }
    checkFields(review, item, ITEM_CHECKS, at, true);
    for (const key of Object.keys(item)) checkScalar(review, item[key], MAX_VALUE, [...at, key]);
    const custom = Object.keys(item).filter((key) => !STANDARD_ITEM.test(key));
    if (custom.length > MAX_ITEM_CUSTOM) report(review, at, "EXCEEDED_MAX_ENTITIES", `≤ ${MAX_ITEM_CUSTOM}`);
  });
}

function checkParams(review: Review, name: string, params: JsonObject, path: Path): void {
  const keys = Object.keys(params);
  if (keys.length > MAX_PARAMS) {
    report(review, path, "EXCEEDED_MAX_ENTITIES", `set of ≤ ${MAX_PARAMS} parameters`);
  }
  for (const key of keys) {
    const at = [...path, key];
    checkName(review, key, 40, at);
    if (key === "items") checkItems(review, params[key], at);
    else if (key === "timestamp_micros") checkMicros(review, params[key], at);
    else checkScalar(review, params[key], MAX_VALUE_OF[key] ?? MAX_VALUE, at);
  }
  checkFields(review, params, PARAM_CHECKS, path, true);
  const needed = Object.hasOwn(REQUIRED, name) ? REQUIRED[name] ?? [] : [];
  for (const key of needed) {
    if (params[key] === undefined) report(review, [...path, key], "VALUE_REQUIRED", "value");
  }
  if (params["value"] !== undefined && params["currency"] === undefined && !needed.includes("currency")) {
    report(review, [...path, "currency"], "VALUE_REQUIRED", "value");
  }
}

/** Adds what is wrong with one event. */
export function checkEvent(review: Review, event: unknown, path: Path): void {
  if (!check.isObject(event)) return report(review, path, "VALUE_INVALID", "object");
  checkFields(review, event, {
    name: check.string,
    params: check.object,
    timestamp_micros: check.anything,
  }, path);
  checkMicros(review, event["timestamp_micros"], [...path, "timestamp_micros"]);
  const name = event["name"];
  if (typeof name !== "string") {
    if (name === undefined) report(review, [...path, "name"], "VALUE_REQUIRED", "value");
    return;
  }
  checkName(review, name, 40, [...path, "name"], (one) => RESERVED_EVENT.test(one));
  const params = event["params"] ?? {};
  if (check.isObject(params)) checkParams(review, name, params, [...path, "params"]);
}
