import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { ShopState } from "./read-shop.ts";

/**
 * SQL `trakit.change_shop`: changes the settings named, of those that are the merchant's, and tells of the shop as it stands
 * then. Null = no such active shop.
 */
export async function changeShop(
  db: Database,
  shop: string,
  settings: object,
  now?: Date,
): Promise<ShopState | null> {
  return await call(db, "trakit.change_shop", { p_shop: shop, p_settings: json(settings), p_now: now }) as
    | ShopState
    | null;
}
