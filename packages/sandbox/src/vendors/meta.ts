/** Meta Conversions API: `POST /v25.0/{dataset}/events` (reference: meta §1, §2, §8). */
import { Buffer } from "node:buffer";
import * as check from "./checks.ts";
import type { Fields, Finding, JsonObject } from "./checks.ts";
import { checkEvent, SUBCODE } from "./meta-event.ts";
import type { Answer, Handled, Vendor, VendorRequest, VendorState } from "./types.ts";

const PATH = /^\/v(\d+)\.(\d+)\/([^/]+)\/events$/;
/** Older versions are in truth served silently by a newer one; refused so that a stale constant shows. */
const OLDEST_VERSION = 21;
const MAX_EVENTS = 1000;
/** About 1 MB by a third party's reading, unconfirmed by Meta. */
const MAX_BYTES = 1_048_576;

/** SDK's list (reference: meta §2.1); other keys refused, as Meta's handling of them is unconfirmed. */
const ROOT_FIELDS: Fields = {
  data: check.anything,
  test_event_code: check.filled,
  partner_agent: check.filled,
  access_token: check.filled,
  appsecret_proof: check.matching(/^[0-9a-f]{64}$/, "appsecret_proof"),
  namespace_id: check.string,
  upload_id: check.string,
  upload_tag: check.string,
  upload_source: check.string,
};

const TEXTS: Record<number, { title: string; message: string }> = {
  [SUBCODE.badFbc]: {
    title: "Invalid Parameter",
    message: "The fbc or fbp parameter is not in the expected format.",
  },
  [SUBCODE.tooOld]: {
    title: "Event Timestamp Too Old",
    message:
      "The timestamp for this event is too far in the past. Events need to be sent from your server within 7 days of when they occurred. Enter a timestamp that has occurred within the last 7 days.",
  },
  [SUBCODE.noValue]: {
    title: "Missing Value for Purchase Event",
    message: "The value field is required for purchase events.",
  },
  [SUBCODE.tooLittleUserData]: {
    title: "You Haven't Added Sufficient Customer Information Parameter Data For This Event",
    message: "This event doesn't have enough customer information parameters to match it.",
  },
};

function answer(
  status: number,
  body: unknown,
  state: VendorState,
  headers: Record<string, string> = {},
): Answer {
  return check.json(status, body, { "x-fb-trace-id": state.trace, ...headers });
}

function graphError(
  status: number,
  error: { message: string; type?: string; code: number; [extra: string]: unknown },
  state: VendorState,
  headers: Record<string, string> = {},
): Answer {
  const body = { type: "OAuthException", ...error, fbtrace_id: state.trace };
  return answer(status, { error: body }, state, headers);
}

function refuse(found: Answer, problems: string[], events: Handled["events"]): Handled {
  return { ...found, accepted: false, counted: true, problems, events };
}

/** All-or-nothing: the first finding decides the one error the whole request gets. */
function invalid(findings: Finding[], events: Handled["events"], state: VendorState): Handled {
  const first = findings[0];
  const texts = first?.code === undefined ? undefined : TEXTS[first.code];
  const found = graphError(400, {
    message: "Invalid parameter",
    code: 100,
    ...(first?.code === undefined ? {} : { error_subcode: first.code }),
    is_transient: false,
    error_user_title: texts?.title ?? "Invalid Parameter",
    error_user_msg: texts?.message ?? (first ? check.describe(first) : "Invalid parameter"),
    error_data: { blame_field_specs: [[first ? check.pathText(first.path) : "data"]] },
  }, state);
  return refuse(found, check.describeAll(findings), events);
}

/** JSON, or a form whose `data` is JSON text. */
function parse(request: VendorRequest): unknown {
  if (check.isJsonType(request.headers)) return check.parseJson(request.body);
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers["content-type"] ?? "")) {
    return undefined;
  }
  const form: JsonObject = Object.fromEntries(new URLSearchParams(request.body));
  return typeof form["data"] === "string" ? { ...form, data: check.parseJson(form["data"]) } : form;
}

function token(request: VendorRequest, body: unknown): string | null {
  const inBody = check.isObject(body) ? body["access_token"] : null;
  return check.bearer(request.headers) ?? request.query.get("access_token") ??
    (typeof inBody === "string" ? inBody : null);
}

