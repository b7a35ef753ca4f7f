import { dueRefreshes } from "@trakit/db/calls/due-refreshes.ts";
import type { SealedPair } from "@trakit/db/calls/install-shop.ts";
import { distrustToken } from "@trakit/db/calls/distrust-token.ts";
import { refreshed } from "@trakit/db/calls/refreshed.ts";
import { shopifyToken } from "@trakit/db/calls/shopify-token.ts";
import type { Database } from "@trakit/db/connection.ts";
import { errorFields, type Logger } from "@trakit/runtime/log.ts";
import { open, seal } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";
import type { GraphqlAnswer, ShopifyApp, ShopifyTokens } from "@trakit/runtime/shopify-app.ts";

/** What working at Shopify's admin API needs of the world. */
export interface AdminWorld {
  db: Database;
  shopify: ShopifyApp;
  keys: KeyRing;
  log: Logger;
  /** Passed to SQL as p_now; absent = the database's clock. */
  databaseNow?: () => Date;
  /** Resolves after `ms`. */
  pause: (ms: number) => Promise<void>;
}

export type ShopToken =
  | { ok: true; token: string; /** As it is stored. */ sealed: string }
  /** reopen_app: only the merchant can help, by opening the app; unavailable: try again later. */
  | { ok: false; reason: "reopen_app" | "unavailable" };

/** What Shopify's tokens of a shop are bound to. */
export function shopifySubject(shop: string, which: "access" | "refresh"): string[] {
  return ["shopify_token", shop, which];
}

/** Both tokens sealed: they are stored together or not at all. */
export function sealedPair(keys: KeyRing, shop: string, tokens: ShopifyTokens): SealedPair {
  return {
    access: seal(keys, tokens.access, shopifySubject(shop, "access")),
    accessExpiresAt: tokens.accessExpiresAt,
    refresh: tokens.refresh && seal(keys, tokens.refresh, shopifySubject(shop, "refresh")),
    refreshExpiresAt: tokens.refreshExpiresAt,
  };
}

/** Who meets another's refresh waits this long for it, in steps. */
const BUSY_STEPS = 20;
const BUSY_MS = 250;

/**
 * A shop's access token, refreshed five minutes before its end. Of callers that meet, one refreshes and the others wait for
 * it; a crash in the middle is repeated by the next, because Shopify takes the old refresh token until the new pair was used
 * (reference: shopify §3.4).
 */
export async function accessToken(world: AdminWorld, shop: string): Promise<ShopToken> {
  for (let step = 0; step < BUSY_STEPS; step++) {
    const now = world.databaseNow?.();
    const found = await shopifyToken(world.db, shop, now);
    if (found.state === "none") return { ok: false, reason: "reopen_app" };
    if (found.state === "busy") {
      await world.pause(BUSY_MS);
      continue;
    }
    const which = found.state === "fresh" ? "access" : "refresh";
    const opened = open(world.keys, found.sealed, shopifySubject(shop, which));
    const clear = opened.ok ? new TextDecoder().decode(opened.bytes) : null;
    if (found.state === "fresh") {
      return clear === null
        ? { ok: false, reason: "reopen_app" }
        : { ok: true, token: clear, sealed: found.sealed };
    }
    if (clear === null) {
      await refreshed(world.db, shop, found.lease, { kind: "refused" }, now);
      return { ok: false, reason: "reopen_app" };
    }
    const answer = await world.shopify.refresh(shop, clear);
    if (!answer.ok) {
      const kind = answer.reason === "unavailable" ? "unavailable" : "refused";
      await refreshed(world.db, shop, found.lease, { kind }, now);
      world.log.warn("shopify_refresh_failed", { reason: answer.reason });
      return { ok: false, reason: kind === "refused" ? "reopen_app" : "unavailable" };
    }
    const pair = sealedPair(world.keys, shop, answer.tokens);
    const kept = await refreshed(world.db, shop, found.lease, { kind: "refreshed", pair }, now);
    // not ours any more: whoever took over has a pair of their own, and theirs is the one that counts
    if (kept) return { ok: true, token: answer.tokens.access, sealed: pair.access };
  }
  return { ok: false, reason: "unavailable" };
}

/** A question to Shopify's admin API that could not be asked, beside what the API itself says. */
export type AskedAnswer<T> = GraphqlAnswer<T> | { ok: false; reason: "reopen_app"; retryAfterMs?: undefined };

/**
 * Asks a shop's admin API. A 401 to a token we thought good renews it at once and asks once more: only a second one is
 * the answer.
 */
export async function askShop<T>(
  world: AdminWorld,
  shop: string,
  query: string,
  variables?: Record<string, unknown>,
): Promise<AskedAnswer<T>> {
  let token = await accessToken(world, shop);
  if (!token.ok) return token;
  const answer = await world.shopify.graphql<T>(shop, token.token, query, variables);
  if (answer.ok || answer.reason !== "unauthorized") return answer;
  await distrustToken(world.db, shop, token.sealed, world.databaseNow?.());
  world.log.warn("shopify_token_refused", {});
  token = await accessToken(world, shop);
  if (!token.ok) return token;
  return await world.shopify.graphql<T>(shop, token.token, query, variables);
}

/** How many shops are refreshed at a time: a storm of them must not be one at Shopify. */
const AT_ONCE = 8;
/** How many shops one run takes on; the next day's run goes on. */
const PER_RUN = 5_000;

/**
 * The daily job: refreshes every shop whose refresh token is older than 30 days, so that none reaches its 90. One that fails
 * stops no other. A shop idle that long has no fresh access token, so `accessToken` refreshes it.
 */
export async function refreshDue(
  world: AdminWorld,
  over: () => boolean = () => false,
): Promise<{ refreshed: number; failed: number }> {
  const shops = await dueRefreshes(world.db, PER_RUN, world.databaseNow?.());
  const counts = { refreshed: 0, failed: 0 };
  const next = shops[Symbol.iterator]();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const shop of next) {
      if (over()) return;
      try {
        const token = await accessToken(world, shop);
        if (token.ok) counts.refreshed++;
        else counts.failed++;
      } catch (error) {
        counts.failed++;
        world.log.error("shopify_refresh_failed", errorFields(error));
      }
    }
  }));
  return counts;
}
