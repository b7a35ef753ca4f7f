import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** How far the app is set up in a shop, without its tokens. */
export interface Installation {
  shop_id: string;
  domain: string;
  status: "active" | "uninstalled";
  country: string | null;
  /** Host names of the storefront beside the domain. */
  hosts: string[];
  installed_at: string;
  has_token: boolean;
  /** As Postgres writes it; null = no token. */
  access_expires_at: string | null;
  trouble: "reopen_app" | null;
  scopes: string[];
  pixel_id: string | null;
  pixel_settings: Record<string, string> | null;
  pixel_trouble: string | null;
}

/** SQL `trakit.find_installation`: null = no such shop. */
export async function findInstallation(db: Database, shop: string): Promise<Installation | null> {
  return await call(db, "trakit.find_installation", { p_shop: shop }) as Installation | null;
}
