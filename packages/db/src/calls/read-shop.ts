import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Installation } from "./find-installation.ts";
import type { Shop } from "./find-shop.ts";

/** A shop as the merchant's API tells of it; null = no such shop. */
export interface ShopState {
  settings: Shop | null;
  installation: Installation | null;
}

/** SQL `trakit.read_shop`: settings and set-up of a shop. */
export async function readShop(db: Database, shop: string): Promise<ShopState> {
  return await call(db, "trakit.read_shop", { p_shop: shop }) as ShopState;
}
