/**
 * Reddit Conversions API v3: `POST /api/v3/pixels/{pixel}/conversion_events`, by public copies of Reddit's direct
 * integration, event metadata and error pages (reference: reddit §1, §2, §8). Where they are silent, the stricter reading.
 */
import * as check from "./checks.ts";
import type { Fields, Finding, JsonObject, Path } from "./checks.ts";
import type { Answer, Handled, Vendor, VendorRequest, VendorState } from "./types.ts";

const PATH = /^\/api\/v3\/pixels\/([^/]+)\/conversion_events$/;
const MAX_EVENTS = 1000;
const MAX_AGE_MS = 7 * 86_400_000;
const MAX_FUTURE_MS = 60_000;
/** A time in ms below this is before 2001: seconds by mistake. */
const MIN_MS = 1e12;
/** What libraries call themselves; Reddit throttles these. */
const DEFAULT_AGENT = /^(node|undici|deno|bun|python|curl|axios|go-http|okhttp|java)\b/i;

const STANDARD = [
  "PAGE_VISIT",
  "VIEW_CONTENT",
  "SEARCH",
  "ADD_TO_CART",
  "ADD_TO_WISHLIST",
  "PURCHASE",
  "LEAD",
  "SIGN_UP",
];
const WITHOUT_VALUE = new Set(["PAGE_VISIT", "VIEW_CONTENT", "SEARCH"]);
const WITHOUT_COUNT = new Set([...WITHOUT_VALUE, "LEAD", "SIGN_UP"]);

/** An unknown field is refused in words ("unknown field"), so every object is closed. */
const ROOT_FIELDS: Fields = { events: check.anything, test_id: check.filled, partner: check.filled };
const EVENT_FIELDS: Fields = {
  event_at: (value) => check.integer(value) ?? (Number(value) >= MIN_MS ? null : "Unix time in milliseconds"),
  action_source: check.oneOf("WEBSITE", "APP", "OTHER", "PHYSICAL_STORE"),
  event_source_url: check.url,
  click_id: check.clear,
  type: check.object,
  user: check.object,
  metadata: check.object,
};
const TYPE_FIELDS: Fields = {
  tracking_type: check.oneOf(...STANDARD, "CUSTOM"),
  custom_event_name: (value) =>
    check.filled(value) ?? (String(value).length <= 64 ? null : "name of at most 64 characters"),
};
const USER_FIELDS: Fields = {
  email: check.digest,
  phone_number: check.digest,
  external_id: check.filled,
  ip_address: check.ip,
  user_agent: check.clear,
  uuid: check.clear,
  screen_dimensions: check.object,
  idfa: check.digest,
  aaid: check.digest,
  data_processing_options: check.object,
};
const OPTIONS_FIELDS: Fields = {
  modes: (value) => Array.isArray(value) && value.every((one) => one === "LDU") ? null : 'array of "LDU"',
  country: check.matching(/^[A-Z]{2}$/, "two-letter country"),
  region: check.matching(/^[A-Z]{2}-[A-Z0-9]{1,3}$/, "ISO 3166-2 region"),
};
const METADATA_FIELDS: Fields = {
  conversion_id: check.filled,
  value: check.amount,
  currency: check.currency,
  item_count: check.units,
  products: (value) => Array.isArray(value) && value.every(check.isObject) ? null : "array of objects",
};
const PRODUCT_FIELDS: Fields = {
  id: check.filled,
  name: check.string,
  category: check.string,
  quantity: check.units,
  item_price: check.amount,
};
/** What names a device: not of a sale in a store. */
const DEVICE = ["ip_address", "user_agent", "uuid", "screen_dimensions", "idfa", "aaid"];

function checkUser(user: JsonObject, event: JsonObject, path: Path, out: Finding[]): void {
  check.checkFields(user, USER_FIELDS, path, out);
  const options = user["data_processing_options"];
  if (check.isObject(options)) {
    check.checkRequired(options, ["modes", "country"], [...path, "data_processing_options"], out);
    check.checkFields(options, OPTIONS_FIELDS, [...path, "data_processing_options"], out);
  }
  const keys = Object.keys(user).filter((key) => key !== "data_processing_options");
  if (keys.length === 0 && event["click_id"] === undefined) {
    out.push({ path, kind: "invalid", what: "set of match keys" });
  }
  if (event["action_source"] !== "PHYSICAL_STORE") return;
  for (const key of keys.filter((one) => DEVICE.includes(one))) {
    out.push({ path: [...path, key], kind: "invalid", what: "key of an offline event" });
  }
}

function checkMetadata(metadata: JsonObject, type: unknown, path: Path, out: Finding[]): void {
  check.checkFields(metadata, METADATA_FIELDS, path, out);
  const banned = typeof type !== "string" ? [] : [
    ...(WITHOUT_VALUE.has(type) ? ["value", "currency"] : []),
    ...(WITHOUT_COUNT.has(type) ? ["item_count"] : []),
  ];
  for (const key of banned.filter((one) => metadata[one] !== undefined)) {
    out.push({ path: [...path, key], kind: "invalid", what: `field of ${type}` });
  }
  if (metadata["value"] !== undefined) check.checkRequired(metadata, ["currency"], path, out);
  const products = Array.isArray(metadata["products"]) ? metadata["products"] : [];
  products.forEach((product, index) => {
    if (!check.isObject(product)) return;
    check.checkRequired(product, ["id"], [...path, "products", index], out);
    check.checkFields(product, PRODUCT_FIELDS, [...path, "products", index], out);
  });
}

