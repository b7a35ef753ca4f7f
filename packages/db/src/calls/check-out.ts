import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.check_out`: a worker, or a call of drain, says that it ends. */
export async function checkOut(db: Database, id: string): Promise<void> {
  await call(db, "trakit.check_out", { p_worker_id: id });
}
