import type { Consent, Identifiers } from "@trakit/core/event.ts";
import type { Database } from "../connection.ts";
import type { CapturedEvent, Ingested } from "./ingest-events.ts";

/** Who hands something in, as far as it is judged by that. */
export interface Sender {
  /** Address prefix; "" = not known. */
  prefix: string;
  /** Host of the Origin header where it counts; null = none, or the caller is proven otherwise. */
  origin: string | null;
  /** Events the request held, refused ones included. */
  events: number;
  consent: Partial<Consent> | null;
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

/** A tag that had an event after it was sent. */
export interface FiredTag {
  name: string;
  event_id: string;
  platforms: string[];
  /** ISO 8601. */
  at: string;
}

/** SQL `trakit.ingest_browser_events`: stores what one browser sent; one network round trip. */
export async function ingestBrowserEvents(
  db: Database,
  call: {
    shop: string;
    events: CapturedEvent[];
    slots: number;
    refused: Record<string, number>;
    sender: Sender;
    fired: FiredTag[];
    /** Tests move the clock; absent = the database's own. */
    now?: Date | undefined;
  },
): Promise<BrowserIngested> {
  const [row] = await db.rows<{ ingested: BrowserIngested }>(
    `select trakit.ingest_browser_events($1, $2::jsonb, $3, $4::jsonb, $5::jsonb, $6::jsonb,
       coalesce($7::timestamptz, now())) as ingested`,
    [
      call.shop,
      JSON.stringify(call.events),
      call.slots,
      JSON.stringify(call.refused),
      JSON.stringify(call.sender),
      JSON.stringify(call.fired),
      call.now ?? null,
    ],
  );
  return row!.ingested;
}

/** What a browser's visit begins with. */
export interface OpenedSession {
  shop: "active" | "unknown" | "uninstalled";
  refused?: "foreign_origin" | "rate_limited";
  wait_seconds?: number;
  /** Identifiers its strong keys lead to. */
  visitor?: Partial<Identifiers>;
  purposes?: Purposes;
  hosts?: string[];
  cookie_lifetime_days?: number;
  config?: {
    cookie_lifetime_days: number;
    first_party: string | null;
    unsigned: boolean;
    tags: Record<string, { mode: string; id: string | null }>;
  };
}

/** SQL `trakit.open_session`: begins a browser's visit; one network round trip. */
export async function openSession(
  db: Database,
  call: {
    shop: string;
    /** Keys the browser has, or Shopify signed for. */
    keys: { visitor?: string; client?: string; customer?: string };
    /** Host of the storefront as Shopify signed for it; it counts as the shop's from now on. */
    host: string | null;
    refused: Record<string, number>;
    sender: Sender;
    now?: Date | undefined;
  },
): Promise<OpenedSession> {
  const { keys, host, refused } = call;
  const [row] = await db.rows<{ opened: OpenedSession }>(
    "select trakit.open_session($1, $2::jsonb, $3::jsonb, coalesce($4::timestamptz, now())) as opened",
    [call.shop, JSON.stringify({ keys, host, refused }), JSON.stringify(call.sender), call.now ?? null],
  );
  return row!.opened;
}
