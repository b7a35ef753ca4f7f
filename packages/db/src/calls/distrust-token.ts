import type { Database } from "../connection.ts";

/** SQL `trakit.distrust_token`: Shopify does not take the access token sealed so; false = it was replaced meanwhile. */
export async function distrustToken(
  db: Database,
  shop: string,
  sealed: string,
  now?: Date,
): Promise<boolean> {
  const [row] = await db.rows<{ done: boolean }>(
    "select trakit.distrust_token($1, $2, coalesce($3::timestamptz, now())) as done",
    [shop, sealed, now ?? null],
  );
  return row!.done;
}
