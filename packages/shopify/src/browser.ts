import type { CanonicalEvent, Consent, EventName } from "@trakit/core/event.ts";
import { EVENT_NAMES, UNKNOWN_CONSENT } from "@trakit/core/event.ts";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import type { Wanted } from "@trakit/core/identity/wanted.ts";
import { type Address, chosenAddress, phonesOf, present } from "./address.ts";
import { commerceOf } from "./browser-commerce.ts";
import { browserIdentifiers } from "./browser-identifiers.ts";
import {
  type BrowserData,
  type BrowserEvent,
  browserEventSchema,
  type BrowserVisitor,
} from "./browser-schema.ts";
import { issuesOf } from "./fields.ts";
import { languageTag, MAX, textOrNull, timeOf } from "./text.ts";
import { pageUrl, referrerUrl, storedUrl } from "./url.ts";

/** Oldest event taken: what a browser kept while it was offline, no more. */
const MAX_AGE_MS = 24 * 60 * 60 * 1000;
/** A visitor's clock may be this much ahead; what is ahead counts as now, because vendors refuse the future. */
const MAX_AHEAD_MS = 5 * 60 * 1000;

const RAW_EVENT_ID = /^[A-Za-z0-9_-]{8,64}$/;
const NAMES: ReadonlySet<string> = new Set(EVENT_NAMES);
/** Refunds are Shopify's to report (docs/two-copies.md). */
const NOT_FROM_BROWSERS: ReadonlySet<string> = new Set(["order_refunded"]);

export interface BrowserContext {
  /** Myshopify domain, proven by signature, key or token; lower case. */
  shop: string;
  /** Visitor's address as our front saw it. */
  ip: string | null;
  /** `user_agent` of the body, else the header; a whole pixel event's own comes first (Shopify may not forward ours). */
  userAgent: string | null;
  /** Customer Shopify signed for (app proxy), never one the page named. */
  customerId: string | null;
  /** ms since the epoch. */
  now: number;
  /** `visitor`, `consent` and `language` of the batch. */
  visitor?: BrowserVisitor | null;
  /** The visitor id came without its proof (`browserIdentifiers`). */
  unproven?: boolean;
  consent?: Consent | null;
  language?: string | null;
  /** Country the browser says it is in, else the one its address is in where somebody trusted tells it. */
  policyCountry?: string | null;
  /** Digests to make; absent = all. */
  wanted?: Wanted;
}

export type BrowserRefusal =
  | "invalid_event"
  | "unknown_event"
  | "not_from_browser"
  | "stale_event"
  | "missing_event_id";

export type DecodedBrowserEvent =
  | {
    ok: true;
    event: CanonicalEvent;
    /** Personal fields the event had and its digests have not: no normal form. */
    dropped: string[];
  }
  | {
    ok: false;
    reason: BrowserRefusal;
    /** Paths and codes, never values; empty unless `invalid_event`. */
    issues: string[];
  };

function refuse(reason: BrowserRefusal, issues: string[] = []): DecodedBrowserEvent {
  return { ok: false, reason, issues };
}

/** ms since the epoch, or null. */
function timestampOf(value: string | number): number | null {
  if (typeof value === "string") return timeOf(value);
  return Number.isFinite(value) && value >= 0 ? Math.trunc(value) : null;
}

/** The id both copies share; null when the event has none (docs/two-copies.md). */
function eventIdOf(raw: BrowserEvent, name: EventName, shop: string): string | null {
  if (name === "checkout_completed" || name === "checkout_started") {
    // only by the checkout's token, which nobody else knows: whoever guessed an order's id could otherwise put their own
    // visitor on a purchase before Shopify speaks of it
    const key = raw.data?.checkout?.token;
    return key ? conversionEventId(shop, name, naturalKey.checkout(key)) : null;
  }
  // a form and the account that comes of it have nothing else in common; without an address it is a registration of its own
  const email = raw.data?.customer?.email;
  if (name === "customer_registered" && email) return conversionEventId(shop, name, naturalKey.email(email));
  return typeof raw.id === "string" && RAW_EVENT_ID.test(raw.id) ? raw.id : null;
}

