import type { Destination, HttpRequest, Json, JsonObject, RequestContext } from "../destination.ts";
import { classify } from "./classify.ts";
import { examples } from "./examples.ts";
import { EVENTS, map, MAX_AGE_MS } from "./map.ts";
import { type GoogleSettings, settings, tokenProblem } from "./settings.ts";

const PRODUCTION = "https://www.google-analytics.com";
const EU = "https://region1.google-analytics.com";

/** Everything but the events: who and with what consent. Bodies equal in it may share a request. */
function sender(body: JsonObject): JsonObject {
  const { events: _, ...rest } = body;
  return rest;
}

function perRequestKey(body: JsonObject): string {
  return JSON.stringify(sender(body));
}

/** In test mode the events show up in Google Analytics' DebugView (and are counted all the same). */
function withDebugMode(event: Json): Json {
  const { params, ...rest } = event as JsonObject;
  return { ...rest, params: { ...(params as JsonObject), debug_mode: 1 } };
}

/** One request of one sender's events. Throws when given several senders': all would be booked on the first. */
function request(bodies: JsonObject[], context: RequestContext<GoogleSettings>): HttpRequest {
  const [first] = bodies;
  if (first === undefined || bodies.some((body) => perRequestKey(body) !== perRequestKey(first))) {
    throw new RangeError("a Measurement Protocol request carries the events of one client");
  }
  const events = bodies.flatMap((body) => body["events"] as Json[]);
  // Another host than Google's is a test's or the local stack's own and stays.
  const host = context.settings.eu && context.baseUrl === PRODUCTION ? EU : context.baseUrl;
  const url = `${host}/mp/collect?measurement_id=${encodeURIComponent(context.settings.id)}&api_secret=`;
  return {
    method: "POST",
    url: url + encodeURIComponent(context.token),
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...sender(first),
      events: context.testCode === null ? events : events.map(withDebugMode),
    }),
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
  events: EVENTS,
  limits: {
    maxEvents: 25,
    // "Less than 130 kB".
    maxBytes: 129_999,
    maxAgeMs: MAX_AGE_MS,
    perRequestKey,
  },
  // Only purchases are deduplicated, by transaction_id; anything else repeated is counted twice (reference: google §6, §8).
  inDoubtRepeats: (name) => (name === "checkout_completed" ? 2 : 0),
  map,
  request,
  classify,
  examples,
};
