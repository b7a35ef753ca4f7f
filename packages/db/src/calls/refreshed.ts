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
  const [row] = await db.rows<{ written: boolean }>(
    "select trakit.refreshed($1, $2, $3, $4, $5, $6, $7, coalesce($8::timestamptz, now())) as written",
    [
      shop,
      lease,
      outcome.kind,
      pair?.access ?? null,
      pair?.accessExpiresAt ?? null,
      pair?.refresh ?? null,
      pair?.refreshExpiresAt ?? null,
      now ?? null,
    ],
  );
  return row!.written;
}
