import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.due_lookups`: domains of shops whose new customers may be asked about now. */
export async function dueLookups(db: Database, limit: number, now?: Date): Promise<string[]> {
  const shops = await callRows(db, "trakit.due_lookups", { p_limit: limit, p_now: now });
  return shops.map((shop) => shop.domain);
}
