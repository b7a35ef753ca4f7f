import type { TestDatabase } from "./database.ts";

/** What maintenance deletes, as of a moment. */
export function purging(db: TestDatabase) {
  async function purge(now: Date) {
    const [row] = await db.query<{ purged: { partitions: number; keys: number; quarantine: number } }>(
      "trakit_edge",
      "select trakit.purge($1) as purged",
      [now],
    );
    return { ...row!.purged, visitors: await purgeVisitors(now) };
  }

  async function purgeVisitors(now: Date, limit = 2_000): Promise<number> {
    const [row] = await db.query<{ gone: number }>(
      "trakit_edge",
      "select trakit.purge_visitors($1, $2) as gone",
      [now, limit],
    );
    return row!.gone;
  }

  return { purge, purgeVisitors };
}
