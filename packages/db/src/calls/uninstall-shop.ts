import { call, DATABASE_NOW } from "../call.ts";
import type { Database } from "../connection.ts";

export type Uninstalled = "uninstalled" | "reinstalled" | "unknown_shop";

/** SQL `trakit.uninstall_shop`: the app was removed at `at` (Shopify's clock): every token is destroyed at once. */
export async function uninstallShop(
  db: Database,
  shop: string,
  at: string | null,
  now?: Date,
): Promise<Uninstalled> {
  return await call(db, "trakit.uninstall_shop", {
    p_shop: shop,
    p_at: at ?? now ?? DATABASE_NOW,
    p_now: now,
  }) as Uninstalled;
}
