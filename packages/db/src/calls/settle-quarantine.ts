import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.settle_quarantine`: `read` = it is an event now and leaves, else its tries are counted. False = no such row. */
export async function settleQuarantine(
  db: Database,
  shop: string,
  id: number,
  read: boolean,
): Promise<boolean> {
  return await call(db, "trakit.settle_quarantine", { p_shop: shop, p_id: id, p_read: read });
}
