import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.due_privacy`: redactions and withdrawals that are not done yet, longest not tried first. */
export async function duePrivacy(db: Database, now?: Date): Promise<{ shop_id: string; id: string }[]> {
  return await callRows(db, "trakit.due_privacy", { p_limit: 100, p_now: now });
}
