import type { Database } from "../connection.ts";

/** SQL `trakit.change_shop`: changes the settings named, of those that are the merchant's. Null = no such active shop. */
export async function changeShop(
  db: Database,
  shop: string,
  settings: object,
  now?: Date,
): Promise<Record<string, unknown> | null> {
  const [row] = await db.rows<{ shop: Record<string, unknown> | null }>(
    "select trakit.change_shop($1, $2::jsonb, coalesce($3::timestamptz, now())) as shop",
    [shop, JSON.stringify(settings), now ?? null],
  );
  return row!.shop;
}
