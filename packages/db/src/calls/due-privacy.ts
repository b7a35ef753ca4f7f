import type { Database } from "../connection.ts";

/** SQL `trakit.due_privacy`: redactions that are not done yet, oldest first. */
export async function duePrivacy(db: Database, now?: Date): Promise<{ shop_id: string; id: string }[]> {
  return await db.rows("select shop_id, id from trakit.due_privacy(100, coalesce($1::timestamptz, now()))", [
    now ?? null,
  ]);
}
