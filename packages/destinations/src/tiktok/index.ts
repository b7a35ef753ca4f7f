import type { Destination, HttpRequest, JsonObject, RequestContext } from "../destination.ts";
import { HOUR_MS } from "../shared/browser-tags.ts";
import { classify } from "./classify.ts";
import { examples, guide } from "./examples.ts";
import { fields, matchKeys } from "./identity.ts";
import { CUSTOM_EVENTS, EVENTS, map, MAX_AGE_MS } from "./map.ts";
import { oauth } from "./oauth.ts";
import { settings, type TikTokSettings, tokenProblem } from "./settings.ts";

/** The path of the product "Events API 2.0"; there is no /v2.0/ (reference: tiktok §1). */
const API_VERSION = "v1.3";
const PARTNER_NAME = "trakit";

/** Only web events have a page. A request goes into the pixel or into the Offline Event Set; one without events, to the pixel. */
function source(body: JsonObject | undefined): "web" | "offline" {
  return body && body["page"] === undefined ? "offline" : "web";
}

function request(bodies: JsonObject[], context: RequestContext<TikTokSettings>): HttpRequest {
  const url = `${context.baseUrl}/open_api/${API_VERSION}/event/track/`;
  const offline = source(bodies[0]) === "offline";
  const test = context.testCode === null ? {} : { test_event_code: context.testCode };
  return {
    method: "POST",
    url,
    headers: { "access-token": context.token, "content-type": "application/json" },
    body: JSON.stringify({
      event_source: offline ? "offline" : "web",
      event_source_id: offline ? context.settings.offline_event_set : context.settings.id,
      partner_name: PARTNER_NAME,
      ...test,
      data: bodies,
    }),
    redactedUrl: url,
  };
}

export const tiktok: Destination<TikTokSettings> = {
  platform: "tiktok",
  label: "TikTok",
  apiVersion: API_VERSION,
  documentation: {
    title: "TikTok API for Business, Report App, Web, Offline, or CRM Events",
    url: "https://business-api.tiktok.com/portal/docs?id=1771101303285761",
    read: "2026-09-22",
  },
  baseUrl: "https://business-api.tiktok.com",
  baseUrlSetting: "TRAKIT_TIKTOK_API_URL",
  purpose: "marketing",
  settings,
  tokenProblem,
  tokenCheckable: true,
  oauth,
  testMode: {
    about:
      "Events show up under Test Events in Events Manager and are, by its own words, not part of the real data.",
    examples: ["TEST12345"],
    problem: () => null,
  },
  events: EVENTS,
  customEvents: CUSTOM_EVENTS,
  limits: {
    maxEvents: 1000,
    // No vendor figure; 1000 events of usual size stay under it.
    maxBytes: 2_000_000,
    maxAgeMs: MAX_AGE_MS,
    perRequestKey: source,
    sharedBy: "web events or till sales",
  },
  // Two API copies with one event_id count once for 48 hours after the first (reference: tiktok §6), twice as long as
  // we try: repeating is safe, the number only ends what would never succeed.
  inDoubtRepeats: () => 10,
  // reference: tiktok §6
  tagWindowMs: () => 48 * HOUR_MS,
  fields,
  matchKeys,
  map,
  request,
  classify,
  examples,
  guide,
};
