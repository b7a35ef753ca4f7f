/** Pinterest Conversions API v5: `POST /v5/ad_accounts/{id}/events` (reference: pinterest §1, §2, §8). */
import { Buffer } from "node:buffer";
import * as check from "./checks.ts";
import type { Finding, JsonObject } from "./checks.ts";
import { checkSchema, type EventVerdict, judge } from "./pinterest-event.ts";
import type { Answer, Handled, SeenEvent, Vendor, VendorRequest, VendorState } from "./types.ts";

const PATH = /^\/v5\/ad_accounts\/([^/]+)\/events$/;
const MAX_EVENTS = 1000;
/** No official figure; the largest known sender stops at 2 MB. */
const MAX_BYTES = 2_097_152;

const CODE = {
  authentication: 2,
  throttled: 8,
  permission: 29,
  events: 953,
  request: 4196,
  rampedDown: 4197,
};

function failure(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): Answer {
  return check.json(status, { code, message }, headers);
}

/** The JSON-schema wording Pinterest answers with, e.g. of an unknown key (reference: pinterest §2). */
function schemaMessage(finding: Finding): string {
  const name = String(finding.path.at(-1) ?? "body");
  if (finding.kind === "unknown") {
    return `Invalid request: Additional properties are not allowed ('${name}' was unexpected)`;
  }
  if (finding.kind === "required") return `Invalid request: '${name}' is a required property`;
  return `Invalid request: ${check.pathText(finding.path) || "body"} is not of type '${finding.what}'`;
}

function item(verdict: EventVerdict): JsonObject {
  return {
    status: verdict.error === null ? "processed" : "failed",
    error_message: verdict.error,
    warning_message: verdict.warning,
  };
}

/** 200 when every event is processed, else 422 with the same list under `details`. */
function result(verdicts: readonly EventVerdict[]): Answer {
  const body = {
    num_events_received: verdicts.length,
    num_events_processed: verdicts.filter((verdict) => verdict.error === null).length,
    events: verdicts.map(item),
  };
  if (body.num_events_processed === body.num_events_received) return check.json(200, body);
  const message =
    "The action could not be processed properly due to some or all data provided being invalid.";
  return check.json(422, { code: CODE.events, message, details: body });
}

/** What the closed schema of the whole request says; all events are looked at, the first finding is answered. */
function schemaFindings(request: VendorRequest, body: unknown, ignored: Finding[]): Finding[] {
  if (Buffer.byteLength(request.body) > MAX_BYTES) {
    return [{ path: [], kind: "invalid", what: `body of at most ${MAX_BYTES} bytes` }];
  }
  if (!check.isObject(body)) return [{ path: [], kind: "invalid", what: "object" }];
  const findings: Finding[] = [];
  check.checkFields(body, { data: check.anything }, [], findings);
  const data = body["data"];
  if (data === undefined) findings.push({ path: ["data"], kind: "required", what: "value" });
  else if (!Array.isArray(data) || data.length < 1 || data.length > MAX_EVENTS) {
    findings.push({ path: ["data"], kind: "invalid", what: `array of 1 to ${MAX_EVENTS} events` });
  } else {
    for (let index = 0; index < data.length && findings.length < check.MAX_FINDINGS; index++) {
      checkSchema(data[index], ["data", index], findings, ignored);
    }
  }
  return findings;
}

function handle(request: VendorRequest, body: unknown, state: VendorState): Handled {
  const events = pinterest.list(body);
  // `?test=true` is validated and answered alike, and not recorded (reference: pinterest §1).
  const counted = request.query.get("test") !== "true";
  const refuse = (found: Answer, problems: string[]): Handled => ({
    ...found,
    accepted: false,
    counted,
    problems,
    events,
  });
  const id = PATH.exec(request.path)?.[1];
  if (id === undefined) return refuse(failure(404, 404, "Not Found"), ["path: no such path"]);
  if (request.method !== "POST") return refuse(failure(405, 405, "Method Not Allowed"), ["method: not POST"]);
  const token = check.bearer(request.headers);
  if (token === null || check.tokenRefused(token)) {
    return refuse(pinterest.refuseToken(state), [`token: ${token === null ? "missing" : "refused"}`]);
  }
  if (!/^\d{1,18}$/.test(id)) {
    const message = `Invalid request: '${id}' does not match '^\\\\d+$'`;
    return refuse(failure(400, CODE.request, message), ["path: not a valid ad account id"]);
  }
  const ignored: Finding[] = [];
  const findings = schemaFindings(request, body, ignored);
  const first = findings[0];
  if (first !== undefined) {
    return refuse(
      failure(400, CODE.request, schemaMessage(first)),
      check.describeAll([...findings, ...ignored]),
    );
  }
  const data = (body as { data: JsonObject[] }).data;
  const verdicts = data.map((event, index) => judge(event, ["data", index], state.now));
  return { ...result(verdicts), ...summary(verdicts, ignored, events), counted };
}

function summary(
  verdicts: readonly EventVerdict[],
  ignored: readonly Finding[],
  events: SeenEvent[],
): Pick<Handled, "accepted" | "problems" | "events"> {
  verdicts.forEach((verdict, index) => {
    const event = events[index];
    if (event) event.accepted = verdict.error === null;
  });
  const warnings = verdicts.flatMap((verdict, index) =>
    verdict.warning === null ? [] : [`data[${index}]: ${verdict.warning}`]
  );
  return {
    accepted: verdicts.every((verdict) => verdict.error === null),
    problems: [
      ...check.describeAll([...verdicts.flatMap((verdict) => verdict.problems), ...ignored]),
      ...warnings.slice(0, check.MAX_FINDINGS),
    ],
    events,
  };
}

function parse(request: VendorRequest): unknown {
  return check.isJsonType(request.headers) ? check.parseJson(request.body) : undefined;
}

export const pinterest: Vendor = {
  name: "pinterest",
  label: "Pinterest Conversions API v5",
  endpoint: "POST /v5/ad_accounts/{id}/events",
  owns: (path) => path.startsWith("/v5/"),
  parse,
  account: (request) => PATH.exec(request.path)?.[1] ?? null,
  token: (request) => check.bearer(request.headers),
  list: (body) => check.listEvents(body, "data", "event_name"),
  handle,
  // Tag and API copies; whether two API copies are one is unconfirmed (reference: pinterest §6).
  dedupWindow: () => null,
  success: (count) =>
    result(Array.from({ length: count }, () => ({ error: null, warning: null, problems: [] }))),
  refuseToken: () => failure(401, CODE.authentication, "Authentication failed."),
  throttle(_state, _account, retryAfter) {
    // No Retry-After is documented: it comes only on request.
    const headers: Record<string, string> = retryAfter === null ? {} : { "retry-after": String(retryAfter) };
    return failure(429, CODE.throttled, "You have exceeded your rate limit. Try again later.", headers);
  },
  failure(status, state) {
    if (status === 502 || status === 504) return check.gatewayPage(status);
    if (status === 401) return pinterest.refuseToken(state);
    if (status === 403) {
      return failure(status, CODE.permission, "You are not permitted to access that resource.");
    }
    if (status === 429) return pinterest.throttle(state, null, null);
    if (status === 503) {
      return failure(status, CODE.rampedDown, "This endpoint is temporarily unavailable. Try again later.");
    }
    if (status >= 500) return failure(status, status, "Unexpected error. Try again later.");
    return failure(status, CODE.request, "Invalid request");
  },
};
