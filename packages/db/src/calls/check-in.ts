import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.check_in`: a worker, or a call of drain, says that it is alive; to be repeated every 15 s. */
export async function checkIn(
  db: Database,
  id: string,
  kind: "worker" | "drain",
  now?: Date,
): Promise<void> {
  await call(db, "trakit.check_in", { p_worker_id: id, p_kind: kind, p_now: now });
}
