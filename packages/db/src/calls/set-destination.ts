import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { DestinationRow } from "./list-destinations.ts";

export interface DestinationChange {
  platform: string;
  purpose: "marketing" | "analytics";
  maxAgeMs: number;
  settings: Record<string, unknown>;
  enabled: boolean;
  events: string[] | null;
  testCode: string | null;
  /** Null keeps the token there is. */
  token: { sealed: string; lastFour: string } | null;
}

/** SQL `trakit.set_destination`: sets up or changes a destination; null = no such active shop. */
export async function setDestination(
  db: Database,
  domain: string,
  change: DestinationChange,
): Promise<
  Pick<
    DestinationRow,
    "destination_id" | "platform" | "enabled" | "settings" | "test_code" | "last_four" | "lane"
  > | null
> {
  return await call(db, "trakit.set_destination", {
    p_domain: domain,
    p_platform: change.platform,
    p_purpose: change.purpose,
    p_max_age_ms: change.maxAgeMs,
    p_settings: json(change.settings),
    p_enabled: change.enabled,
    p_events: change.events,
    p_test_code: change.testCode,
    p_sealed: change.token?.sealed ?? null,
    p_last_four: change.token?.lastFour ?? null,
  }) as DestinationRow | null;
}
