import type { Destination, HttpRequest, JsonObject, RequestContext } from "../destination.ts";
import { HOUR_MS } from "../shared/browser-tags.ts";
import { classify } from "./classify.ts";
import { examples, guide } from "./examples.ts";
import { fields, matchKeys } from "./identity.ts";
import { CUSTOM_EVENTS, EVENTS, map, MAX_AGE_MS } from "./map.ts";
import { oauth } from "./oauth.ts";
import { settings, type SnapchatSettings, tokenProblem } from "./settings.ts";

const API_VERSION = "v3";

function request(bodies: JsonObject[], context: RequestContext<SnapchatSettings>): HttpRequest {
  // v3 takes the token in the query only; the Bearer header was v2 (reference: snapchat §1).
  const url = `${context.baseUrl}/${API_VERSION}/${context.settings.id}/events?access_token=`;
  const test = context.testCode === null ? {} : { test_event_code: context.testCode };
  return {
    method: "POST",
    url: url + encodeURIComponent(context.token),
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ data: bodies, ...test }),
    redactedUrl: `${url}***`,
  };
}

export const snapchat: Destination<SnapchatSettings> = {
  platform: "snapchat",
  label: "Snapchat",
  apiVersion: API_VERSION,
  documentation: {
    title: "Snap Conversions API v3 (Snap business SDK 1.2.1)",
    url: "https://developers.snap.com/api/marketing-api/Conversions-API/UsingTheAPI",
    read: "2026-08",
  },
  baseUrl: "https://tr.snapchat.com",
  baseUrlSetting: "TRAKIT_SNAPCHAT_API_URL",
  purpose: "marketing",
  settings,
  tokenProblem,
  tokenCheckable: true,
  oauth,
  testMode: {
    about: "Events show up in the test view of Events Manager.",
    examples: ["TEST12345"],
    problem: () => null,
  },
  events: EVENTS,
  customEvents: CUSTOM_EVENTS,
  limits: {
    maxEvents: 2000,
    // No vendor figure; a large public connector stays within 2 MB, so do we.
    maxBytes: 2_000_000,
    maxAgeMs: MAX_AGE_MS,
    perRequestKey: null,
  },
  // Snap merges a later copy with the same event_id for 48 hours; documented for pixel and API, not for two API copies,
  // so one repeat and no more (reference: snapchat §6).
  inDoubtRepeats: () => 1,
  // 48 h by Stape's word, the vendor's table was not seen (reference: snapchat §6)
  tagWindowMs: () => 48 * HOUR_MS,
  fields,
  matchKeys,
  map,
  request,
  classify,
  examples,
  guide,
};
