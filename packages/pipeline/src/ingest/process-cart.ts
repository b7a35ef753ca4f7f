import { fromStored, toStored } from "@trakit/core/stored.ts";
import { type CartIngested, ingestCart } from "@trakit/db/calls/ingest-cart.ts";
import type { Cart } from "@trakit/shopify/cart.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { leaseClock } from "../ports.ts";
import { dispatch } from "../dispatch/dispatch.ts";
import { groupByDestination } from "./ingest.ts";

/** Sending slots for one cart: an update rarely adds more than one thing, and what finds no slot is sent from the queue. */
const SLOTS = 12;

/**
 * Stores what a cart webhook says was added and leases what can be sent now. `deliver` sends it: call it once, after the
 * answer; it never throws. Throws DatabaseUnavailable when nothing could be stored.
 *
 * @param changedAt X-Shopify-Triggered-At; null = the cart's own word
 */
export async function processCart(
  deps: PipelineDependencies,
  shop: string,
  topic: string,
  cart: Cart,
  changedAt: string | null,
): Promise<{ stored: CartIngested; deliver: () => Promise<unknown> }> {
  const slots = deps.slots.acquire(SLOTS);
  const leasedAt = leaseClock(deps);
  let stored: CartIngested;
  try {
    stored = await ingestCart(
      deps.db,
      shop,
      {
        token: cart.token,
        created_at: cart.created_at,
        changed_at: changedAt ?? cart.updated_at,
        topic,
        lines: cart.lines.map((line) => ({ ...line, event: toStored(line.event) })),
      },
      slots,
      deps.databaseNow?.(),
    );
  } catch (error) {
    deps.slots.release(slots);
    throw error;
  }
  deps.slots.release(slots - stored.sends.length);
  return {
    stored,
    deliver: async () => {
      try {
        return await dispatch(deps, groupByDestination(stored.events.map(fromStored), stored, leasedAt));
      } finally {
        deps.slots.release(stored.sends.length);
      }
    },
  };
}
