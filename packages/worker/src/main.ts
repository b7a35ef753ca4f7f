import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { wire } from "@trakit/pipeline/wiring.ts";
import { readSettings, SettingsError } from "@trakit/runtime/settings.ts";
import { JOBS } from "./jobs.ts";
import { QueueMissing, runWorker } from "./worker.ts";

/** `npm run worker`: drains the recovery queue. Any number may run; SIGTERM finishes the batch in hand. */
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());

try {
  const deps = wire(
    {
      environment: process.env,
      fetch,
      now: Date.now,
      random: Math.random,
      write: (line) => process.stdout.write(`${line}\n`),
    },
    { url: "TRAKIT_DB_SESSION_URL", applicationName: "trakit-worker" },
  );
  await runWorker(deps, stop.signal, {
    url: readSettings(process.env, ["TRAKIT_DB_SESSION_URL"]).TRAKIT_DB_SESSION_URL,
    jobs: JOBS,
    pause: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
    ready: () => process.stdout.write(`${JSON.stringify({ ready: true })}\n`),
  });
  await deps.db.close();
} catch (error) {
  if (error instanceof QueueMissing) process.stderr.write(`${error.message} Run trakit migrate first.\n`);
  else if (error instanceof SettingsError) process.stderr.write(`${error.message}\n`);
  else throw error;
  process.exitCode = 1;
}
