import type { Database } from "../connection.ts";

export interface DueLane {
  destination_id: string;
  shop_id: string;
}

/** SQL `trakit.due_lanes`: lanes with something to send now, longest waiting first. */
export function dueLanes(db: Database, limit: number, now?: Date): Promise<DueLane[]> {
  return db.rows<DueLane>("select * from trakit.due_lanes($1, coalesce($2::timestamptz, now()))", [
    limit,
    now ?? null,
  ]);
}
