/**
 * GA4 Measurement Protocol: `POST /mp/collect` answers 204 to anything, and loses what is wrong in silence; the
 * record says what that was. `POST /debug/mp/collect` lists it and records nothing (reference: google §1, §2, §8).
 */
import { Buffer } from "node:buffer";
import * as check from "./checks.ts";
import type { Check, Fields, JsonObject, Path } from "./checks.ts";
import {
  checkEvent,
  checkFields,
  checkMicros,
  checkName,
  checkScalar,
  report,
  type Review,
} from "./google-event.ts";
import type { Answer, Handled, SeenEvent, Vendor, VendorRequest, VendorState } from "./types.ts";

const COLLECT = "/mp/collect";
const DEBUG = "/debug/mp/collect";
const MAX_BYTES = 130_000;
const MAX_EVENTS = 25;
const MAX_PROPERTIES = 25;

const granted = check.oneOf("GRANTED", "DENIED");
const textFields = (...names: string[]): Check => (value) => {
  const fine = check.isObject(value) &&
    Object.keys(value).every((key) => names.includes(key) && typeof value[key] === "string");
  return fine ? null : `object of ${names.join(", ")}`;
};

const ROOT_FIELDS: Fields = {
  // The full `_ga` cookie is said to be taken since 2026, second-hand: only the two-number form passes here.
  client_id: check.matching(/^[1-9]\d*\.[1-9]\d*$/, "client id of two numbers"),
  user_id: (value) =>
    check.filled(value) ?? (String(value).length <= 256 ? null : "string of ≤ 256 characters"),
  timestamp_micros: check.anything,
  user_properties: check.object,
  user_data: check.object,
  consent: check.object,
  non_personalized_ads: check.boolean,
  user_location: textFields("city", "region_id", "country_id", "subcontinent_id", "continent_id"),
  ip_override: check.ip,
  device: textFields(
    "category",
    "language",
    "screen_resolution",
    "operating_system",
    "operating_system_version",
    "model",
    "brand",
    "browser",
    "browser_version",
  ),
  user_agent: check.clear,
  validation_behavior: check.oneOf("RELAXED", "ENFORCE_RECOMMENDATIONS"),
  events: check.anything,
};

const USER_DATA_FIELDS: Fields = {
  sha256_email_address: check.digests,
  sha256_phone_number: check.digests,
  address: check.anything,
};
const ADDRESS_FIELDS: Fields = {
  sha256_first_name: check.digest,
  sha256_last_name: check.digest,
  sha256_street: check.digest,
  city: check.clear,
  region: check.clear,
  postal_code: check.clear,
  country: check.matching(/^[A-Za-z]{2}$/, "two-letter country"),
};

const RESERVED_PROPERTIES = new Set([
  "first_open_time",
  "first_visit_time",
  "last_deep_link_referrer",
  "user_id",
  "first_open_after_install",
]);

function checkUserData(review: Review, data: JsonObject): void {
  checkFields(review, data, USER_DATA_FIELDS, ["user_data"]);
  if (data["address"] === undefined) return;
  const addresses = Array.isArray(data["address"]) ? data["address"] : [data["address"]];
  addresses.forEach((address, index) => {
    const path: Path = ["user_data", "address", index];
    if (check.isObject(address)) checkFields(review, address, ADDRESS_FIELDS, path);
    else report(review, path, "VALUE_INVALID", "object");
  });
}

function checkProperties(review: Review, properties: JsonObject): void {
  const names = Object.keys(properties);
  if (names.length > MAX_PROPERTIES) {
    report(review, ["user_properties"], "EXCEEDED_MAX_ENTITIES", `set of ≤ ${MAX_PROPERTIES} properties`);
  }
  for (const name of names) {
    const path = ["user_properties", name];
    checkName(review, name, 24, path, (one) => RESERVED_PROPERTIES.has(one));
    const property = properties[name];
    if (!check.isObject(property) || property["value"] === undefined) {
      report(review, path, "VALUE_INVALID", "object with a value");
      continue;
    }
    checkMicros(review, property["timestamp_micros"], [...path, "timestamp_micros"]);
    checkScalar(review, property["value"], 36, path);
  }
}

function checkBody(review: Review, body: JsonObject): void {
  checkFields(review, body, ROOT_FIELDS, []);
  if (body["client_id"] === undefined) report(review, ["client_id"], "VALUE_REQUIRED", "value");
  checkMicros(review, body["timestamp_micros"], ["timestamp_micros"]);
  if (check.isObject(body["user_properties"])) checkProperties(review, body["user_properties"]);
  if (check.isObject(body["user_data"])) checkUserData(review, body["user_data"]);
  if (check.isObject(body["consent"])) {
    const fields = { ad_user_data: granted, ad_personalization: granted };
    checkFields(review, body["consent"], fields, ["consent"]);
  }
  const events = body["events"];
  if (events === undefined) report(review, ["events"], "VALUE_REQUIRED", "value");
  else if (!Array.isArray(events) || events.length === 0) {
    report(review, ["events"], "VALUE_INVALID", "list of events");
  } else if (events.length > MAX_EVENTS) {
    report(review, ["events"], "EXCEEDED_MAX_ENTITIES", `list of ≤ ${MAX_EVENTS} events`);
  } else events.forEach((event, index) => checkEvent(review, event, ["events", index]));
}

