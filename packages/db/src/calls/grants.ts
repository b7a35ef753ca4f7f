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

const values = (grant: SealedGrant | null) => [
  grant?.sealed ?? null,
  grant?.lastFour ?? null,
  grant?.accessExpiresAt ?? null,
  grant?.sealedRenewal ?? null,
  grant?.renewalExpiresAt ?? null,
  grant?.renewAt ?? null,
];

/** SQL `trakit.keep_grant`; false = the destination is gone. */
export async function keepGrant(
  db: Database,
  shop: string,
  platform: string,
  grant: SealedGrant,
  now?: Date,
): Promise<boolean> {
  const [row] = await db.rows<{ kept: boolean }>(
    "select trakit.keep_grant($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::timestamptz, now())) as kept",
    [shop, platform, ...values(grant), now ?? null],
  );
  return row!.kept;
}

export interface DueGrant {
  shop_id: string;
  domain: string;
  platform: string;
}

/** SQL `trakit.due_grants`: tokens that are to be renewed, longest due first. */
export async function dueGrants(db: Database, limit: number, now?: Date): Promise<DueGrant[]> {
  return await db.rows<DueGrant>(
    "select shop_id, domain, platform from trakit.due_grants($1, coalesce($2::timestamptz, now()))",
    [limit, now ?? null],
  );
}

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
  const [row] = await db.rows<{ lease: GrantLease }>(
    "select trakit.grant_lease($1, $2, coalesce($3::timestamptz, now())) as lease",
    [shop, platform, now ?? null],
  );
  return row!.lease;
}

/** SQL `trakit.grant_renewed`: what came of a renewal. False: the lease is not ours any more and nothing was written. */
export async function grantRenewed(
  db: Database,
  { shop, platform, lease }: { shop: string; platform: string; lease: string },
  outcome: { kind: "renewed"; grant: SealedGrant } | { kind: "refused" | "unavailable" },
  now?: Date,
): Promise<boolean> {
  const [row] = await db.rows<{ written: boolean }>(
    "select trakit.grant_renewed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($11::timestamptz, now())) as written",
    [
      shop,
      platform,
      lease,
      outcome.kind,
      ...values(outcome.kind === "renewed" ? outcome.grant : null),
      now ?? null,
    ],
  );
  return row!.written;
}

/** A connection the operator is to be told of: the platform refused to renew it. */
export interface GrantAlert {
  destination: string;
  since: string;
}

/** SQL `trakit.grant_alerts`: each once. */
export async function grantAlerts(db: Database): Promise<GrantAlert[]> {
  const [row] = await db.rows<{ alerts: GrantAlert[] }>("select trakit.grant_alerts(50) as alerts");
  return row!.alerts;
}

/** SQL `trakit.settle_grant_alert`: the operator was told. */
export async function settleGrantAlert(db: Database, told: GrantAlert, now?: Date): Promise<void> {
  await db.rows("select trakit.settle_grant_alert($1, $2, coalesce($3::timestamptz, now()))", [
    told.destination,
    told.since,
    now ?? null,
  ]);
}
