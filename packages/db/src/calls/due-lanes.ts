import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

export interface DueLane {
  destination_id: string;
  shop_id: string;
}

/** SQL `trakit.due_lanes`: lanes with something to send now, longest waiting first. */
export async function dueLanes(db: Database, limit: number, now?: Date): Promise<DueLane[]> {
  return await callRows(db, "trakit.due_lanes", { p_limit: limit, p_now: now });
}
