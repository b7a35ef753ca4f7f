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
  const [row] = await db.rows<{ installed: Installation & { new: boolean } }>(
    "select trakit.install_shop($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, now())) as installed",
    [shop, pair.access, pair.accessExpiresAt, pair.refresh, pair.refreshExpiresAt, scopes, now ?? null],
  );
  return row!.installed;
}
