import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.privacy_log`: requests for export and redaction, newest first, without whom they concern. */
export async function privacyLog(db: Database, shop: string): Promise<Record<string, unknown>[]> {
  return await call(db, "trakit.privacy_log", { p_shop: shop }) as Record<string, unknown>[];
}
