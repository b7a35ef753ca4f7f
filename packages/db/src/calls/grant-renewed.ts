import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { SealedGrant } from "./keep-grant.ts";

/** SQL `trakit.grant_renewed`: what came of a renewal. False: the lease is not ours any more and nothing was written. */
export async function grantRenewed(
  db: Database,
  { shop, platform, lease }: { shop: string; platform: string; lease: string },
  outcome: { kind: "renewed"; grant: SealedGrant } | { kind: "refused" | "unavailable" },
  now?: Date,
): Promise<boolean> {
  const grant = outcome.kind === "renewed" ? outcome.grant : null;
  return await call(db, "trakit.grant_renewed", {
    p_shop: shop,
    p_platform: platform,
    p_lease: lease,
    p_outcome: outcome.kind,
    p_sealed: grant?.sealed ?? null,
    p_last_four: grant?.lastFour ?? null,
    p_access_expires_at: grant?.accessExpiresAt ?? null,
    p_sealed_renewal: grant?.sealedRenewal ?? null,
    p_renewal_expires_at: grant?.renewalExpiresAt ?? null,
    p_renew_at: grant?.renewAt ?? null,
    p_now: now,
  });
}
