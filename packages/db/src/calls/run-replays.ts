import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.run_replays`: moves unfinished replays on by a step of 1,000 events each; returns how many are left. */
export async function runReplays(db: Database, now?: Date): Promise<number> {
  return await call(db, "trakit.run_replays", { p_steps: 1, p_now: now });
}
