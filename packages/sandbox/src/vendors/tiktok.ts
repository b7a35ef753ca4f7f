/** TikTok Events API 2.0: `POST /open_api/v1.3/event/track/` (reference: tiktok §1, §2, §8). */
import * as check from "./checks.ts";
import type { Fields, Finding, JsonObject } from "./checks.ts";
import { checkEvent } from "./tiktok-event.ts";
import type { Answer, Handled, Vendor, VendorRequest, VendorState } from "./types.ts";

const PATH = "/open_api/v1.3/event/track/";
const MAX_EVENTS = 1000;

const CODE = {
  permission: 40001,
  parameter: 40002,
  throttled: 40100,
  tokenEmpty: 40104,
  tokenRefused: 40105,
  internal: 50000,
};

const ROOT_FIELDS: Fields = {
  // `app` is open to an allow-list only.
  event_source: check.oneOf("web", "offline", "crm"),
  event_source_id: check.filled,
  data: check.anything,
  test_event_code: check.filled,
  partner_name: check.filled,
};

function answer(
  status: number,
  code: number,
  message: string,
  state: VendorState,
  headers: Record<string, string> = {},
): Answer {
  return check.json(status, { code, message, request_id: state.trace, data: {} }, headers);
}

/** `Batch.0.properties.contents.0.content_id: Not a valid string`. */
function message(finding: Finding, body: unknown): string {
  const where = finding.path.map((part, index) => index === 0 && part === "data" ? "Batch" : part).join(".");
  if (finding.kind === "required") return `${where}: Missing data for required field.`;
  if (finding.kind === "unknown") return `${where}: Unknown field.`;
  // TikTok's messages may repeat personal data, so nobody may log them as they are: this one does, too.
  const echoed = finding.path.includes("user") ? `: ${textAt(body, finding)}` : "";
  return `${where || "body"}: Not a valid ${finding.what}${echoed}`;
}

/** The text, or texts of the list, a finding is about; what else may stand there is only named. */
function textAt(body: unknown, finding: Finding): string {
  const value = finding.path.reduce<unknown>((at, part) => (at as JsonObject | undefined)?.[part], body);
  const texts = Array.isArray(value) && value.every((one) => typeof one === "string");
  return texts || typeof value !== "object"
    ? JSON.stringify(value)
    : Array.isArray(value)
    ? "list"
    : "object";
}

function handle(request: VendorRequest, body: unknown, state: VendorState): Handled {
  const events = tiktok.list(body);
  const refuse = (found: Answer, problems: string[]): Handled => ({
    ...found,
    accepted: false,
    counted: true,
    problems,
    events,
  });
  if (request.path !== PATH || request.method !== "POST") {
    // The trailing slash belongs to the path.
    return refuse(answer(404, 40400, "Path not found", state), ["path: no such path or method"]);
  }
  const token = tiktok.token(request, body);
  if (token === null) {
    return refuse(answer(401, CODE.tokenEmpty, "Access token is empty", state), ["token: missing"]);
  }
  if (check.tokenRefused(token)) return refuse(tiktok.refuseToken(state), ["token: refused"]);
  const findings: Finding[] = [];
  const ignored: Finding[] = [];
  if (check.isObject(body)) checkBody(body, state, findings, ignored);
  else findings.push({ path: [], kind: "invalid", what: "JSON object" });
  const first = findings[0];
  if (first !== undefined) {
    // Errors come as HTTP 200, and the message names the first one only.
    return refuse(
      answer(200, CODE.parameter, message(first, body), state),
      check.describeAll([...findings, ...ignored]),
    );
  }
  for (const event of events) event.accepted = true;
  return {
    ...tiktok.success(events.length, request, state),
    accepted: true,
    // Test events are not part of TikTok's reports; they count here, so that test mode can be watched.
    counted: true,
    problems: check.describeAll(ignored),
    events,
  };
}

function checkBody(body: JsonObject, state: VendorState, findings: Finding[], ignored: Finding[]): void {
  check.checkRequired(body, ["event_source", "event_source_id", "data"], [], findings);
  check.checkFields(body, ROOT_FIELDS, [], findings);
  const data = body["data"];
  if (data === undefined) return;
  if (!Array.isArray(data) || data.length < 1 || data.length > MAX_EVENTS) {
    findings.push({ path: ["data"], kind: "invalid", what: `list of 1 to ${MAX_EVENTS} events` });
    return;
  }
  for (let index = 0; index < data.length && findings.length < check.MAX_FINDINGS; index++) {
    checkEvent(data[index], body["event_source"], ["data", index], state.now, findings, ignored);
  }
}

function parse(request: VendorRequest): unknown {
  return check.isJsonType(request.headers) ? check.parseJson(request.body) : undefined;
}

export const tiktok: Vendor = {
  name: "tiktok",
  label: "TikTok Events API 2.0",
  endpoint: `POST ${PATH}`,
  owns: (path) => path.startsWith("/open_api/"),
  parse,
  account(_request, body) {
    const id = check.isObject(body) ? body["event_source_id"] : null;
    return typeof id === "string" ? id : null;
  },
  token(request) {
    const header = request.headers["access-token"];
    return typeof header === "string" && header !== "" ? header : null;
  },
  list: (body) => check.listEvents(body, "data", "event"),
  handle,
  // API and API copies, within 48 hours of the first receipt (reference: tiktok §6).
  dedupWindow: () => 48 * 3_600_000,
  success: (_count, _request, state) => answer(200, 0, "OK", state),
  // HTTP 200 or 401 have both been seen; 401 is also what throttling looks like, so only the code tells.
  refuseToken: (state) =>
    answer(401, CODE.tokenRefused, "Access token is incorrect or has been revoked.", state),
  throttle(state, _account, retryAfter) {
    const text = "Too many requests. Please retry in some time.";
    if (retryAfter === null) return answer(401, CODE.throttled, text, state);
    return answer(429, CODE.throttled, text, state, { "retry-after": String(retryAfter) });
  },
  failure(status, state) {
    if (status === 502 || status === 504) return check.gatewayPage(status);
    if (status === 401) return tiktok.refuseToken(state);
    if (status === 403) {
      const text =
        "No permission to operate pixel code. You must be an admin or operator of this advertiser account.";
      return answer(status, CODE.permission, text, state);
    }
    if (status === 429) return answer(status, CODE.throttled, "Too many requests.", state);
    if (status >= 500) return answer(status, CODE.internal, "System error, please retry later.", state);
    return answer(status, CODE.parameter, "Invalid parameter", state);
  },
};
