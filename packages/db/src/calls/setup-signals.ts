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
  const [row] = await db.rows<{ signals: SetupSignals }>(
    "select trakit.setup_signals($1, coalesce($2::timestamptz, now())) as signals",
    [shop, now ?? null],
  );
  return row!.signals;
}
