import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.note_lookup`: the job has looked; null = no trouble. */
export async function noteLookup(
  db: Database,
  shop: string,
  pause: { trouble: string; until: Date } | null,
  now?: Date,
): Promise<void> {
  await call(db, "trakit.note_lookup", {
    p_shop: shop,
    p_trouble: pause?.trouble ?? null,
    p_paused_until: pause?.until ?? null,
    p_now: now,
  });
}
