import { call } from "../call.ts";
import type { Database } from "../connection.ts";
import type { SealedPair } from "./install-shop.ts";

/** SQL `trakit.refreshed`: what came of a refresh. False: the lease is not ours any more and nothing was written. */
export async function refreshed(
  db: Database,
  shop: string,
  lease: string,
  outcome: { kind: "refreshed"; pair: SealedPair } | { kind: "refused" | "unavailable" },
  now?: Date,
): Promise<boolean> {
  const pair = outcome.kind === "refreshed" ? outcome.pair : null;
  return await call(db, "trakit.refreshed", {
    p_shop: shop,
    p_lease: lease,
    p_outcome: outcome.kind,
    p_sealed_access: pair?.access ?? null,
    p_access_expires_at: pair?.accessExpiresAt ?? null,
    p_sealed_refresh: pair?.refresh ?? null,
    p_refresh_expires_at: pair?.refreshExpiresAt ?? null,
    p_now: now,
  });
}
