import { call, DATABASE_NOW } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.set_scopes`: the merchant granted or took back scopes, at `at` by Shopify's clock. */
export async function setScopes(
  db: Database,
  shop: string,
  scopes: string[],
  at: string | null,
  now?: Date,
): Promise<"changed" | "unchanged" | "unknown_shop"> {
  return await call(db, "trakit.set_scopes", {
    p_shop: shop,
    p_scopes: scopes,
    p_at: at ?? now ?? DATABASE_NOW,
    p_now: now,
  }) as "changed" | "unchanged" | "unknown_shop";
}
