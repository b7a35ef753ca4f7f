import { purge } from "@trakit/db/calls/purge.ts";
import { purgeVisitors } from "@trakit/db/calls/purge-visitors.ts";
import type { World } from "../ports.ts";

/** Rows of a kind in one statement: some 100 ms, so that nobody notices whose rows lie beside them. */
const BATCH = 10_000;
/** A shop's visitors are joined by nobody while a batch of them goes. */
const VISITORS = 2_000;

/** How fast, and how long. */
export interface RetentionPace {
  /** Asked after each batch: whether to stop. */
  over: () => boolean;
  /** Waited for between two batches, so that what is written meanwhile has the disk to itself. */
  pause: () => Promise<void>;
  batch?: number;
  visitors?: number;
}

/**
 * Deletes what is past its keeping, batch by batch, until one comes back short or the time is over. Any number of callers may
 * do so at once, while events are taken. Throws DatabaseUnavailable.
 */
export async function keepRetention(
  world: Pick<World, "db" | "databaseNow">,
  { over, pause, batch = BATCH, visitors = VISITORS }: RetentionPace,
): Promise<{ deleted: Record<string, number>; more: boolean }> {
  const deleted: Record<string, number> = {};
  for (;;) {
    const now = world.databaseNow?.();
    const { more, ...counts } = await purge(world.db, batch, now);
    const gone = await purgeVisitors(world.db, visitors, now);
    for (const [name, count] of Object.entries({ ...counts, visitors: gone })) {
      deleted[name] = (deleted[name] ?? 0) + count;
    }
    const left = more || gone >= visitors;
    if (!left || over()) return { deleted, more: left };
    await pause();
  }
}