function digestsOf(data: BrowserData, address: Address, externalIds: (string | null)[], wanted?: Wanted) {
  const { checkout, customer } = data;
  return captureDigests({
    emails: present([checkout?.email, customer?.email]),
    phones: phonesOf([
      { value: checkout?.phone, country: address.country },
      { value: checkout?.billingAddress?.phone, country: checkout?.billingAddress?.country },
      { value: checkout?.shippingAddress?.phone, country: checkout?.shippingAddress?.country },
      { value: checkout?.smsMarketingPhone, country: address.country },
      { value: customer?.phone, country: address.country },
    ]),
    first_name: address.first_name ?? customer?.firstName ?? null,
    last_name: address.last_name ?? customer?.lastName ?? null,
    street: address.street,
    city: address.city,
    region: address.region,
    region_code: address.region_code,
    postal_code: address.postal_code,
    country: address.country,
    external_ids: present(externalIds),
  }, wanted);
}

/**
 * One event of a browser, ours or a whole Shopify web pixel event, as a canonical event. Everything in it is the page's
 * word: the id of a conversion is computed, a customer is taken from `context` only, clear-text personal data becomes
 * digests here and goes no further. Times outside 24 h before and 5 min after `now` are `stale_event`. Never throws.
 */
export function decodeBrowserEvent(raw: unknown, context: BrowserContext): DecodedBrowserEvent {
  const parsed = browserEventSchema.safeParse(raw);
  if (!parsed.success) return refuse("invalid_event", issuesOf(parsed.error));
  const event = parsed.data;
  if (!NAMES.has(event.name)) return refuse("unknown_event");
  if (NOT_FROM_BROWSERS.has(event.name)) return refuse("not_from_browser");
  const name = event.name as EventName;

  const sent = timestampOf(event.timestamp);
  if (sent === null) return refuse("invalid_event", ["timestamp: invalid_time"]);
  if (sent < context.now - MAX_AGE_MS || sent > context.now + MAX_AHEAD_MS) return refuse("stale_event");
  const occurredAt = Math.min(sent, context.now);

  const eventId = eventIdOf(event, name, context.shop);
  if (eventId === null) return refuse("missing_event_id");

  const document = event.context?.document;
  const href = [event.page?.url, document?.location?.href].find((one) => pageUrl(one) !== null) ?? null;
  const url = pageUrl(href);
  const data = event.data ?? {} as BrowserData;
  const commerce = commerceOf(data, url);
  if (commerce === null) return refuse("invalid_event", ["data: mixed_currencies"]);

  const identifiers = browserIdentifiers(context.visitor ?? {}, {
    href,
    pixelClientId: event.clientId,
    customerId: context.customerId,
    occurredAt,
    unproven: context.unproven ?? false,
  });
  const address = chosenAddress([data.checkout?.billingAddress, data.checkout?.shippingAddress]);
  const { digests, dropped } = digestsOf(
    data,
    address,
    [identifiers.customer_id, identifiers.visitor_id],
    context.wanted,
  );
  const tags = Object.entries(event.tags).map(([platform, at]) =>
    // no tag had an event before it happened: a time of long ago would end what is still to be sent
    [platform, new Date(Math.min(Math.max(at, occurredAt), context.now)).toISOString()] as const
  );

  return {
    ok: true,
    event: {
      name,
      event_id: eventId,
      occurred_at: new Date(occurredAt).toISOString(),
      source: "browser",
      channel: "web",
      test: false,
      page: {
        url: storedUrl(url),
        referrer: referrerUrl(event.page?.referrer) ?? referrerUrl(document?.referrer),
        title: event.page?.title ?? document?.title ?? null,
      },
      commerce,
      digests,
      client: {
        ip: context.ip,
        user_agent: event.context?.navigator?.userAgent ?? textOrNull(context.userAgent, MAX.user_agent),
        language: languageTag(event.context?.navigator?.language) ?? languageTag(context.language) ??
          languageTag(data.checkout?.localization?.language?.isoCode),
        city: address.city,
        region: address.region,
        region_code: address.region_code,
        postal_code: address.postal_code,
        country: address.country,
        policy_country: context.policyCountry ?? null,
      },
      identifiers,
      consent: context.consent ?? { ...UNKNOWN_CONSENT },
      ...(tags.length > 0 ? { tags: Object.fromEntries(tags) } : {}),
    },
    dropped,
  };
}
