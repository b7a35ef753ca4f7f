import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface Woken {
  /** Lanes were woken a moment ago by somebody else. */
  skipped: boolean;
  /** Lanes with something to do now. */
  lanes: number;
  /** Wake-ups put into pg-boss; a lane that has one waiting gets no second. */
  jobs: number;
  /** The drain function was asked, because no worker lives. */
  called: boolean;
}

/** SQL `trakit.wake_lanes`: one pg-boss job per due lane, unless that was done less than `gapMs` ago. */
export async function wakeLanes(db: Database, gapMs: number, now?: Date): Promise<Woken> {
  return await call(db, "trakit.wake_lanes", { p_gap_ms: gapMs, p_limit: 1_000, p_now: now }) as Woken;
}
