import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.due_refreshes`: domains of shops whose refresh token is older than 30 days, longest untouched first. */
export async function dueRefreshes(db: Database, limit: number, now?: Date): Promise<string[]> {
  const shops = await callRows(db, "trakit.due_refreshes", { p_limit: limit, p_now: now });
  return shops.map((shop) => shop.domain);
}