function checkEvent(event: unknown, path: Path, now: number, out: Finding[]): void {
  if (!check.isObject(event)) {
    out.push({ path, kind: "invalid", what: "object" });
    return;
  }
  check.checkRequired(event, ["event_at", "action_source", "type"], path, out);
  check.checkFields(event, EVENT_FIELDS, path, out);
  if (Number.isInteger(event["event_at"])) {
    const age = now - Number(event["event_at"]);
    if (age > MAX_AGE_MS || age < -MAX_FUTURE_MS) {
      out.push({ path: [...path, "event_at"], kind: "invalid", what: "time within seven days" });
    }
  }
  const type = check.isObject(event["type"]) ? event["type"] : {};
  check.checkRequired(type, ["tracking_type"], [...path, "type"], out);
  check.checkFields(type, TYPE_FIELDS, [...path, "type"], out);
  if ((type["tracking_type"] === "CUSTOM") !== (type["custom_event_name"] !== undefined)) {
    out.push({
      path: [...path, "type", "custom_event_name"],
      kind: "invalid",
      what: "name of a CUSTOM event",
    });
  }
  checkUser(check.isObject(event["user"]) ? event["user"] : {}, event, [...path, "user"], out);
  if (check.isObject(event["metadata"])) {
    checkMetadata(event["metadata"], type["tracking_type"], [...path, "metadata"], out);
  }
}

function answer(status: number, message: string, headers: Record<string, string> = {}): Answer {
  const body = status < 300 ? { data: { message } } : { error: { code: status, message } };
  return check.json(status, body, headers);
}

function eventsOf(body: unknown): unknown {
  const data = check.isObject(body) ? body["data"] : undefined;
  return check.isObject(data) ? data["events"] : undefined;
}

function handle(request: VendorRequest, body: unknown, state: VendorState): Handled {
  const events = reddit.list(body);
  const refuse = (found: Answer, problems: string[]): Handled => ({
    ...found,
    accepted: false,
    counted: true,
    problems,
    events,
  });
  if (!PATH.test(request.path) || request.method !== "POST") {
    return refuse(answer(404, "Not Found"), ["path: no such path or method"]);
  }
  const agent = String(request.headers["user-agent"] ?? "");
  if (agent === "" || DEFAULT_AGENT.test(agent)) {
    return refuse(answer(429, "Your user agent was automatically ratelimited."), [
      "user-agent: a default one",
    ]);
  }
  const token = reddit.token(request, body);
  if (token === null) return refuse(answer(401, "No bearer token provided"), ["token: missing"]);
  if (check.tokenRefused(token)) return refuse(reddit.refuseToken(state), ["token: refused"]);
  const findings: Finding[] = [];
  const data = check.isObject(body) ? body["data"] : undefined;
  const list = eventsOf(body);
  if (check.isObject(body)) check.checkFields(body, { data: check.object }, [], findings);
  if (check.isObject(data)) check.checkFields(data, ROOT_FIELDS, ["data"], findings);
  if (!Array.isArray(list) || list.length < 1) {
    findings.push({ path: ["data", "events"], kind: "required", what: "value" });
  } else if (list.length > MAX_EVENTS) {
    return refuse(answer(400, "Bad Request"), [`data.events: over ${MAX_EVENTS}`]);
  } else {
    for (let index = 0; index < list.length && findings.length < check.MAX_FINDINGS; index++) {
      checkEvent(list[index], ["data", "events", index], state.now, findings);
    }
  }
  if (findings.length > 0) {
    const bad = new Set(findings.map(({ path }) => path[2]).filter((index) => index !== undefined)).size;
    const text = `There were ${Math.max(bad, 1)} invalid conversion events. None were processed.`;
    return refuse(answer(400, text), check.describeAll(findings));
  }
  for (const event of events) event.accepted = true;
  return {
    ...reddit.success(events.length, request, state),
    accepted: true,
    counted: true,
    problems: [],
    events,
  };
}

export const reddit: Vendor = {
  name: "reddit",
  label: "Reddit Conversions API",
  endpoint: "POST /api/v3/pixels/{pixel}/conversion_events",
  owns: (path) => path.startsWith("/api/v3/"),
  parse: (request) => check.isJsonType(request.headers) ? check.parseJson(request.body) : undefined,
  account: (request) => PATH.exec(request.path)?.[1] ?? null,
  token: (request) => check.bearer(request.headers),
  list(body) {
    const events = eventsOf(body);
    if (!Array.isArray(events)) return [];
    return events.filter(check.isObject).map((event) => {
      const type = check.isObject(event["type"]) ? event["type"] : {};
      const name = type["custom_event_name"] ?? type["tracking_type"];
      const metadata = check.isObject(event["metadata"]) ? event["metadata"] : {};
      const id = metadata["conversion_id"];
      return {
        name: typeof name === "string" ? name : null,
        event_id: typeof id === "string" ? id : null,
        accepted: false,
      };
    });
  },
  handle,
  // Pixel and server copies, within two days; unconfirmed for two server copies.
  dedupWindow: () => null,
  success: (count) => answer(200, `Successfully processed ${count} conversion events.`),
  refuseToken: () => answer(401, "UNAUTHORIZED"),
  throttle(_state, _account, retryAfter) {
    const headers: Record<string, string> = retryAfter === null ? {} : { "retry-after": String(retryAfter) };
    return answer(429, "Too many requests/events within timeframe.", headers);
  },
  failure(status) {
    if (status === 502 || status === 504) return check.gatewayPage(status);
    if (status === 401) return answer(status, "UNAUTHORIZED");
    if (status === 403) return answer(status, "You're not authorized to post conversions to Pixel ID.");
    if (status === 429) return answer(status, "Too many requests/events within timeframe.");
    if (status === 400) {
      return answer(status, "There were 1 invalid conversion events. None were processed.");
    }
    return answer(status, "The service is currently unavailable. No conversion events were processed.");
  },
};
