import type { Database } from "../connection.ts";

/** SQL `trakit.shop_status` and `trakit.match_quality`: a day of deliveries, refusals, quarantine, and a week's match quality. */
export async function shopHealth(
  db: Database,
  shop: string,
  now?: Date,
): Promise<{ status: Record<string, unknown> | null; quality: unknown[] }> {
  const [row] = await db.rows<{ status: Record<string, unknown> | null; quality: unknown[] | null }>(
    "select trakit.shop_status($1, coalesce($2::timestamptz, now())) as status, " +
      "trakit.match_quality($1, 7, coalesce($2::timestamptz, now())) as quality",
    [shop, now ?? null],
  );
  return { status: row!.status, quality: row!.quality ?? [] };
}
