import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export type TokenState =
  | { state: "fresh"; sealed: string }
  /** The caller has 30 s to refresh, then says `refreshed`. `sealed` is the refresh token. */
  | { state: "refresh"; sealed: string; lease: string }
  | { state: "busy" }
  | { state: "none" };

/** SQL `trakit.shopify_token`: the shop's access token, or the lease to refresh it. */
export async function shopifyToken(db: Database, shop: string, now?: Date): Promise<TokenState> {
  return await call(db, "trakit.shopify_token", { p_shop: shop, p_now: now }) as TokenState;
}
