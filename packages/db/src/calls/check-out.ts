import type { Database } from "../connection.ts";

/** SQL `trakit.check_out`: a worker, or a call of drain, says that it ends. */
export async function checkOut(db: Database, id: string): Promise<void> {
  await db.rows("select trakit.check_out($1)", [id]);
}
