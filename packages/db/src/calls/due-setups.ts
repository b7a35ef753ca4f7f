import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.due_setups`: domains of shops with a token whose set-up is not complete. */
export async function dueSetups(db: Database, limit: number, now?: Date): Promise<string[]> {
  const shops = await callRows(db, "trakit.due_setups", { p_limit: limit, p_now: now });
  return shops.map((shop) => shop.domain);
}
