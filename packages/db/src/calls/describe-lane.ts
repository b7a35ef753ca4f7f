import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** A lane in people's terms. */
export interface LaneDescription {
  /** The shop's domain. */
  shop: string;
  platform: string;
  /** Why it is open or held. */
  reason: string | null;
}

/** SQL `trakit.describe_lane`; null = it is gone. */
export async function describeLane(db: Database, lane: string): Promise<LaneDescription | null> {
  return await call(db, "trakit.describe_lane", { p_destination_id: lane }) as LaneDescription | null;
}
