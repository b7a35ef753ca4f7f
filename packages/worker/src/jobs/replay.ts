import { runReplays } from "@trakit/db/calls/run-replays.ts";
import type { Job } from "../job.ts";

/** Between two steps the lanes send what the last one made due (ms). */
const STEP_PAUSE_MS = 250;

/** Moves replays on that were too large for the call that asked for them. */
export const replayJob: Job = {
  queue: "replay",
  about: "moves large replays on, a thousand events a step",
  atOnce: 1,
  retries: 0,
  timeoutSeconds: 60,
  every: "* * * * *",
  async run({ deps, stopping, over, pause }) {
    while (!over()) {
      if (await runReplays(deps.db, deps.databaseNow?.()) === 0) return;
      await pause(STEP_PAUSE_MS, stopping);
    }
  },
};
