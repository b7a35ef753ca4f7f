import { call } from "../call.ts";
import type { Database } from "../connection.ts";

export interface Gate {
  shop: "active" | "uninstalled" | "unknown";
  shop_id?: string;
  /** Seconds to wait where the shop has asked too often; null = it may go on. */
  wait_seconds?: number | null;
}

/** SQL `trakit.admin_gate`: counts a merchant's request, `limit` a minute, and says whether the shop is there. */
export async function adminGate(db: Database, shop: string, limit: number, now?: Date): Promise<Gate> {
  return await call(db, "trakit.admin_gate", { p_shop: shop, p_limit: limit, p_now: now }) as Gate;
}
