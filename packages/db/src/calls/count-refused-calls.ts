import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.count_refused_calls`: adds to the day's counters of a shop; null = nobody's. `place`: the function that refused. */
export async function countRefusedCalls(
  db: Database,
  shop: string | null,
  place: string,
  counts: Record<string, number>,
  now?: Date,
): Promise<void> {
  await call(db, "trakit.count_refused_calls", {
    p_shop: shop,
    p_place: place,
    p_counts: json(counts),
    p_now: now,
  });
}
