import process from "node:process";
import { Logger, run } from "graphile-worker";
import { type PlainJob, post, postTogether } from "./plain-jobs.ts";

/**
 * A worker of graphile-worker jobs, one per delivery. Argument: `one` posts each by itself; `batch` gathers what runs at the
 * same time, as its jobs come one at a time, and posts it by lane.
 */
const together = process.argv[2] === "batch";
const CONCURRENCY = together ? 1_000 : 100;

let waiting: { job: PlainJob; done: () => void; failed: (error: unknown) => void }[] = [];
function gathered(job: PlainJob): Promise<void> {
  return new Promise((done, failed) => {
    if (waiting.length === 0) {
      setTimeout(() => {
        const group = waiting;
        waiting = [];
        postTogether(group.map((one) => one.job)).then(
          () => group.forEach((one) => one.done()),
          (error) => group.forEach((one) => one.failed(error)),
        );
      }, 5);
    }
    waiting.push({ job, done, failed });
  });
}

await run({
  connectionString: process.env["BENCH_DB"]!,
  concurrency: CONCURRENCY,
  pollInterval: 500,
  noHandleSignals: true,
  logger: new Logger(() => () => {}),
  preset: { worker: { localQueue: { size: CONCURRENCY }, completeJobBatchDelay: 5, failJobBatchDelay: 5 } },
  taskList: {
    deliver: async (payload) =>
      together ? await gathered(payload as PlainJob) : await post([payload as PlainJob]),
  },
});
process.stdout.write("ready\n");
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
