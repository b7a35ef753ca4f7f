import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { DestinationRow } from "./list-destinations.ts";

export interface Gate {
  shop: "active" | "uninstalled" | "unknown";
  shop_id?: string;
  /** Seconds to wait where the shop has asked too often; null = it may go on. */
  wait_seconds?: number | null;
  /** The destination asked for; null = none was, or it is not set up. */
  destination?: DestinationRow | null;
}

/**
 * SQL `trakit.admin_gate`: counts a merchant's request, `limit` a minute, says whether the shop is there, and brings the
 * destination of `platform` along, so that a change of it costs one more round trip and no third.
 */
export async function adminGate(
  db: Database,
  shop: string,
  limit: number,
  platform: string | null,
  now?: Date,
): Promise<Gate> {
  return await call(db, "trakit.admin_gate", {
    p_shop: shop,
    p_limit: limit,
    p_platform: platform,
    p_now: now,
  }) as Gate;
}
