import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

/**
 * SQL `trakit.privacy_export`: what a customer's request for their data gives, or, with `after` (an earlier answer's `next`),
 * the events that follow; null = no such request, or it is over.
 */
export async function privacyExport(
  db: Database,
  shop: string,
  id: string,
  after: string | null,
): Promise<Record<string, unknown> | null> {
  return await call(db, "trakit.privacy_export", { p_shop: shop, p_request_id: id, p_after: after }, LONG) as
    | Record<string, unknown>
    | null;
}
