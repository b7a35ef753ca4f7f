import type { Database } from "../connection.ts";

/** SQL `trakit.find_shop`: a shop's row; null = no such shop. */
export async function findShopRow(db: Database, shop: string): Promise<Record<string, unknown> | null> {
  const [row] = await db.rows<{ shop: Record<string, unknown> | null }>(
    "select trakit.find_shop($1) as shop",
    [
      shop,
    ],
  );
  return row!.shop;
}
