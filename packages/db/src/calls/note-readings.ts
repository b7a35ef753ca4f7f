import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.note_readings`: why orders could not be read; they are due again later. */
export async function noteReadings(
  db: Database,
  shop: string,
  orders: readonly string[],
  trouble: string,
  now?: Date,
): Promise<void> {
  await call(db, "trakit.note_readings", {
    p_shop: shop,
    p_orders: [...orders],
    p_trouble: trouble,
    p_now: now,
  });
}
