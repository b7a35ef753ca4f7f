import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { shopifyWorld } from "@trakit/pipeline/shopify/wiring.ts";
import { wire } from "@trakit/pipeline/wiring.ts";
import { readOAuthClients, readSettings, SettingsError } from "@trakit/runtime/settings.ts";
import { byUndici } from "./http-exchange.ts";
import { JOBS } from "./jobs.ts";
import { renewJob } from "./jobs/renew.ts";
import { shopifyJobs } from "./jobs/shopify.ts";
import { QueueMissing, runWorker } from "./worker.ts";

/** `npm run worker`: drains the recovery queue. Any number may run; SIGTERM finishes the batch in hand. */
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());

try {
  const platform = {
    environment: process.env,
    fetch,
    now: Date.now,
    random: Math.random,
    write: (line: string) => void process.stdout.write(`${line}\n`),
  };
  const deps = wire(
    { ...platform, exchange: byUndici() },
    { url: "TRAKIT_DB_SESSION_URL", applicationName: "trakit-worker" },
  );
  // a worker without the app's settings sends what is due, and leaves Shopify to others
  const shopify = process.env["SHOPIFY_API_KEY"]
    ? shopifyWorld(platform, { url: "TRAKIT_DB_SESSION_URL", applicationName: "trakit-shopify" })
    : null;
  const oauthClients = readOAuthClients(process.env, PLATFORMS);
  const renewing = Object.keys(oauthClients).length > 0 ? [renewJob({ ...deps, fetch, oauthClients })] : [];
  await runWorker(deps, stop.signal, {
    url: readSettings(process.env, ["TRAKIT_DB_SESSION_URL"]).TRAKIT_DB_SESSION_URL,
    jobs: [...JOBS, ...renewing, ...(shopify ? shopifyJobs(shopify) : [])],
    pause: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
    ready: () => process.stdout.write(`${JSON.stringify({ ready: true })}\n`),
  });
  await Promise.all([deps.db.close(), shopify?.db.close()]);
} catch (error) {
  if (error instanceof QueueMissing) process.stderr.write(`${error.message} Run trakit migrate first.\n`);
  else if (error instanceof SettingsError) process.stderr.write(`${error.message}\n`);
  else throw error;
  process.exitCode = 1;
}
