import type { Database } from "../connection.ts";

export type Uninstalled = "uninstalled" | "reinstalled" | "unknown_shop";

/** SQL `trakit.uninstall_shop`: the app was removed at `at` (Shopify's clock): every token is destroyed at once. */
export async function uninstallShop(
  db: Database,
  shop: string,
  at: string | null,
  now?: Date,
): Promise<Uninstalled> {
  const [row] = await db.rows<{ result: Uninstalled }>(
    "select trakit.uninstall_shop($1, coalesce($2::timestamptz, $3, now()), coalesce($3::timestamptz, now())) as result",
    [shop, at, now ?? null],
  );
  return row!.result;
}
