import process from "node:process";
import { PgBoss } from "pg-boss";
import { type PlainJob, post, postTogether } from "./plain-jobs.ts";

/** A worker of plain pg-boss jobs, one per delivery, fetched in batches. Argument: `one` posts each by itself, `batch` by lane. */
const together = process.argv[2] === "batch";
const boss = new PgBoss({
  connectionString: process.env["BENCH_DB"]!,
  schema: "plain_boss",
  max: 8,
  migrate: false,
  supervise: false,
  schedule: false,
  registerInstance: false,
});
boss.on("error", () => {});
await boss.start();
await boss.work<PlainJob>(
  "deliver",
  {
    batchSize: together ? 1_000 : 100,
    localConcurrency: 4,
    pollingIntervalSeconds: 0.5,
    burstWhenBatchFull: true,
  },
  async (jobs) => {
    if (together) await postTogether(jobs.map(({ data }) => data));
    else await Promise.all(jobs.map(({ data }) => post([data])));
  },
);
process.stdout.write("ready\n");
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
