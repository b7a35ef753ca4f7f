import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface Quarantined {
  id: number;
  topic: string;
  webhook_id: string;
  reason: string;
  /** What the schema found: paths and codes, never values. */
  issues: string[];
  sealed_body: string;
  received_at: string;
  expires_at: string;
  tries: number;
}

/** SQL `trakit.list_quarantine`: webhooks that could not be read, oldest first; null = no such shop. */
export async function listQuarantine(
  db: Database,
  domain: string,
  limit: number,
): Promise<Quarantined[] | null> {
  return await call(db, "trakit.list_quarantine", { p_shop: domain, p_limit: limit }) as Quarantined[] | null;
}
