import { queueMetrics } from "@trakit/db/calls/queue-metrics.ts";
import { queueTotals } from "@trakit/db/calls/queue-totals.ts";
import { queueWatch, resolutionSeconds } from "@trakit/db/calls/queue-watch.ts";
import type { Database } from "@trakit/db/connection.ts";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import type { HealthAnswer } from "@trakit/pipeline/contracts/answers.ts";
import { answering, byMethod, httpApp } from "@trakit/pipeline/http.ts";
import { refusedCalls } from "@trakit/pipeline/refused-calls.ts";
import type { Logger } from "@trakit/runtime/log.ts";
import { badOperatorKey, bearer, sameKey } from "@trakit/runtime/operator-key.ts";
import { json } from "@trakit/runtime/problem.ts";
import { prometheus } from "./metrics.ts";
import { openapi } from "./openapi.ts";

export interface HealthDependencies {
  db: Database;
  version: string;
  /** e.g. "deno 2.1.14". */
  runtime: string;
  operatorKey: string;
  log: Logger;
}

/**
 * `GET /health`: 200 while events can be stored, 503 otherwise. `GET /health/metrics`: figures for Prometheus, with the
 * operator's key. `GET /health/openapi.json`: the HTTP API as OpenAPI 3.1.
 */
export function healthHandler(deps: HealthDependencies): (request: Request) => Promise<Response> {
  const app = httpApp(deps.log, "health");
  const get = (answer: (request: Request) => Response | Promise<Response>) =>
    byMethod({ GET: (context) => answer(context.req.raw), HEAD: (context) => answer(context.req.raw) });
  // anybody may ask, as often as they like: who asks while it is looked up gets the same answer
  let looking: Promise<HealthAnswer> | null = null;
  const look = () => looking ??= health(deps).finally(() => looking = null);
  app.all(
    "/health",
    get(async () => {
      const answer = await look();
      return json(answer.status === "ok" ? 200 : 503, answer);
    }),
  );
  app.all("/health/metrics", get((request) => metrics(deps, request)));
  app.all("/health/openapi.json", get(() => json(200, openapi(deps.version))));
  return answering(app, deps.log, "health", refusedCalls(deps, "health"));
}

async function health(deps: HealthDependencies): Promise<HealthAnswer> {
  // any failure to count the queue means that events could not be stored either
  const queue = await queueTotals(deps.db).catch(() => null);
  const watch = queue && await queueWatch(deps.db).catch(() => null);
  return {
    status: queue ? "ok" : "unavailable",
    version: deps.version,
    runtime: deps.runtime,
    database: queue ? "ok" : "unavailable",
    queue,
    drained_by: watch && { ...watch, resolution_seconds: resolutionSeconds(watch) },
    platforms: Object.fromEntries(Object.values(DESTINATIONS).map((one) => [one.platform, one.apiVersion])),
  };
}

async function metrics(deps: HealthDependencies, request: Request): Promise<Response> {
  if (!sameKey(bearer(request), deps.operatorKey)) return badOperatorKey();
  const body = prometheus(await queueMetrics(deps.db), deps.version);
  return new Response(body, {
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
  });
}
