import type { Destination, HttpRequest, Json, JsonObject, RequestContext } from "../destination.ts";
import { classify } from "./classify.ts";
import { examples, guide } from "./examples.ts";
import { fields, matchKeys } from "./identity.ts";
import { CUSTOM_EVENTS, EVENTS, map, MAX_AGE_MS } from "./map.ts";
import { type GoogleSettings, settings, testCodeProblem, tokenProblem } from "./settings.ts";

const PRODUCTION = "https://www.google-analytics.com";
const EU = "https://region1.google-analytics.com";
const DEBUG_VIEW = "debug_view";

/** Everything but the events: who and with what consent. Bodies equal in it may share a request. */
function sender(body: JsonObject): JsonObject {
  const { events: _, ...rest } = body;
  return rest;
}

function events(bodies: JsonObject[]): Json[] {
  return bodies.flatMap((body) => body["events"] as Json[]);
}

function perRequestKey(body: JsonObject): string {
  return JSON.stringify(sender(body));
}

/** The events show up in Google Analytics' DebugView, and are counted all the same. */
function withDebugMode(event: Json): Json {
  const { params, ...rest } = event as JsonObject;
  return { ...rest, params: { ...(params as JsonObject), debug_mode: 1 } };
}

/**
 * One request of one sender's events. In test mode it goes to the validation server, held to Google's recommendations
 * (reference: google §2, §8), unless DebugView is asked for. Throws when given several senders': all would be booked on
 * the first.
 */
function request(bodies: JsonObject[], context: RequestContext<GoogleSettings>): HttpRequest {
  const [first] = bodies;
  const several = bodies.length > 1 && bodies.some((body) => perRequestKey(body) !== perRequestKey(first!));
  if (first === undefined || several) {
    throw new RangeError("a Measurement Protocol request carries the events of one client");
  }
  // Another host than Google's is a test's or the local stack's own and stays.
  const host = context.settings.eu && context.baseUrl === PRODUCTION ? EU : context.baseUrl;
  const validates = context.testCode !== null && context.testCode !== DEBUG_VIEW;
  const path = validates ? "/debug/mp/collect" : "/mp/collect";
  const url = `${host}${path}?measurement_id=${encodeURIComponent(context.settings.id)}&api_secret=`;
  return {
    method: "POST",
    url: url + encodeURIComponent(context.token),
    headers: { "content-type": "application/json" },
    body: JSON.stringify(
      bodies.length === 1 && context.testCode === null ? first : {
        ...first,
        ...(validates ? { validation_behavior: "ENFORCE_RECOMMENDATIONS" } : {}),
        events: context.testCode === DEBUG_VIEW ? events(bodies).map(withDebugMode) : events(bodies),
      },
    ),
    redactedUrl: `${url}***`,
  };
}

export const google: Destination<GoogleSettings> = {
  platform: "google",
  label: "Google Analytics 4",
  apiVersion: null,
  documentation: {
    title: "Measurement Protocol (Google Analytics 4)",
    url:
      "https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference?client_type=gtag",
    read: "2026-08",
  },
  baseUrl: PRODUCTION,
  baseUrlSetting: "TRAKIT_GOOGLE_API_URL",
  purpose: "analytics",
  settings,
  tokenProblem,
  // 204 to any secret (reference: google §8)
  tokenCheckable: false,
  testMode: {
    about:
      "validate: events go to the validation server, which says what is wrong and records nothing. debug_view: events show up in DebugView and are counted.",
    examples: ["validate", "debug_view"],
    problem: testCodeProblem,
  },
  events: EVENTS,
  customEvents: CUSTOM_EVENTS,
  limits: {
    maxEvents: 25,
    // "Less than 130 kB".
    maxBytes: 129_999,
    maxAgeMs: MAX_AGE_MS,
    perRequestKey,
    sharedBy: "one client's events only",
  },
  // Only purchases are deduplicated, by transaction_id; anything else repeated is counted twice (reference: google §6, §8).
  inDoubtRepeats: (name) => (name === "checkout_completed" ? 2 : 0),
  // GA4 compares the transaction id of purchases, and of what refers to them, and nothing else (reference: google §6).
  tagWindowMs: (name) => (name === "checkout_completed" || name === "order_refunded" ? Infinity : null),
  fields,
  matchKeys,
  map,
  request,
  classify,
  examples,
  guide,
};
