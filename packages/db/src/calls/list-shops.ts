import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

export interface ListedShop {
  id: string;
  domain: string;
  status: string;
  created_at: Date;
}

/** SQL `trakit.list_shops`: all shops by domain. */
export async function listShops(db: Database): Promise<ListedShop[]> {
  const shops = await callRows(db, "trakit.list_shops", {});
  return shops.map((shop) => ({ ...shop, created_at: new Date(shop.created_at) }));
}
