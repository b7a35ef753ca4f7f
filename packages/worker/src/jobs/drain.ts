import { enqueueJobs } from "@trakit/db/calls/enqueue-jobs.ts";
import { drainLane } from "@trakit/pipeline/dispatch/drain-lane.ts";
import type { Job } from "../job.ts";

/** A lane with a long backlog goes to the end of the line after this long, so that it keeps no other shop waiting (ms). */
const SLICE_MS = 5_000;
/** The largest batch the vendors take but for Snapchat's 2000; one request then carries all of a claim. */
const BATCH = 1_000;
/** While one batch is sent, another is claimed or settled. More would knock on one vendor's door with several fists. */
const BATCHES_AT_ONCE = 2;

/**
 * Sends what is due in one lane. Woken by `trakit.wake_lanes`; a wake-up that is lost or comes twice does no harm, the
 * delivery rows say what is to be done.
 */
export const drainJob: Job = {
  queue: "drain",
  about: "sends what is due in one lane",
  atOnce: 8,
  // however many destinations a shop has, it never takes the last places
  atOncePerGroup: 5,
  retries: 0,
  timeoutSeconds: 120,
  async run({ deps, stopping }, data) {
    const [lane, shop] = [String(data["lane"]), String(data["shop"])];
    const until = deps.now() + SLICE_MS;
    const drained = await drainLane(deps, lane, {
      batch: BATCH,
      atOnce: BATCHES_AT_ONCE,
      over: () => stopping.aborted || deps.now() >= until,
    });
    if (drained.remaining && !stopping.aborted) {
      await enqueueJobs(deps.db, "drain", [{ data: { lane, shop }, key: lane, group: shop }]);
    }
  },
};