function refuseToken(state: VendorState, message = "The access token could not be decrypted"): Answer {
  // Graph answers 400 here, not 401: senders must classify on the code.
  return graphError(400, { message, code: 190 }, state, {
    "www-authenticate": `OAuth "Facebook Platform" "invalid_token" "${message}"`,
  });
}

function notFound(method: string, id: string, state: VendorState): Answer {
  return graphError(400, {
    message:
      `Unsupported ${method.toLowerCase()} request. Object with ID '${id}' does not exist, cannot be loaded ` +
      "due to missing permissions, or does not support this operation. Please read the Graph API documentation at " +
      "https://developers.facebook.com/docs/graph-api",
    type: "GraphMethodException",
    code: 100,
    error_subcode: 33,
  }, state);
}

function handle(request: VendorRequest, body: unknown, state: VendorState): Handled {
  const events = meta.list(body);
  const [, major, , id = ""] = PATH.exec(request.path) ?? [];
  if (major === undefined || Number(major) < OLDEST_VERSION) {
    const message = major === undefined ? "Unknown path components" : "Unsupported version of the Graph API";
    return refuse(graphError(400, { message, code: 2500 }, state), [`path: ${message}`], events);
  }
  if (request.method !== "POST" || !/^\d+$/.test(id)) {
    return refuse(notFound(request.method, id, state), ["path: no such dataset or method"], events);
  }
  const given = token(request, body);
  if (given === null || check.tokenRefused(given)) {
    const why = given === null ? "An access token is required to request this resource." : undefined;
    return refuse(refuseToken(state, why), [`token: ${given === null ? "missing" : "refused"}`], events);
  }
  const findings: Finding[] = [];
  if (Buffer.byteLength(request.body) > MAX_BYTES) {
    findings.push({ path: [], kind: "invalid", what: `body of at most ${MAX_BYTES} bytes` });
    return invalid(findings, events, state);
  }
  if (!check.isObject(body)) {
    findings.push({ path: [], kind: "invalid", what: "JSON object" });
    return invalid(findings, events, state);
  }
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
  if (findings.length > 0) return invalid(findings, events, state);
  for (const event of events) event.accepted = true;
  return {
    ...meta.success(events.length, request, state),
    accepted: true,
    // Meta does not discard test events: they count (reference: meta §8.4).
    counted: true,
    problems: [],
    events,
  };
}

export const meta: Vendor = {
  name: "meta",
  label: "Meta Conversions API",
  endpoint: "POST /v25.0/{dataset}/events",
  owns: (path) => /^\/v\d+\.\d+\//.test(path),
  parse,
  account: (request) => PATH.exec(request.path)?.[3] ?? null,
  token,
  list: (body) => check.listEvents(body, "data", "event_name"),
  handle,
  // Only a browser and a server copy are promised to be one (reference: meta §6).
  dedupWindow: () => null,
  success: (count, request, state) =>
    answer(200, { events_received: count, messages: [], fbtrace_id: state.trace }, state, {
      "facebook-api-version": request.path.split("/")[1] ?? "",
    }),
  refuseToken,
  throttle(state, account, retryAfter) {
    const error = { message: "(#4) Application request limit reached", code: 4, is_transient: true };
    if (retryAfter !== null) return graphError(429, error, state, { "retry-after": String(retryAfter) });
    const usage = [{
      type: "ads_management",
      call_count: 100,
      total_cputime: 25,
      total_time: 25,
      estimated_time_to_regain_access: 1,
    }];
    return graphError(400, { ...error, error_subcode: 1504022 }, state, {
      "x-business-use-case-usage": JSON.stringify({ [account ?? "0"]: usage }),
    });
  },
  failure(status, state) {
    if (status === 502 || status === 504) return check.gatewayPage(status);
    if (status === 401) {
      return graphError(status, { message: "Invalid OAuth access token.", code: 190 }, state);
    }
    if (status === 403) return graphError(status, { message: "(#200) Permissions error", code: 200 }, state);
    if (status === 429) {
      return graphError(status, { message: "(#4) Application request limit reached", code: 4 }, state);
    }
    if (status === 400) return graphError(status, { message: "Invalid parameter", code: 100 }, state);
    const message = "An unexpected error has occurred. Please retry your request later.";
    return graphError(status, { message, code: 2, is_transient: status >= 500 }, state);
  },
};
