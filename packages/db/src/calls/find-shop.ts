import { call } from "../call.ts";
import type { Database } from "../connection.ts";

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

/** SQL `trakit.find_shop`: one shop by domain, whatever its status; null = there is none. */
export async function findShop(db: Database, domain: string): Promise<Shop | null> {
  return await call(db, "trakit.find_shop", { p_domain: domain }) as Shop | null;
}
