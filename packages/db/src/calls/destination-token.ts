import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface DestinationToken {
  settings: Record<string, unknown>;
  test_code: string | null;
  /** Null = no token yet. */
  sealed: string | null;
  /** Settings that are secrets, sealed, by name. */
  secrets: Record<string, string>;
}

/** SQL `trakit.destination_token`: what a test event needs; null = not set up. */
export async function destinationToken(
  db: Database,
  shop: string,
  platform: string,
): Promise<DestinationToken | null> {
  return await call(db, "trakit.destination_token", { p_shop: shop, p_platform: platform }) as
    | DestinationToken
    | null;
}
