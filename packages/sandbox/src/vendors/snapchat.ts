/** Snapchat Conversions API v3: `POST /v3/{pixel}/events` and `…/validate` (reference: snapchat §1, §8). */
import { Buffer } from "node:buffer";
import * as check from "./checks.ts";
import type { Fields, Finding } from "./checks.ts";
import { checkEvent } from "./snapchat-event.ts";
import type { Answer, Handled, Vendor, VendorRequest, VendorState } from "./types.ts";

const PATH = /^\/v3\/([A-Za-z0-9-]+)\/events(\/validate)?$/;
const MAX_EVENTS = 2000;
/** No vendor figure; a large sender stops at 2 MB. */
const MAX_BYTES = 2_097_152;
/** The one code seen in the vendor's examples. */
const INVALID_CODE = 517;

const ROOT_FIELDS: Fields = { data: check.anything, test_event_code: check.filled };

function message(finding: Finding): string {
  const where = finding.path.map((part, index) => index < 2 ? part : `['${part}']`).slice(2).join("");
  const name = `Param ${where === "" ? check.pathText(finding.path) || "body" : `data${where}`}`;
  if (finding.kind === "required") return `${name} is required.`;
  if (finding.kind === "unknown") return `${name} is unknown.`;
  return `${name} is an invalid ${finding.what}.`;
}

/** Two shapes are known: messages at the top, as a live timestamp error had, or under `errors` (reference: snapchat §8). */
function invalid(finding: Finding): Answer {
  const text = message(finding);
  if (finding.path.at(-1) === "event_time") {
    return check.json(400, { status: "INVALID", error_msgs: [text] });
  }
  const index = finding.path[1];
  return check.json(400, {
    status: "INVALID",
    ...(typeof index === "number" ? { event: index } : {}),
    reason: text,
    errors: { codes: [INVALID_CODE], error_msgs: [text] },
  });
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Answer {
  return check.json(status, {
    status: "INVALID",
    reason: text,
    errors: { codes: [status], error_msgs: [text] },
  }, headers);
}

/** The validate endpoint reports on every event and answers 200 either way; it is not counted in reports. */
function validation(findings: readonly Finding[], count: number): Answer {
  const logs = Array.from({ length: count }, (_, index) => {
    const own = findings.filter((finding) => finding.path[1] === index);
    return {
      event: index,
      status: own.length > 0 ? "INVALID" : "VALID",
      errors: { codes: own.map(() => INVALID_CODE), error_msgs: own.map(message) },
      warnings: [],
    };
  });
  const first = findings[0];
  return check.json(200, {
    status: first === undefined ? "VALID" : "INVALID",
    test_event: true,
    reason: first === undefined ? "" : message(first),
    event_logs: logs,
  });
}

function findingsOf(request: VendorRequest, body: unknown, state: VendorState): Finding[] {
  if (Buffer.byteLength(request.body) > MAX_BYTES) {
    return [{ path: [], kind: "invalid", what: `body, over ${MAX_BYTES} bytes` }];
  }
  if (!check.isObject(body)) return [{ path: [], kind: "invalid", what: "JSON object" }];
  const findings: Finding[] = [];
  check.checkFields(body, ROOT_FIELDS, [], findings);
  const data = body["data"];
  if (data === undefined) findings.push({ path: ["data"], kind: "required", what: "value" });
  else if (!Array.isArray(data) || data.length < 1 || data.length > MAX_EVENTS) {
    findings.push({ path: ["data"], kind: "invalid", what: `array of 1 to ${MAX_EVENTS} events` });
  } else {
    for (let index = 0; index < data.length && findings.length < check.MAX_FINDINGS; index++) {
      checkEvent(data[index], ["data", index], state.now, findings);
    }
  }
  return findings;
}

function handle(request: VendorRequest, body: unknown, state: VendorState): Handled {
  const events = snapchat.list(body);
  const [, pixel, validate] = PATH.exec(request.path) ?? [];
  const counted = validate === undefined;
  const refuse = (found: Answer, problems: string[]): Handled => ({
    ...found,
    accepted: false,
    counted,
    problems,
    events,
  });
  if (pixel === undefined) return refuse(plain(404, "Not Found"), ["path: no such path"]);
  if (request.method !== "POST") return refuse(plain(405, "Method Not Allowed"), ["method: not POST"]);
  // Only the query: a Bearer header was version 2.
  const token = snapchat.token(request, body);
  if (token === null) return refuse(plain(401, "Missing access token"), ["token: missing"]);
  if (check.tokenRefused(token)) return refuse(snapchat.refuseToken(state), ["token: refused"]);
  const findings = findingsOf(request, body, state);
  const first = findings[0];
  if (first !== undefined) {
    // Whether one bad event fails a batch is unconfirmed: it does here.
    const found = counted ? invalid(first) : validation(findings, events.length);
    return refuse(found, check.describeAll(findings));
  }
  for (const event of events) event.accepted = true;
  const found = counted ? snapchat.success(events.length, request, state) : validation([], events.length);
  return { ...found, accepted: true, counted, problems: [], events };
}

function parse(request: VendorRequest): unknown {
  return check.isJsonType(request.headers) ? check.parseJson(request.body) : undefined;
}

export const snapchat: Vendor = {
  name: "snapchat",
  label: "Snapchat Conversions API v3",
  endpoint: "POST /v3/{pixel}/events",
  owns: (path) => path.startsWith("/v3/"),
  parse,
  account: (request) => PATH.exec(request.path)?.[1] ?? null,
  token: (request) => request.query.get("access_token") || null,
  list: (body) => check.listEvents(body, "data", "event_name"),
  handle,
  // Documented for pixel and API; unconfirmed for two API copies (reference: snapchat §6).
  dedupWindow: () => null,
  success: () => check.json(200, { status: "VALID" }),
  refuseToken: () => plain(400, "Invalid token"),
  throttle(_state, _account, retryAfter) {
    const headers: Record<string, string> = retryAfter === null ? {} : { "retry-after": String(retryAfter) };
    return plain(429, "Too many requests", headers);
  },
  failure(status, state) {
    if (status === 502 || status === 504) return check.gatewayPage(status);
    if (status === 401) return plain(status, "Unauthorized");
    if (status === 403) return plain(status, "The token's organization does not own this pixel");
    if (status === 429) return snapchat.throttle(state, null, null);
    if (status >= 500) return plain(status, "Internal error");
    return plain(status, "Invalid request");
  },
};
