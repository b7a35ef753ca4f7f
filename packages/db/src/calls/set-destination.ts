import { call, json } from "../call.ts";
import type { Database } from "../connection.ts";
import type { DestinationRow } from "./list-destinations.ts";

/** What changes of a destination; what is not named stays. `settings` change key by key. */
export interface DestinationChange {
  settings?: Record<string, unknown>;
  enabled?: boolean;
  /** Event names to send; null = all the platform knows. */
  events?: string[] | null;
  test_code?: string | null;
}

export interface DestinationChanged {
  /** False = the destination is at another version than the one named; nothing was written. */
  changed: boolean;
  /** As it stands now; null = there is none. */
  destination: DestinationRow | null;
}

/**
 * SQL `trakit.set_destination`: sets up or changes a destination; null = no such active shop.
 *
 * @param options.token null keeps the token there is.
 * @param options.secrets settings that are secrets, sealed, by name; null takes one away, those not named stay.
 * @param options.version the version the change was made for; 0 = it must not exist yet, null = whichever stands there.
 */
export async function setDestination(
  db: Database,
  shop: string,
  platform: { platform: string; purpose: "marketing" | "analytics"; maxAgeMs: number },
  change: DestinationChange,
  options: {
    token: { sealed: string; lastFour: string } | null;
    version: number | null;
    secrets?: Record<string, string | null>;
  },
): Promise<DestinationChanged | null> {
  return await call(db, "trakit.set_destination", {
    p_domain: shop,
    p_platform: platform.platform,
    p_purpose: platform.purpose,
    p_max_age_ms: platform.maxAgeMs,
    p_change: json(change),
    p_sealed: options.token?.sealed ?? null,
    p_last_four: options.token?.lastFour ?? null,
    p_version: options.version,
    p_secrets: json(options.secrets ?? {}),
  }) as DestinationChanged | null;
}
