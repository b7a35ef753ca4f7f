import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** How many of each were past their keeping. */
export interface Purged {
  partitions: number;
  keys: number;
  quarantine: number;
  visitors: number;
}

/** SQL `trakit.purge`: drops partitions, keys, quarantine, visitors and counters past their keeping. */
export async function purge(
  db: Database,
  now?: Date,
): Promise<Purged> {
  return await call(db, "trakit.purge", { p_now: now }) as Purged;
}
