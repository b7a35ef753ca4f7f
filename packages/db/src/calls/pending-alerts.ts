import { call } from "../call.ts";
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

/** SQL `trakit.pending_alerts`: what the operator was not told yet, each lane at most every ten minutes. */
export async function pendingAlerts(db: Database, now?: Date): Promise<PendingAlert[]> {
  return await call(db, "trakit.pending_alerts", { p_limit: 50, p_now: now }) as PendingAlert[];
}
