import type { Database } from "../connection.ts";

/** SQL `trakit.due_refreshes`: domains of shops whose refresh token is older than 30 days, oldest first. */
export async function dueRefreshes(db: Database, limit: number, now?: Date): Promise<string[]> {
  const rows = await db.rows<{ domain: string }>(
    "select domain from trakit.due_refreshes($1, coalesce($2::timestamptz, now()))",
    [limit, now ?? null],
  );
  return rows.map((row) => row.domain);
}
