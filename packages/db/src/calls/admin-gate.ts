import type { Database } from "../connection.ts";

export interface Gate {
  shop: "active" | "uninstalled" | "unknown";
  shop_id?: string;
  /** Seconds to wait where the shop has asked too often; null = it may go on. */
  wait_seconds?: number | null;
}

/** SQL `trakit.admin_gate`: counts a merchant's request, `limit` a minute, and says whether the shop is there. */
export async function adminGate(db: Database, shop: string, limit: number, now?: Date): Promise<Gate> {
  const [row] = await db.rows<{ gate: Gate }>(
    "select trakit.admin_gate($1, $2, coalesce($3::timestamptz, now())) as gate",
    [shop, limit, now ?? null],
  );
  return row!.gate;
}
