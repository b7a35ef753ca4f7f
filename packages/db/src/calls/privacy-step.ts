import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.privacy_step`: the next piece of a redaction. `waiting` = its last piece is due a minute after the request. */
export async function privacyStep(
  db: Database,
  request: { shop_id: string; id: string },
  now?: Date,
): Promise<"pending" | "done" | "waiting" | "gone"> {
  const step = await call(db, "trakit.privacy_step", {
    p_shop_id: request.shop_id,
    p_request_id: request.id,
    p_limit: 5_000,
    p_now: now,
  }, LONG) as { state: "pending" | "done" | "waiting" | "gone" };
  return step.state;
}
