import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { wire } from "@trakit/pipeline/wiring.ts";
import { SettingsError } from "@trakit/runtime/settings.ts";
import { runLoop } from "./loop.ts";

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
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  await runLoop(deps, {
    signal: stop.signal,
    pause: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
  });
  await deps.db.close();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
