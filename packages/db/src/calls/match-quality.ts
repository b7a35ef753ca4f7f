import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

export interface EventQuality {
  platform: string;
  name: string;
  events: number;
  /** Average estimate, 0 to 10. */
  score: number;
  /** Share of the events that carried each identifier. */
  coverage: Record<string, number>;
}

/** SQL `trakit.match_quality`: match quality by platform and event over the last days; null = no such shop. */
export async function matchQuality(
  db: Database,
  domain: string,
  days: number,
  now?: Date,
): Promise<EventQuality[] | null> {
  return await call(db, "trakit.match_quality", { p_domain: domain, p_days: days, p_now: now }, LONG) as
    | EventQuality[]
    | null;
}
