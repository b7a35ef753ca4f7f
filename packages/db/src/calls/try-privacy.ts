import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.try_privacy`: notes that a redaction is gone on with. */
export async function tryPrivacy(
  db: Database,
  request: { shop_id: string; id: string },
  now?: Date,
): Promise<void> {
  await call(db, "trakit.try_privacy", { p_shop_id: request.shop_id, p_request_id: request.id, p_now: now });
}
