import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface DestinationRow {
  destination_id: string;
  platform: string;
  /** Counts changes by people. */
  version: number;
  enabled: boolean;
  settings: Record<string, unknown>;
  /** Event names sent; null = all the platform knows. */
  events: string[] | null;
  test_code: string | null;
  /** End of the token; null = no token yet. */
  last_four: string | null;
  /** Names of the settings that are kept sealed. */
  secrets: string[];
  lane: "closed" | "open" | "held";
  lane_reason: string | null;
  lane_since: string;
  /** Null = its token was entered by hand. */
  connection: { since: string; expires_at: string | null; trouble: "reconnect" | null } | null;
}

/** SQL `trakit.list_destinations`: a shop's destinations by platform; null = no such shop. */
export async function listDestinations(db: Database, domain: string): Promise<DestinationRow[] | null> {
  return await call(db, "trakit.list_destinations", { p_domain: domain }) as DestinationRow[] | null;
}
