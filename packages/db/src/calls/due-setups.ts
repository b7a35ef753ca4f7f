import type { Database } from "../connection.ts";

/** SQL `trakit.due_setups`: domains of shops with a token whose set-up is not complete. */
export async function dueSetups(db: Database, limit: number, now?: Date): Promise<string[]> {
  const rows = await db.rows<{ domain: string }>(
    "select domain from trakit.due_setups($1, coalesce($2::timestamptz, now()))",
    [limit, now ?? null],
  );
  return rows.map((row) => row.domain);
}
