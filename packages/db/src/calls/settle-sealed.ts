import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.settle_sealed`: deletes quarantined webhooks (by id) that name a redaction's person, of those up to `seen`. */
export async function settleSealed(
  db: Database,
  request: { shop_id: string; id: string },
  theirs: number[],
  seen: number,
): Promise<void> {
  await call(db, "trakit.settle_sealed", {
    p_shop_id: request.shop_id,
    p_request_id: request.id,
    p_theirs: theirs,
    p_seen: seen,
  });
}
