import type { Consent } from "@trakit/core/event.ts";
import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { CapturedEvent, Ingested } from "./ingest-events.ts";

/** Who hands something in, as far as it is judged by that. */
export interface Sender {
  /** Address prefix; "" = none that can be believed: all of those are one sender. */
  prefix: string;
  /** Shopify, or the shop's own reverse proxy, signed for this call; the others are turned away first when there is too much. */
  signed: boolean;
  /** Host of the Origin header where it counts; null = none, or the caller is proven otherwise. */
  origin: string | null;
  /** What the request costs to store: its events, refused ones included, and each tag it reports. */
  events: number;
  consent: Partial<Consent> | null;
  /** Where it says it is (ISO alpha-2): the policy for what it has not decided. Null = not known. */
  country: string | null;
}

export interface Purposes {
  analytics: boolean;
  marketing: boolean;
}

export interface BrowserIngested extends Ingested {
  /** Nothing was taken from this sender. */
  refused?: "foreign_origin" | "rate_limited";
  wait_seconds?: number;
  /** What the browser's consent, or the shop's policy, allows. */
  purposes?: Purposes;
  /** The storefront's host names beside the domain. */
  hosts?: string[];
  cookie_lifetime_days?: number;
}

/** A tag that had an event after it was sent, as the session reports it whose event it is. */
export interface FiredTag {
  name: string;
  event_id: string;
  session: string;
  platforms: string[];
  /** ISO 8601. */
  at: string;
}

/** What one browser sent in one request. */
export interface BrowserIntake {
  shop: string;
  events: CapturedEvent[];
  slots: number;
  refused: Record<string, number>;
  sender: Sender;
  fired: FiredTag[];
  /** Tests move the clock; absent = the database's own. */
  now?: Date | undefined;
}

/** SQL `trakit.ingest_browser_events`: stores what one browser sent; one network round trip. */
export async function ingestBrowserEvents(db: Database, asked: BrowserIntake): Promise<BrowserIngested> {
  return await call(db, "trakit.ingest_browser_events", {
    p_shop: asked.shop,
    p_events: json(asked.events),
    p_slots: asked.slots,
    p_refused: json(asked.refused),
    p_sender: json(asked.sender),
    p_fired: json(asked.fired),
    p_now: asked.now,
  }) as BrowserIngested;
}
