import type { Database } from "../connection.ts";

/** SQL `trakit.privacy_export`: what a customer's request for their data gives; null = no such request, or it is over. */
export async function privacyExport(
  db: Database,
  shop: string,
  id: string,
): Promise<Record<string, unknown> | null> {
  const [row] = await db.rows<{ found: Record<string, unknown> | null }>(
    "select trakit.privacy_export($1, $2) as found",
    [shop, id],
  );
  return row!.found;
}
