import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.trace_order`: events of one order, by id or name, with their deliveries. */
export async function traceOrder(
  db: Database,
  shop: string,
  order: string,
): Promise<Record<string, unknown>[]> {
  return await call(db, "trakit.trace_order", { p_shop: shop, p_order: order }, LONG) as Record<
    string,
    unknown
  >[];
}
