import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { GrantAlert } from "./grant-alerts.ts";

/** SQL `trakit.settle_grant_alert`: the operator was told. */
export async function settleGrantAlert(db: Database, told: GrantAlert, now?: Date): Promise<void> {
  await call(db, "trakit.settle_grant_alert", {
    p_destination_id: told.destination,
    p_since: told.since,
    p_now: now,
  });
}
