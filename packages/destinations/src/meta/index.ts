import type { Destination, HttpRequest, JsonObject, RequestContext } from "../destination.ts";
import { HOUR_MS } from "../shared/browser-tags.ts";
import { classify } from "./classify.ts";
import { examples, guide } from "./examples.ts";
import { fields, matchKeys } from "./identity.ts";
import { CUSTOM_EVENTS, EVENTS, map, MAX_AGE_MS, repair } from "./map.ts";
import { oauth } from "./oauth.ts";
import { type MetaSettings, secrets, settings, tokenProblem } from "./settings.ts";

/** Follows the Graph schedule of at least two years: served until 2028-07-29 (reference: meta §1). */
const API_VERSION = "v25.0";
/** Platform tag, later usable as `agent_name` in the Dataset Quality API. */
const PARTNER_AGENT = "trakit-1-0";

function request(bodies: JsonObject[], context: RequestContext<MetaSettings>): HttpRequest {
  const url = `${context.baseUrl}/${API_VERSION}/${context.settings.id}/events`;
  return {
    method: "POST",
    url,
    // In the header rather than the query, so that no proxy's log has the token.
    headers: { "authorization": `Bearer ${context.token}`, "content-type": "application/json" },
    body: JSON.stringify({
      data: bodies,
      partner_agent: PARTNER_AGENT,
      appsecret_proof: context.secrets?.["appsecret_proof"],
      // Events sent with a test code count for targeting and measurement all the same (reference: meta §8.4).
      test_event_code: context.testCode ?? undefined,
    }),
    redactedUrl: url,
  };
}

export const meta: Destination<MetaSettings> = {
  platform: "meta",
  label: "Meta",
  apiVersion: API_VERSION,
  documentation: {
    title: "Conversions API, Using the API",
    url: "https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api",
    read: "2026-09",
  },
  baseUrl: "https://graph.facebook.com",
  baseUrlSetting: "TRAKIT_META_API_URL",
  purpose: "marketing",
  settings,
  secrets,
  tokenProblem,
  tokenCheckable: true,
  oauth,
  testMode: {
    about:
      "Events show up under Test Events in Events Manager. Meta counts them for targeting and measurement all the same.",
    examples: ["TEST12345"],
    problem: () => null,
  },
  events: EVENTS,
  customEvents: CUSTOM_EVENTS,
  limits: {
    maxEvents: 1000,
    // Not confirmed by Meta; a large public connector says about 1 MB (reference: meta §2.1).
    maxBytes: 1_000_000,
    maxAgeMs: MAX_AGE_MS,
    perRequestKey: null,
  },
  // The page on duplicates speaks of a server copy and a browser copy; two server copies are not promised to be one.
  // One repeat trades a rare double for a rare loss, a second one would not (reference: meta §6).
  inDoubtRepeats: () => 1,
  // reference: meta §6
  tagWindowMs: () => 48 * HOUR_MS,
  fields,
  matchKeys,
  map,
  request,
  repaired: repair,
  classify,
  examples,
  guide,
};
