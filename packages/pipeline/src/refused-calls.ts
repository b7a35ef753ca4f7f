import { countRefusedCalls } from "@trakit/db/calls/count-refused-calls.ts";
import type { Database } from "@trakit/db/connection.ts";
import { Coalescer } from "@trakit/runtime/coalesce.ts";

/** Calls counted by one statement. */
const MOST = 1_000;

export interface Counting {
  db: Database;
  /** Keeps the isolate alive for work after the answer; without it an isolate that is put to sleep counts when it wakes. */
  waitUntil?: (promise: Promise<unknown>) => void;
  databaseNow?: () => Date;
}

/** Counts one refused call under a shop (null = nobody's) and a stable reason. */
export type CountRefused = (shop: string | null, reason: string) => void;

/**
 * Counts calls a function (`place`) refused before it knew whether they are a shop's, after their answer. An isolate has one
 * statement under way at a time, and what is refused meanwhile goes with the next: who floods us with made-up keys does not
 * reach the database call by call. What cannot be counted is in the log all the same.
 */
export function refusedCalls(deps: Counting, place: string): CountRefused {
  const tally = new Coalescer<string, undefined>({
    atOnce: 1,
    most: MOST,
    work: async (shop, reasons) => {
      const counts: Record<string, number> = {};
      for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
      await countRefusedCalls(deps.db, shop || null, place, counts, deps.databaseNow?.());
      return reasons.map(() => undefined);
    },
  });
  return (shop, reason) => {
    const counted = tally.submit(shop ?? "", reason).catch(() => {});
    deps.waitUntil?.(counted);
  };
}
