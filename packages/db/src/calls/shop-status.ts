import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Shop } from "./find-shop.ts";
import type { DestinationRow } from "./list-destinations.ts";

export interface ShopStatus {
  shop: Shop;
  destinations: DestinationRow[];
  last_24_hours: { platform: string; state: string; reason: string | null; count: number }[];
  refusals: { day: string; place: string; reason: string; count: number }[];
  quarantined: number;
  /** Orders at Shopify without an event, because we do not understand them: the newest 50. */
  unreadable_orders: { order_id: string; day: string; reason: string }[];
}

/** SQL `trakit.shop_status`: one shop at a glance; null = no such shop. */
export async function shopStatus(db: Database, domain: string, now?: Date): Promise<ShopStatus | null> {
  return await call(db, "trakit.shop_status", { p_domain: domain, p_now: now }, LONG) as ShopStatus | null;
}
