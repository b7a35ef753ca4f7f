import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.expire_deliveries`: ends deliveries past their time; returns how many. */
export async function expireDeliveries(db: Database, limit: number, now?: Date): Promise<number> {
  return await call(db, "trakit.expire_deliveries", { p_limit: limit, p_now: now }, LONG);
}
