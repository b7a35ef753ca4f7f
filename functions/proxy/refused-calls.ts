import { countRefusedCalls } from "@trakit/db/calls/count-refused-calls.ts";
import { Coalescer } from "@trakit/runtime/coalesce.ts";
import type { ProxyDependencies } from "./dependencies.ts";

/** Calls counted by one statement. */
const MOST = 1_000;

/**
 * Counts calls that are not proven to be a shop's, after their answer. An isolate has one statement under way at a time, and
 * what is refused meanwhile goes with the next: who floods us with made-up keys does not reach the database call by call.
 * What cannot be counted is in the log all the same.
 */
export function refusedCalls(deps: ProxyDependencies): (shop: string | null, reason: string) => void {
  const tally = new Coalescer<string, undefined>({
    atOnce: 1,
    most: MOST,
    work: async (shop, reasons) => {
      const counts: Record<string, number> = {};
      for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
      await countRefusedCalls(deps.db, shop || null, counts, deps.databaseNow?.());
      return reasons.map(() => undefined);
    },
  });
  return (shop, reason) => deps.waitUntil(tally.submit(shop ?? "", reason).catch(() => {}));
}
