import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Connecting } from "./begin-connection.ts";

/** SQL `trakit.open_connection`: `challenge` is the S256 challenge of the browser that sets out. */
export async function openConnection(
  db: Database,
  { shop, platform, stateDigest }: Connecting,
  challenge: string,
  now?: Date,
): Promise<boolean> {
  return await call(db, "trakit.open_connection", {
    p_shop: shop,
    p_platform: platform,
    p_state_digest: stateDigest,
    p_challenge: challenge,
    p_now: now,
  });
}
