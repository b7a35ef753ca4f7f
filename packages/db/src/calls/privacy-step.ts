import type { Database } from "../connection.ts";

/** SQL `trakit.privacy_step`: the next piece of a redaction. `waiting` = its last piece is due a minute after the request. */
export async function privacyStep(
  db: Database,
  request: { shop_id: string; id: string },
  now?: Date,
): Promise<"pending" | "done" | "waiting" | "gone"> {
  const [row] = await db.rows<{ step: { state: "pending" | "done" | "waiting" | "gone" } }>(
    "select trakit.privacy_step($1, $2, 5000, coalesce($3::timestamptz, now())) as step",
    [request.shop_id, request.id, now ?? null],
  );
  return row!.step.state;
}
