import type { Destination, HttpRequest, JsonObject, RequestContext } from "../destination.ts";
import { HOUR_MS } from "../shared/browser-tags.ts";
import { classify } from "./classify.ts";
import { examples, guide } from "./examples.ts";
import { fields, matchKeys } from "./identity.ts";
import { CUSTOM_EVENTS, EVENTS, map, MAX_AGE_MS } from "./map.ts";
import { oauth } from "./oauth.ts";
import { type PinterestSettings, settings, tokenProblem } from "./settings.ts";

const API_VERSION = "v5";

function request(bodies: JsonObject[], context: RequestContext<PinterestSettings>): HttpRequest {
  // In test mode Pinterest checks and answers as usual but records nothing: never without a test code being set.
  const test = context.testCode === null ? "" : "?test=true";
  const url = `${context.baseUrl}/${API_VERSION}/ad_accounts/${context.settings.id}/events${test}`;
  return {
    method: "POST",
    url,
    headers: { "authorization": `Bearer ${context.token}`, "content-type": "application/json" },
    body: JSON.stringify({ data: bodies }),
    redactedUrl: url,
  };
}

export const pinterest: Destination<PinterestSettings> = {
  platform: "pinterest",
  label: "Pinterest",
  apiVersion: API_VERSION,
  documentation: {
    title: "Pinterest API 5.23.0, events/create",
    url: "https://developers.pinterest.com/docs/api/v5/events-create/",
    read: "2026-08",
  },
  baseUrl: "https://api.pinterest.com",
  baseUrlSetting: "TRAKIT_PINTEREST_API_URL",
  purpose: "marketing",
  settings,
  tokenProblem,
  tokenCheckable: true,
  oauth,
  testMode: {
    about:
      "Events are checked and answered as usual and not recorded (test=true). Pinterest has no code: any will do.",
    examples: ["test"],
    problem: () => null,
  },
  events: EVENTS,
  customEvents: CUSTOM_EVENTS,
  limits: {
    maxEvents: 1000,
    // No official figure; a large public connector stays within 2 MB, so do we.
    maxBytes: 2_000_000,
    maxAgeMs: MAX_AGE_MS,
    perRequestKey: null,
  },
  // Pinterest joins the tag's copy and ours by event_id; whether two of ours are joined is not documented. One repeat
  // trades a rare double for a rare loss, a second one would not (reference: pinterest §6).
  inDoubtRepeats: () => 1,
  // No figure is published; after an hour it would go as an offline event, which is never compared with the tag
  // (reference: pinterest §6).
  tagWindowMs: () => HOUR_MS,
  fields,
  matchKeys,
  map,
  request,
  classify,
  examples,
  guide,
};
