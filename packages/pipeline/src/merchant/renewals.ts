import { type DueGrant, dueGrants } from "@trakit/db/calls/due-grants.ts";
import { grantLease } from "@trakit/db/calls/grant-lease.ts";
import { grantRenewed } from "@trakit/db/calls/grant-renewed.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { renewGrant } from "@trakit/runtime/platform-login.ts";
import { open, renewalSubject } from "@trakit/runtime/seal.ts";
import { loginAt, loginWorld } from "./logins.ts";
import type { ConnectionWorld } from "./world.ts";
import { sealedGrant } from "./connections.ts";

/** How many tokens are renewed at a time. */
const AT_ONCE = 8;
/** Tokens one run takes on; the next run goes on. */
const PER_RUN = 5_000;

export interface Renewed {
  renewed: number;
  refused: number;
  /** To be tried again: the platform did not answer, or does not know our client. */
  failed: number;
}

/**
 * Renews the tokens that platforms granted and that are due. One that fails stops no other. What the platform refuses is
 * noted once: the merchant must connect again, and the operator is told; until the old token ends it is used. Where the
 * platform does not answer, or refuses our client, nobody can say that of the grant, so it stays due.
 */
export async function renewDueGrants(
  world: ConnectionWorld,
  over: () => boolean = () => false,
): Promise<Renewed> {
  const counts: Renewed = { renewed: 0, refused: 0, failed: 0 };
  const next = (await dueGrants(world.db, PER_RUN, world.databaseNow?.()))[Symbol.iterator]();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const due of next) {
      if (over()) return;
      try {
        const done = await renewOne(world, due);
        if (done) counts[done]++;
      } catch (error) {
        counts.failed++;
        world.log.error("renewal_failed", { platform: due.platform, ...errorFields(error) });
      }
    }
  }));
  return counts;
}

/** Null = nothing was to be done: another worker has it, or the merchant has entered a token meanwhile. */
async function renewOne(world: ConnectionWorld, due: DueGrant): Promise<keyof Renewed | null> {
  const { domain: shop, platform } = due;
  const now = () => world.databaseNow?.();
  const login = loginAt(world, platform);
  const leased = await grantLease(world.db, shop, platform, now());
  if (leased.state !== "renew") return null;
  const mine = { shop, platform, lease: leased.lease };
  const opened = open(world.keys, leased.sealed, renewalSubject(due.shop_id, platform));
  // sealed with a key that is not in the ring: it may come back
  const answer = !login ? { ok: false as const, reason: "no_client" as const } : opened.ok
    ? await renewGrant(
      loginWorld(world, platform),
      login.server,
      login.client,
      new TextDecoder().decode(opened.bytes),
    )
    : { ok: false as const, reason: "unreadable" as const };
  if (answer.ok) {
    const grant = sealedGrant(world, { id: due.shop_id, platform }, answer.grant);
    return await grantRenewed(world.db, mine, { kind: "renewed", grant }, now()) ? "renewed" : null;
  }
  world.log.warn("renewal_failed", { platform, reason: answer.reason });
  const kind = answer.reason === "refused" ? "refused" : "unavailable";
  const kept = await grantRenewed(world.db, mine, { kind }, now());
  return kept ? kind === "refused" ? "refused" : "failed" : null;
}
