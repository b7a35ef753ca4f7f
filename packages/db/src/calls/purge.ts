import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** How many of each were past their keeping. */
export interface Purged {
  partitions: number;
  keys: number;
  senders: number;
  session_events: number;
  carts: number;
  cart_adds: number;
  quarantine: number;
  refusals: number;
  reconciled_orders: number;
  order_readings: number;
  /** A batch of one of them was full: there may be more. */
  more: boolean;
}

/** SQL `trakit.purge`: drops partitions past their keeping, and a batch each of keys, carts, quarantine and counters. */
export async function purge(db: Database, limit: number, now?: Date): Promise<Purged> {
  return await call(db, "trakit.purge", { p_limit: limit, p_now: now }) as Purged;
}
