import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Shop } from "./find-shop.ts";

export type ShopSettings = Partial<
  Pick<
    Shop,
    | "order_topic"
    | "test_orders"
    | "excluded_channels"
    | "unknown_consent"
    | "grace_seconds"
    | "unsigned_events"
    | "hosts"
    | "first_party"
    | "cookie_lifetime_days"
    | "browser_tags"
    | "events_per_minute"
  >
>;

/** SQL `trakit.add_shop`: adds a shop or changes what is named of its settings. */
export async function addShop(
  db: Database,
  domain: string,
  country: string | null,
  settings: ShopSettings,
): Promise<Shop & { new: boolean }> {
  return await call(db, "trakit.add_shop", {
    p_domain: domain,
    p_country: country,
    p_settings: json(settings),
  }) as Shop & { new: boolean };
}
