import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** A token a platform granted, sealed, and what renews it. Times are ISO 8601; null = never. */
export interface SealedGrant {
  sealed: string;
  lastFour: string;
  accessExpiresAt: string | null;
  sealedRenewal: string | null;
  renewalExpiresAt: string | null;
  renewAt: string | null;
}

/** SQL `trakit.keep_grant`; false = the destination is gone. */
export async function keepGrant(
  db: Database,
  shop: string,
  platform: string,
  grant: SealedGrant,
  now?: Date,
): Promise<boolean> {
  return await call(db, "trakit.keep_grant", {
    p_shop: shop,
    p_platform: platform,
    p_sealed: grant.sealed,
    p_last_four: grant.lastFour,
    p_access_expires_at: grant.accessExpiresAt,
    p_sealed_renewal: grant.sealedRenewal,
    p_renewal_expires_at: grant.renewalExpiresAt,
    p_renew_at: grant.renewAt,
    p_now: now,
  });
}
