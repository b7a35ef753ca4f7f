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

const CALL = "select api.replay($1, $2, $3, $4, $5, $6, $7) as result";

/** SQL `api.replay` with dry_run: what a replay would do. Throws what Postgres refuses (22023). */
export async function previewReplay(db: Database, request: ReplayRequest): Promise<ReplayCounts> {
  const [row] = await db.rows<{ result: ReplayCounts }>(CALL, [...values(request), true]);
  return row!.result;
}

/** SQL `api.replay`: begins a replay; `done` false = it goes on in steps. */
export async function beginReplay(
  db: Database,
  request: ReplayRequest,
): Promise<ReplayCounts & { replay_id?: number; done: boolean }> {
  const [row] = await db.rows<{ result: ReplayCounts & { replay_id?: number; done: boolean } }>(
    CALL,
    [...values(request), false],
  );
  return row!.result;
}

/** SQL `trakit.step_replay`: moves a replay on by up to 1,000 events. */
export async function stepReplay(
  db: Database,
  domain: string,
  id: number,
): Promise<ReplayCounts & { finished_at: string | null; waiting: boolean }> {
  const [row] = await db.rows<
    { state: (ReplayCounts & { finished_at: string | null; waiting: boolean }) | null }
  >("select trakit.step_replay($1, $2) as state", [domain, id]);
  if (!row?.state) throw new Error("the replay is gone");
  return row.state;
}

function values({ domain, since, until, platform, states, force }: ReplayRequest): unknown[] {
  return [domain, since, until, platform, states, force];
}
