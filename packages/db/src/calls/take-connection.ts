import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { Connecting } from "./begin-connection.ts";

export type Taken = "taken" | "unknown" | "expired" | "other_browser";

/** SQL `trakit.take_connection`: each state is good once, whatever comes of it. */
export async function takeConnection(
  db: Database,
  { shop, platform, stateDigest }: Connecting,
  challenge: string,
  now?: Date,
): Promise<Taken> {
  return await call(db, "trakit.take_connection", {
    p_shop: shop,
    p_platform: platform,
    p_state_digest: stateDigest,
    p_challenge: challenge,
    p_now: now,
  }) as Taken;
}
