import type { OutcomeKind } from "@trakit/core/outcome.ts";
import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

/** What became of one leased delivery. `released` = handed back unsent. */
export interface Settlement {
  captured_at: string;
  event_row: number;
  destination_id: string;
  lease: string;
  kind: OutcomeKind | "released";
  reason: string;
  detail: string | null;
  status: number | null;
  /** Before the next attempt, for `retry` and `in_doubt`. */
  delay_ms: number | null;
  lane: boolean;
  request_ms: number | null;
  /** Estimate of match quality, 0 to 10, and the identifiers it rests on; null where no request was built. */
  match_score: number | null;
  match_keys: string[] | null;
}

/** SQL `trakit.settle_deliveries`: one network round trip; a late word changes nothing unless it is `delivered`. */
export async function settleDeliveries(
  db: Database,
  shopId: string,
  settlements: Settlement[],
  now?: Date,
): Promise<{ settled: number; late: number }> {
  return await call(db, "trakit.settle_deliveries", {
    p_shop_id: shopId,
    p_outcomes: json(settlements),
    p_now: now,
  }) as { settled: number; late: number };
}
