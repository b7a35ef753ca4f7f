import type { Database } from "@trakit/db/connection.ts";
import type { DestinationRow } from "@trakit/db/calls/list-destinations.ts";
import type { Shop } from "./shops.ts";

export interface TailDelivery {
  platform: string;
  state: "pending" | "delivered" | "failed" | "skipped";
  reason: string | null;
  detail: string | null;
  http_status: number | null;
  attempts: number;
  next_attempt_at: string | null;
  settled_at: string | null;
  /** The vendor's part, in ms. */
  request_ms: number | null;
  /** From capture to delivered, in ms. */
  latency_ms: number | null;
}

export interface TailEvent {
  captured_at: string;
  event_row: number;
  name: string;
  event_id: string;
  channel: string;
  browser: boolean;
  webhook: boolean;
  test: boolean;
  order_name: string | null;
  /** Major units. */
  total: string | null;
  currency: string | null;
  deliveries: TailDelivery[];
}

/** SQL `trakit.tail_deliveries`: events since a moment, or whose deliveries moved since, oldest first; null = no such shop. */
export async function tailDeliveries(
  db: Database,
  domain: string,
  since: Date,
  limit: number,
): Promise<TailEvent[] | null> {
  const [row] = await db.rows<{ events: TailEvent[] | null }>(
    "select trakit.tail_deliveries($1, $2, $3) as events",
    [
      domain,
      since,
      limit,
    ],
  );
  return row!.events;
}

export interface ShopStatus {
  shop: Shop;
  destinations: DestinationRow[];
  last_24_hours: { platform: string; state: string; reason: string | null; count: number }[];
  refusals: { day: string; place: string; reason: string; count: number }[];
  quarantined: number;
}

/** SQL `trakit.shop_status`: one shop at a glance; null = no such shop. */
export async function shopStatus(db: Database, domain: string): Promise<ShopStatus | null> {
  const [row] = await db.rows<{ status: ShopStatus | null }>("select trakit.shop_status($1) as status", [
    domain,
  ]);
  return row!.status;
}

export interface EventQuality {
  platform: string;
  name: string;
  events: number;
  /** Average estimate, 0 to 10. */
  score: number;
  /** Share of the events that carried each identifier. */
  coverage: Record<string, number>;
}

/** SQL `trakit.match_quality`: match quality by platform and event over the last days; null = no such shop. */
export async function matchQuality(
  db: Database,
  domain: string,
  days: number,
): Promise<EventQuality[] | null> {
  const [row] = await db.rows<{ quality: EventQuality[] | null }>(
    "select trakit.match_quality($1, $2) as quality",
    [domain, days],
  );
  return row!.quality;
}

export interface Quarantined {
  id: number;
  topic: string;
  webhook_id: string;
  reason: string;
  /** What the schema found: paths and codes, never values. */
  issues: string[];
  sealed_body: string;
  received_at: string;
  expires_at: string;
  tries: number;
}

/** SQL `trakit.list_quarantine`: webhooks that could not be read, oldest first; null = no such shop. */
export async function listQuarantine(
  db: Database,
  domain: string,
  limit: number,
): Promise<Quarantined[] | null> {
  const [row] = await db.rows<{ quarantine: Quarantined[] | null }>(
    "select trakit.list_quarantine($1, $2) as quarantine",
    [
      domain,
      limit,
    ],
  );
  return row!.quarantine;
}
