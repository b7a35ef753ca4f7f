import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { PendingAlert } from "./pending-alerts.ts";

/** SQL `trakit.settle_alerts`: the operator was told. */
export async function settleAlerts(db: Database, told: PendingAlert[], now?: Date): Promise<void> {
  const lanes = told.map(({ lane, since, expired_ever }) => ({ lane, since, expired_ever }));
  await call(db, "trakit.settle_alerts", { p_told: json(lanes), p_now: now });
}
