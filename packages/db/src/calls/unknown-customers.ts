import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.unknown_customers`: Shopify's ids (digits) of whom nobody has told us anything. */
export async function unknownCustomers(
  db: Database,
  shop: string,
  limit: number,
  now?: Date,
): Promise<string[]> {
  return await call(db, "trakit.unknown_customers", { p_shop: shop, p_limit: limit, p_now: now }) as string[];
}
