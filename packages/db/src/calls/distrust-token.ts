import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.distrust_token`: Shopify does not take the access token sealed so; false = it was replaced meanwhile. */
export async function distrustToken(
  db: Database,
  shop: string,
  sealed: string,
  now?: Date,
): Promise<boolean> {
  return await call(db, "trakit.distrust_token", { p_shop: shop, p_sealed_access: sealed, p_now: now });
}
