import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.due_reconciliations`: domains of shops whose orders can be read, longest not compared first. */
export async function dueReconciliations(db: Database, limit: number, now?: Date): Promise<string[]> {
  const shops = await callRows(db, "trakit.due_reconciliations", { p_limit: limit, p_now: now });
  return shops.map((shop) => shop.domain);
}
