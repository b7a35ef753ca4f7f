import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { LeasedSend, SendableDestination } from "./ingest-events.ts";

export interface ClaimedDelivery extends Omit<LeasedSend, "index"> {
  /** Sends begun, this one included. */
  attempts: number;
  /** Earlier sends of which nobody knows whether the vendor has them. */
  doubts: number;
  /** Of its event: what was read under the same version is still true. */
  version: string;
}

export interface Claimed {
  lane: "closed" | "open" | "held" | "unknown";
  shop_id?: string;
  /** Set while a lane that recovered still has a backlog from before. */
  flush_before?: string | null;
  items: ClaimedDelivery[];
  destination?: SendableDestination | null;
}

/** SQL `trakit.claim_deliveries`: leases up to `limit` due deliveries of one lane. Their events: read-events.ts. */
export async function claimDeliveries(
  db: Database,
  destinationId: string,
  limit: number,
  leaseSeconds: number,
  now?: Date,
): Promise<Claimed> {
  return await call(db, "trakit.claim_deliveries", {
    p_destination_id: destinationId,
    p_limit: limit,
    p_lease_seconds: leaseSeconds,
    p_now: now,
  }) as Claimed;
}
