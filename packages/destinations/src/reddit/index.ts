/** Reddit Conversions API v3. Facts: docs/references/reddit.md, from public copies of Reddit's pages. */
import { z } from "zod";
import { clickIdsFromUrl } from "@trakit/core/click-ids.ts";
import type { CanonicalEvent, EventName, Item } from "@trakit/core/event.ts";
import { IDENTIFIERS } from "@trakit/core/identifiers.ts";
import { digestsBy } from "@trakit/core/identity/field-rules.ts";
import { toNumber } from "@trakit/core/money.ts";
import { type BatchOutcome, forAll, outcome } from "@trakit/core/outcome.ts";
import type {
  Destination,
  HttpAnswer,
  HttpRequest,
  JsonObject,
  MapContext,
  Mapped,
  RequestContext,
} from "../destination.ts";
import { jsonBody, vendorWords } from "../shared/answer.ts";
import { contentId, eventValue, netUnitNumber, unitCount } from "../shared/commerce.ts";
import { cut, eventTime, orUndefined, present } from "../shared/fields.ts";
import { publicIp } from "../shared/ip.ts";
import { type CommonSettings, commonSettings, eventName } from "../shared/settings.ts";
import { byStatus, refusedBatch } from "../shared/status.ts";
import { pastedTokenProblem } from "../shared/token.ts";
import { publicUrl } from "@trakit/core/public-url.ts";
import { HOUR_MS } from "../shared/browser-tags.ts";
import { examples, guide } from "./examples.ts";
import { fields, matchKeys } from "./identity.ts";

const API_VERSION = "v3";
/**
 * "Within seven days"; one event too old makes Reddit refuse the whole request, so the way there is allowed for
 * (reference: reddit §1).
 */
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000 - 60_000;
/** Reddit throttles clients by their default user agent and asks for a descriptive one (reference: reddit §1). */
const USER_AGENT = "trakit/1.0 (server-side conversion tracking)";

interface RedditSettings extends CommonSettings {
  /** Pixel id, e.g. `a2_abcdefgh1234`. */
  id: string;
}

/** Pixel ids look like `a2_…` or `t2_…` in every public sample; Reddit publishes no grammar (reference: reddit §1). */
const settings: z.ZodType<RedditSettings> = z.strictObject({
  id: z.string('"id" is missing: enter the Reddit pixel id.').trim().regex(
    /^(?:[a-z]\d_)?[a-z0-9]{5,32}$/,
    'The Reddit pixel id consists of small letters and digits, e.g. "a2_abcdefgh1234"; find it in Events Manager.',
  ).describe("Pixel id, from Events Manager."),
  ...commonSettings("total"),
});

const EVENTS: Partial<Record<EventName, string>> = {
  page_viewed: "PAGE_VISIT",
  product_viewed: "VIEW_CONTENT",
  search_submitted: "SEARCH",
  product_added_to_cart: "ADD_TO_CART",
  checkout_completed: "PURCHASE",
  customer_registered: "SIGN_UP",
  lead_submitted: "LEAD",
};

/** Names of ours, sent as `CUSTOM`: at most 64 characters; the dashboard shows the 20 newest (reference: reddit §3). */
const CUSTOM_EVENTS: Partial<Record<EventName, string>> = {
  collection_viewed: "ViewCategory",
  product_removed_from_cart: "RemoveFromCart",
  cart_viewed: "ViewCart",
  checkout_started: "InitiateCheckout",
  checkout_contact_info_submitted: "AddContactInfo",
  checkout_address_info_submitted: "AddAddressInfo",
  checkout_shipping_info_submitted: "AddShippingInfo",
  payment_info_submitted: "AddPaymentInfo",
  order_refunded: "OrderRefunded",
};

/** Reddit takes no value, currency and item count of these (reference: reddit §2). */
const UNVALUED: ReadonlySet<EventName> = new Set([
  "page_viewed",
  "product_viewed",
  "collection_viewed",
  "search_submitted",
  "customer_registered",
  "lead_submitted",
]);

function userData(event: CanonicalEvent, store: boolean): JsonObject {
  const { client, digests } = event;
  return {
    email: digestsBy(fields.email, digests)?.[0],
    phone_number: digestsBy(fields.phone, digests)?.[0],
    external_id: digestsBy(fields.external_id, digests)?.[0],
    // Of what was sold in a store Reddit wants no device.
    ip_address: orUndefined(store ? null : publicIp(client.ip)),
    user_agent: orUndefined(store ? null : cut(client.user_agent, 2000)),
    uuid: orUndefined(store ? null : IDENTIFIERS.rdt_uuid.read(event.identifiers.rdt_uuid)),
  };
}

/**
 * `US-CA`; null where Reddit could not tell whose law applies. Whether a country alone is taken is unconfirmed
 * (reference: reddit §7).
 */
function limitedOptions({ client: { country, region_code } }: CanonicalEvent): JsonObject | null {
  if (country === null || (country === "US" && !region_code)) return null;
  return present({
    modes: ["LDU"],
    country,
    region: region_code ? `${country}-${region_code.toUpperCase()}` : null,
  });
}

function product(item: Item, id: string, currency: string | null): JsonObject {
  return {
    id,
    name: orUndefined(cut(item.title, 500)),
    category: orUndefined(cut(item.category, 500)),
    quantity: item.quantity,
    item_price: currency === null ? undefined : netUnitNumber(item, currency),
  };
}

/** The newest click there is: the page's own address, else what browser or order brought. */
function clickOf({ page, identifiers }: CanonicalEvent): string | null {
  return clickIdsFromUrl(page.url).rdt_cid ?? IDENTIFIERS.rdt_cid.read(identifiers.rdt_cid);
}

