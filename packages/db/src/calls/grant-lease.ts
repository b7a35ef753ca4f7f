import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export type GrantLease =
  /** The caller has 30 s to renew, then says `grantRenewed`. */
  | { state: "renew"; sealed: string; lease: string }
  | { state: "busy" }
  | { state: "none" };

/** SQL `trakit.grant_lease`: of callers that meet, one renews. */
export async function grantLease(
  db: Database,
  shop: string,
  platform: string,
  now?: Date,
): Promise<GrantLease> {
  return await call(db, "trakit.grant_lease", {
    p_shop: shop,
    p_platform: platform,
    p_now: now,
  }) as GrantLease;
}