function reviewOf(request: VendorRequest, body: unknown, now: number): Review {
  const enforce = check.isObject(body) && body["validation_behavior"] === "ENFORCE_RECOMMENDATIONS";
  const review: Review = { now, enforce, findings: [] };
  if (Buffer.byteLength(request.body) >= MAX_BYTES) {
    report(review, [], "VALUE_OUT_OF_BOUNDS", `body below ${MAX_BYTES} bytes`);
  }
  if (check.isObject(body)) checkBody(review, body);
  else report(review, [], "VALUE_INVALID", "JSON object");
  return review;
}

/** What loses every event whatever the body says. Google does not tell the sender. */
function addressProblems(request: VendorRequest): string[] {
  const problems: string[] = [];
  if (!/^G-[A-Z0-9]+$/.test(request.query.get("measurement_id") ?? "")) {
    problems.push("measurement_id: not a valid measurement id");
  }
  const secret = request.query.get("api_secret");
  if (!secret) problems.push("api_secret: missing");
  else if (check.tokenRefused(secret)) problems.push("api_secret: refused");
  return problems;
}

function page(status: number, title: string, headers: Record<string, string> = {}): Answer {
  const body = `<html><title>${title}</title></html>`;
  return { status, headers: { "content-type": "text/html", ...headers }, body };
}

const NO_CONTENT: Answer = { status: 204, headers: {}, body: "" };

function handle(request: VendorRequest, body: unknown, state: VendorState): Handled {
  const events = google.list(body);
  const counted = request.path === COLLECT;
  if ((!counted && request.path !== DEBUG) || request.method !== "POST") {
    const found = page(404, "Error 404 (Not Found)");
    return { ...found, accepted: false, counted, problems: ["path: no such path or method"], events };
  }
  const review = reviewOf(request, body, state.now);
  const lost = counted ? addressProblems(request) : [];
  const accepted = lost.length === 0 && review.findings.every((finding) => finding.tolerated);
  for (const event of events) event.accepted = accepted;
  const problems = [...lost, ...check.describeAll(review.findings)];
  if (counted) return { ...NO_CONTENT, accepted, counted, problems, events };
  const messages = review.findings.map((finding) => ({
    fieldPath: check.pathText(finding.path),
    description: check.describe(finding),
    validationCode: finding.validation,
  }));
  return { ...check.json(200, { validationMessages: messages }), accepted, counted, problems, events };
}

function parse(request: VendorRequest): unknown {
  return check.isJsonType(request.headers) ? check.parseJson(request.body) : undefined;
}

/** GA4 has no event id: only purchases are deduplicated, by `transaction_id`, and refunds joined by it (reference: google §6). */
function list(body: unknown): SeenEvent[] {
  const events = check.isObject(body) ? body["events"] : undefined;
  if (!Array.isArray(events)) return [];
  return events.filter(check.isObject).map((event) => {
    const name = typeof event["name"] === "string" ? event["name"] : null;
    const params = check.isObject(event["params"]) ? event["params"] : {};
    const id = name === "purchase" || name === "refund" ? params["transaction_id"] : null;
    return { name, event_id: typeof id === "string" && id !== "" ? id : null, accepted: false };
  });
}

export const google: Vendor = {
  name: "google",
  label: "Google Analytics 4 Measurement Protocol",
  endpoint: `POST ${COLLECT}`,
  owns: (path) => path.startsWith("/mp/") || path.startsWith("/debug/mp/"),
  parse,
  account: (request) => request.query.get("measurement_id"),
  token: (request) => request.query.get("api_secret") || null,
  list,
  handle,
  // Purchases alone, by transaction id, without a published end (reference: google §6).
  dedupWindow: (name) => name === "purchase" ? Infinity : null,
  success(_count, request) {
    return request.path === DEBUG ? check.json(200, { validationMessages: [] }) : NO_CONTENT;
  },
  /** A wrong secret is answered like a right one, and the event is lost (reference: google §1). */
  refuseToken: () => NO_CONTENT,
  throttle(_state, _account, retryAfter) {
    // No 429 is documented here; a client must stand one all the same.
    return page(429, "Error 429", retryAfter === null ? {} : { "retry-after": String(retryAfter) });
  },
  failure: (status) =>
    status === 502 || status === 504 ? check.gatewayPage(status) : page(status, `Error ${status}`),
};
