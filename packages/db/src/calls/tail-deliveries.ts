import { call } from "../call.ts";
import type { Database } from "../connection.ts";

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
  return await call(db, "trakit.tail_deliveries", { p_domain: domain, p_since: since, p_limit: limit }) as
    | TailEvent[]
    | null;
}
