import type { Database } from "../connection.ts";

/** SQL `trakit.check_in`: a worker, or a call of drain, says that it is alive; to be repeated every 15 s. */
export async function checkIn(
  db: Database,
  id: string,
  kind: "worker" | "drain",
  now?: Date,
): Promise<void> {
  await db.rows("select trakit.check_in($1, $2, coalesce($3, now()))", [id, kind, now ?? null]);
}
