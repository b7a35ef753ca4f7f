import type { Job } from "./job.ts";
import { alertJob } from "./jobs/alert.ts";
import { drainJob } from "./jobs/drain.ts";
import { expireJob } from "./jobs/expire.ts";
import { maintainJob } from "./jobs/maintain.ts";
import { redactJob } from "./jobs/redact.ts";
import { replayJob } from "./jobs/replay.ts";

/** Everything workers do. */
export const JOBS: readonly Job[] = [drainJob, expireJob, maintainJob, replayJob, redactJob, alertJob];
