import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

/** What a piece of a redaction left: `sealed` = the quarantine is to be looked into, `waiting` = the rest is due later. */
export type PrivacyState = "pending" | "sealed" | "done" | "waiting" | "gone";

/** SQL `trakit.privacy_step`: the next piece of a redaction, or of what a withdrawn consent takes away. */
export async function privacyStep(
  db: Database,
  request: { shop_id: string; id: string },
  now?: Date,
): Promise<PrivacyState> {
  const step = await call(db, "trakit.privacy_step", {
    p_shop_id: request.shop_id,
    p_request_id: request.id,
    p_limit: 5_000,
    p_now: now,
  }, LONG) as { state: PrivacyState };
  return step.state;
}
