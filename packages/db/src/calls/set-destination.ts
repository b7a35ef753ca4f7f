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
  const [row] = await db.rows<{ destination: DestinationRow | null }>(
    "select trakit.set_destination($1, $2, $3, $4, $5::jsonb, $6, $7::text[], $8, $9, $10) as destination",
    [
      domain,
      change.platform,
      change.purpose,
      change.maxAgeMs,
      JSON.stringify(change.settings),
      change.enabled,
      change.events,
      change.testCode,
      change.token?.sealed ?? null,
      change.token?.lastFour ?? null,
    ],
  );
  return row!.destination;
}
