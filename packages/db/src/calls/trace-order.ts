import type { Database } from "../connection.ts";

/** SQL `trakit.trace_order`: events of one order, by id or name, with their deliveries. */
export async function traceOrder(
  db: Database,
  shop: string,
  order: string,
): Promise<Record<string, unknown>[]> {
  const [row] = await db.rows<{ events: Record<string, unknown>[] }>(
    "select trakit.trace_order($1, $2) as events",
    [shop, order],
  );
  return row!.events;
}
