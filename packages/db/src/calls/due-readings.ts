import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.due_readings`: domains of shops with orders to be read again now. */
export async function dueReadings(db: Database, limit: number, now?: Date): Promise<string[]> {
  const shops = await callRows(db, "trakit.due_readings", { p_limit: limit, p_now: now });
  return shops.map((shop) => shop.domain);
}
