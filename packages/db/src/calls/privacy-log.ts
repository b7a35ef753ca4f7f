import type { Database } from "../connection.ts";

/** SQL `trakit.privacy_log`: requests for export and redaction, newest first, without whom they concern. */
export async function privacyLog(db: Database, shop: string): Promise<Record<string, unknown>[]> {
  const [row] = await db.rows<{ log: Record<string, unknown>[] }>("select trakit.privacy_log($1) as log", [
    shop,
  ]);
  return row!.log;
}
