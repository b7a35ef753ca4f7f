import { callRows } from "../call.ts";
import type { Database } from "../connection.ts";

export interface DueGrant {
  shop_id: string;
  domain: string;
  platform: string;
}

/** SQL `trakit.due_grants`: tokens that are to be renewed, longest untouched first. */
export async function dueGrants(db: Database, limit: number, now?: Date): Promise<DueGrant[]> {
  return await callRows(db, "trakit.due_grants", { p_limit: limit, p_now: now });
}
