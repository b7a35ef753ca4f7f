import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** A connection the operator is to be told of: the platform refused to renew it. */
export interface GrantAlert {
  destination: string;
  since: string;
}

/** SQL `trakit.grant_alerts`: each once. */
export async function grantAlerts(db: Database): Promise<GrantAlert[]> {
  return await call(db, "trakit.grant_alerts", { p_limit: 50 }) as GrantAlert[];
}
