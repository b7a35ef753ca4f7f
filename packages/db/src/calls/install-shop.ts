import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Installation } from "./find-installation.ts";

/** A pair of Shopify's tokens, sealed. */
export interface SealedPair {
  access: string;
  /** ISO 8601, or `infinity`. */
  accessExpiresAt: string;
  refresh: string | null;
  refreshExpiresAt: string | null;
}

/** SQL `trakit.install_shop`: Shopify gave us tokens; the shop is added or comes back. */
export async function installShop(
  db: Database,
  shop: string,
  pair: SealedPair,
  scopes: string[],
  now?: Date,
): Promise<Installation & { new: boolean }> {
  return await call(db, "trakit.install_shop", {
    p_shop: shop,
    p_sealed_access: pair.access,
    p_access_expires_at: pair.accessExpiresAt,
    p_sealed_refresh: pair.refresh,
    p_refresh_expires_at: pair.refreshExpiresAt,
    p_scopes: scopes,
    p_now: now,
  }) as Installation & { new: boolean };
}
