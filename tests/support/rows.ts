/** What the SQL functions answer and the tables hold, as the driver gives it to tests. */

export interface Lease {
  captured_at: string;
  event_row: number;
  destination_id: string;
  lease: string;
  limited: boolean;
}

export interface ClaimedItem extends Lease {
  attempts: number;
  doubts: number;
  version: string;
  /** By read_events. */
  event: Record<string, unknown> & { event_id: string };
}

export interface Ingested {
  shop: string;
  shop_id?: string;
  results: {
    event_id: string;
    status: string;
    reason?: string;
    identifiers?: Record<string, string>;
    digests?: Record<string, string[]>;
    commerce?: Record<string, unknown>;
    event?: Record<string, Record<string, unknown>>;
  }[];
  sends: (Lease & { index: number })[];
  destinations: Record<string, { platform: string; sealed: string; version: number }>;
  visitor?: Record<string, string>;
}

export interface Claimed {
  lane: string;
  items: ClaimedItem[];
  flush_before?: string | null;
  destination?: { sealed: string; version: number } | null;
}

export interface DeliveryRow {
  captured_at: string;
  event_row: string;
  destination_id: string;
  platform: string;
  state: string;
  reason: string | null;
  limited: boolean;
  test: boolean;
  waits_for: string | null;
  attempts: number;
  doubts: number;
  next_attempt_at: Date | null;
  retry_until: Date;
  lease: string | null;
  settled_at: Date | null;
  lane_failure: boolean;
}

export interface LaneRow {
  state: string;
  reason: string | null;
  probe_at: Date | null;
  probe_seconds: number | null;
  flush_before: Date | null;
  changed_at: Date;
}