function metadata(event: CanonicalEvent, settings: RedditSettings): JsonObject {
  const { commerce, name, client } = event;
  const money = UNVALUED.has(name) ? null : eventValue(commerce, settings.value);
  const products: JsonObject[] = [];
  for (const item of commerce.items) {
    const id = contentId(item, settings.content_ids, settings.content_country ?? client.country);
    if (id !== null) products.push(product(item, id, commerce.currency));
  }
  return {
    // What pixel and server share of one event.
    conversion_id: event.event_id,
    value: money === null ? undefined : toNumber(money.value),
    currency: money?.currency,
    item_count: UNVALUED.has(name) || commerce.items.length === 0 ? undefined : unitCount(commerce.items),
    products: orUndefined(products),
  };
}

/**
 * The event for `data.events[]` of `POST /api/v3/pixels/{pixel}/conversion_events`. One invalid event makes Reddit
 * process none of the request.
 *
 * Refusals: `no_such_event`, `too_old`, `too_little_user_data` (no key a person can be matched by; which ones Reddit demands
 * is unconfirmed), `limited_needs_region`.
 */
function map(event: CanonicalEvent, context: MapContext<RedditSettings>): Mapped {
  const name = eventName(event.name, EVENTS, CUSTOM_EVENTS, context.settings.custom_events);
  if (name === null) return { ok: false, reason: "no_such_event" };
  const time = eventTime(event, context.now, MAX_AGE_MS);
  if (time === null) return { ok: false, reason: "too_old" };
  const store = event.channel === "pos";
  const url = store ? null : publicUrl(event.page.url);
  const click = store ? null : clickOf(event);
  const user = userData(event, store);
  const matched = click ?? user["email"] ?? user["phone_number"] ?? user["external_id"];
  if (!matched && !(user["ip_address"] && user["user_agent"])) {
    return { ok: false, reason: "too_little_user_data" };
  }
  const options = context.limited ? limitedOptions(event) : undefined;
  if (options === null) return { ok: false, reason: "limited_needs_region" };
  const standard = EVENTS[event.name] !== undefined;
  return {
    ok: true,
    body: {
      event_at: time,
      action_source: store ? "PHYSICAL_STORE" : url === null ? "OTHER" : "WEBSITE",
      event_source_url: orUndefined(url),
      click_id: orUndefined(click),
      type: standard ? { tracking_type: name } : { tracking_type: "CUSTOM", custom_event_name: name },
      user: options === undefined ? user : { ...user, data_processing_options: options },
      metadata: metadata(event, context.settings),
    },
  };
}

function request(bodies: JsonObject[], context: RequestContext<RedditSettings>): HttpRequest {
  const url = `${context.baseUrl}/api/${API_VERSION}/pixels/${context.settings.id}/conversion_events`;
  const test = context.testCode === null ? {} : { test_id: context.testCode };
  return {
    method: "POST",
    url,
    headers: {
      "authorization": `Bearer ${context.token}`,
      "content-type": "application/json",
      "user-agent": USER_AGENT,
    },
    body: JSON.stringify({ data: { ...test, events: bodies } }),
    redactedUrl: url,
  };
}

const answerSchema = z.object({
  data: z.object({ message: z.string() }).optional().catch(undefined),
  error: z.object({ message: z.string() }).optional().catch(undefined),
  message: z.string().optional().catch(undefined),
});

/**
 * Reads an answer (reference: reddit §8). Total. A request is processed as a whole or not at all ("None were processed");
 * 401 and 403 hold the lane, 429 and 500 pass with time.
 */
function classify(answer: HttpAnswer, count: number): BatchOutcome {
  const { status } = answer;
  const body = answerSchema.safeParse(jsonBody(answer.body)).data;
  const words = body?.error?.message ?? body?.data?.message ?? body?.message ?? null;
  if (status === 400) return refusedBatch(count, "invalid_event", { status, detail: vendorWords(words) });
  if (status < 200 || status > 299) return byStatus(answer, count, words);
  const processed = /processed (\d+) conversion/i.exec(body?.data?.message ?? "")?.[1];
  return forAll(
    count,
    body?.data !== undefined && (processed === undefined || Number(processed) === count)
      ? outcome("delivered", "accepted", { status })
      : outcome("in_doubt", "result_unclear", { status, detail: vendorWords(words) }),
  );
}

export const reddit: Destination<RedditSettings> = {
  platform: "reddit",
  label: "Reddit",
  apiVersion: API_VERSION,
  documentation: {
    title: "Reddit Ads API v3, Conversions API, Direct Integration",
    url: "https://ads-api.reddit.com/docs/v3/",
    read: "2026-11-25",
  },
  baseUrl: "https://ads-api.reddit.com",
  baseUrlSetting: "TRAKIT_REDDIT_API_URL",
  purpose: "marketing",
  settings,
  tokenProblem: (token) => pastedTokenProblem(token, "Reddit conversion access token"),
  tokenCheckable: true,
  testMode: {
    about:
      "Events show up under Event Testing in Ads Manager, one a request: a batch is taken and not shown. Whether they count is unconfirmed.",
    examples: ["t2_test12345"],
    problem: () => null,
  },
  events: EVENTS,
  customEvents: CUSTOM_EVENTS,
  limits: {
    maxEvents: 1000,
    // No figure published; ours.
    maxBytes: 1_000_000,
    maxAgeMs: MAX_AGE_MS,
    perRequestKey: null,
  },
  // Pixel and server copies are joined by conversion_id for two days; whether two server copies are is unconfirmed
  // (reference: reddit §6). One repeat trades a rare double for a rare loss, a second one would not.
  inDoubtRepeats: () => 1,
  // "two days" (reference: reddit §6)
  tagWindowMs: () => 48 * HOUR_MS,
  fields,
  matchKeys,
  map,
  request,
  classify,
  examples,
  guide,
};
