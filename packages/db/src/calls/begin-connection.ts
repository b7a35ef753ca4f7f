import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** A connection that is being made: shop, platform, and the digest of the state it is known by. */
export interface Connecting {
  shop: string;
  platform: string;
  /** SHA-256 of the state, hex. */
  stateDigest: string;
}

/** SQL `trakit.begin_connection`; false = the destination is not set up, or no such active shop. */
export async function beginConnection(
  db: Database,
  { shop, platform, stateDigest }: Connecting,
  expiresAt: Date,
  now?: Date,
): Promise<boolean> {
  return await call(db, "trakit.begin_connection", {
    p_shop: shop,
    p_platform: platform,
    p_state_digest: stateDigest,
    p_expires_at: expiresAt,
    p_now: now,
  });
}
