import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";
import type { ReplayCounts } from "./replay.ts";

export interface ReplayState extends ReplayCounts {
  finished_at: string | null;
  /** Nothing can be moved on until lanes have sent some of what is due. */
  waiting: boolean;
}

/** SQL `trakit.step_replay`: moves a replay on by up to 1,000 events. Throws where it is gone. */
export async function stepReplay(db: Database, domain: string, id: number): Promise<ReplayState> {
  const state = await call(db, "trakit.step_replay", { p_domain: domain, p_replay_id: id }, LONG) as
    | ReplayState
    | null;
  if (!state) throw new Error("the replay is gone");
  return state;
}
