import type { Database } from "@trakit/db/connection.ts";

export interface Shop {
  id: string;
  domain: string;
  status: "active" | "uninstalled";
  country: string | null;
  order_topic: "orders/create" | "orders/paid";
  test_orders: "skip" | "test_mode" | "send";
  excluded_channels: string[];
  unknown_consent: "send" | "limited" | "skip" | null;
  /** Seconds a browser copy waits for Shopify's. */
  grace_seconds: number;
  unsigned_events: boolean;
  /** Host names of the storefront beside the domain. */
  hosts: string[];
  /** Address under the shop's own domain that reaches the proxy function. */
  first_party: string | null;
  cookie_lifetime_days: number;
  /** By platform: share, fire or off. */
  browser_tags: Record<string, string>;
  events_per_minute: number;
  created_at: string;
}

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
  const [row] = await db.rows<{ shop: Shop & { new: boolean } }>(
    "select trakit.add_shop($1, $2, $3::jsonb) as shop",
    [
      domain,
      country,
      JSON.stringify(settings),
    ],
  );
  return row!.shop;
}

/** SQL `trakit.find_shop`: one shop by domain; null = there is none. */
export async function findShop(db: Database, domain: string): Promise<Shop | null> {
  const [row] = await db.rows<{ shop: Shop | null }>("select trakit.find_shop($1) as shop", [domain]);
  return row!.shop;
}

/** SQL `trakit.list_shops`: all shops by domain. */
export function listShops(
  db: Database,
): Promise<{ id: string; domain: string; status: string; created_at: Date }[]> {
  return db.rows("select id, domain, status, created_at from trakit.list_shops()");
}
