import type { Commerce, Digests, Identifiers } from "@trakit/core/event.ts";
import type { StoredEvent } from "@trakit/core/stored.ts";
import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

/** One captured event with the keys that make it one event (table `event_keys`). */
export interface CapturedEvent {
  event: StoredEvent;
  keys: string[];
  /** Shopify topic of a webhook copy; null for a browser's. */
  topic: string | null;
  /** Browser copy: whether it carried a valid token; null for a webhook's. */
  signed: boolean | null;
  /** Signed browser copy: the session that signed it, and SHA-256 of its body, hex. */
  session?: string;
  digest?: string;
  /** An order read from Shopify once more (table `order_readings`): not a duplicate, the once. */
  again?: true;
}

export interface IngestResult {
  event_id: string;
  status: "accepted" | "merged" | "duplicate" | "ignored" | "refused";
  reason?: string;
  /** A browser's: its session said it before, with the same body. */
  own?: true;
  /** Accepted and enriched: own and known ones. Absent where nothing was added. */
  identifiers?: Partial<Identifiers>;
  /** As identifiers. */
  digests?: Digests;
  /** As identifiers: with what we know of the customer. */
  commerce?: Partial<Commerce>;
  /** Merged: both copies as one. */
  event?: StoredEvent;
}

/** A delivery leased to the caller. `index` is the place of its event in the call. */
export interface LeasedSend {
  index: number;
  /** Opaque: Postgres keeps microseconds, JavaScript does not. Give it back as it came. */
  captured_at: string;
  event_row: number;
  destination_id: string;
  lease: string;
  limited: boolean;
}

export interface SendableDestination {
  platform: string;
  settings: Record<string, unknown>;
  test_code: string | null;
  sealed: string;
  version: number;
  /** Settings that are secrets, sealed, by name; absent = none. */
  secrets?: Record<string, string>;
}

export interface Ingested {
  shop: "active" | "unknown" | "uninstalled";
  shop_id?: string;
  results: IngestResult[];
  sends: LeasedSend[];
  /** Where the sends go, by id; absent where there are none. */
  destinations?: Record<string, SendableDestination>;
  /** Identifiers the browser may get back (found by its ids only). */
  visitor?: Partial<Identifiers>;
}

/** SQL `trakit.ingest_events`: stores what was captured in one shop; one network round trip. */
export async function ingestEvents(
  db: Database,
  asked: {
    shop: string;
    events: CapturedEvent[];
    slots: number;
    place: "proxy" | "webhooks";
    refused: Record<string, number>;
    /** Tests move the clock; absent = the database's own. */
    now?: Date | undefined;
  },
): Promise<Ingested> {
  return await call(db, "trakit.ingest_events", {
    p_shop: asked.shop,
    p_events: json(asked.events),
    p_slots: asked.slots,
    p_place: asked.place,
    p_refused: json(asked.refused),
    p_now: asked.now,
  }) as Ingested;
}
