import type { Database } from "../connection.ts";

/** SQL `trakit.set_scopes`: the merchant granted or took back scopes, at `at` by Shopify's clock. */
export async function setScopes(
  db: Database,
  shop: string,
  scopes: string[],
  at: string | null,
  now?: Date,
): Promise<"changed" | "unchanged" | "unknown_shop"> {
  const [row] = await db.rows<{ result: "changed" | "unchanged" | "unknown_shop" }>(
    "select trakit.set_scopes($1, $2, coalesce($3::timestamptz, $4, now()), coalesce($4::timestamptz, now())) as result",
    [shop, scopes, at, now ?? null],
  );
  return row!.result;
}
