import type { Database } from "../connection.ts";

/** SQL `trakit.due_reconciliations`: domains of shops whose orders can be read. */
export async function dueReconciliations(db: Database, limit: number, now?: Date): Promise<string[]> {
  const rows = await db.rows<{ domain: string }>(
    "select domain from trakit.due_reconciliations($1, coalesce($2::timestamptz, now()))",
    [limit, now ?? null],
  );
  return rows.map((row) => row.domain);
}
