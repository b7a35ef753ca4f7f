import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** What a week's events say of a shop's set-up; times as Postgres writes them, null = none came. */
export interface SetupSignals {
  last_webhook_at: string | null;
  last_browser_at: string | null;
  last_pixel_at: string | null;
  last_embed_at: string | null;
  orders: number;
  orders_with_browser: number;
  /** Platforms whose own tag fired on the shop's pages within a day. */
  own_tags: string[];
}

/** SQL `trakit.setup_signals`. */
export async function setupSignals(db: Database, shop: string, now?: Date): Promise<SetupSignals> {
  return await call(db, "trakit.setup_signals", { p_shop: shop, p_now: now }) as SetupSignals;
}
