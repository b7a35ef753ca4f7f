import { call, LONG } from "../call.ts";
import type { Database } from "../connection.ts";

export interface ReplayRequest {
  domain: string;
  since: Date;
  until: Date;
  /** null = all. */
  platform: string | null;
  states: string[];
  /** Send also what the vendor may have, as far as it deduplicates. */
  force: boolean;
}

export interface ReplayCounts {
  /** Deliveries that go (a dry run) or were made pending again. */
  replayed: number;
  /** Those that are not, by reason: too_old, would_double, destination_disabled. */
  refused: Record<string, number>;
}

export interface BegunReplay extends ReplayCounts {
  replay_id?: number;
  /** False = it goes on in steps. */
  done: boolean;
}

/** SQL `api.replay`: begins a replay; a dry run only counts. Throws what Postgres refuses (22023). */
export async function replay(
  db: Database,
  { domain, since, until, platform, states, force }: ReplayRequest,
  { dryRun }: { dryRun: boolean },
): Promise<BegunReplay> {
  return await call(db, "api.replay", {
    shop: domain,
    since,
    until,
    platform,
    states,
    force,
    dry_run: dryRun,
  }, LONG) as BegunReplay;
}
