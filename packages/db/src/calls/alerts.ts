import type { Database } from "../connection.ts";

/** A lane the operator is to be told of. */
export interface PendingAlert {
  lane: string;
  state: "closed" | "open" | "held";
  /** When it came into this state. */
  since: string;
  /** Whether its trouble is news; else only deliveries expired. */
  in_trouble: boolean;
  /** Deliveries that expired since the operator was last told. */
  expired: number;
  expired_ever: number;
}

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
  const [row] = await db.rows<{ lane: LaneDescription | null }>("select trakit.describe_lane($1) as lane", [
    lane,
  ]);
  return row!.lane;
}

/** SQL `trakit.pending_alerts`: what the operator was not told yet, each lane at most every ten minutes. */
export async function pendingAlerts(db: Database, now?: Date): Promise<PendingAlert[]> {
  const [row] = await db.rows<{ alerts: PendingAlert[] }>(
    "select trakit.pending_alerts(50, coalesce($1, now())) as alerts",
    [now ?? null],
  );
  return row!.alerts;
}

/** SQL `trakit.settle_alerts`: the operator was told. */
export async function settleAlerts(db: Database, told: PendingAlert[], now?: Date): Promise<void> {
  await db.rows("select trakit.settle_alerts($1, coalesce($2, now()))", [
    JSON.stringify(told.map(({ lane, since, expired_ever }) => ({ lane, since, expired_ever }))),
    now ?? null,
  ]);
}
