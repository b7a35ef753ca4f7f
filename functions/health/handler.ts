import { queueMetrics } from "@trakit/db/calls/queue-metrics.ts";
import { queueTotals } from "@trakit/db/calls/queue-totals.ts";
import { queueWatch, resolutionSeconds } from "@trakit/db/calls/queue-watch.ts";
import { type Database, DatabaseUnavailable } from "@trakit/db/connection.ts";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import type { HealthAnswer } from "@trakit/pipeline/contracts/answers.ts";
import { bearer, sameKey } from "@trakit/runtime/operator-key.ts";
import { json, methodNotAllowed, problem, unavailable } from "@trakit/runtime/problem.ts";
import { prometheus } from "./metrics.ts";
import { openapi } from "./openapi.ts";

export interface HealthDependencies {
  db: Database;
  version: string;
  /** e.g. "deno 2.1.14". */
  runtime: string;
  operatorKey: string;
}

/**
 * `GET /health`: 200 while events can be stored, 503 otherwise. `GET /health/metrics`: figures for Prometheus, with the
 * operator's key. `GET /health/openapi.json`: the HTTP API as OpenAPI 3.1.
 */
export function healthHandler(deps: HealthDependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (!["/health", "/health/", "/health/metrics", "/health/openapi.json"].includes(pathname)) {
      return problem({ code: "not_found", status: 404, title: "There is nothing at this address." });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return methodNotAllowed(request, ["GET", "HEAD"]);
    }
    if (pathname === "/health/openapi.json") return json(200, openapi(deps.version));
    if (pathname === "/health/metrics") return await metrics(deps, request);

    // any failure to count the queue means that events could not be stored either
    const queue = await queueTotals(deps.db).catch(() => null);
    const watch = queue && await queueWatch(deps.db).catch(() => null);
    const answer: HealthAnswer = {
      status: queue ? "ok" : "unavailable",
      version: deps.version,
      runtime: deps.runtime,
      database: queue ? "ok" : "unavailable",
      queue,
      drained_by: watch && { ...watch, resolution_seconds: resolutionSeconds(watch) },
      platforms: Object.fromEntries(Object.values(DESTINATIONS).map((one) => [one.platform, one.apiVersion])),
    };
    return json(queue ? 200 : 503, answer);
  };
}

async function metrics(deps: HealthDependencies, request: Request): Promise<Response> {
  if (!sameKey(bearer(request), deps.operatorKey)) {
    return problem({
      code: "bad_operator_key",
      status: 401,
      title: "The operator's key is missing or wrong.",
      detail: "Send `Authorization: Bearer <TRAKIT_OPERATOR_KEY>`.",
      headers: { "www-authenticate": "Bearer" },
    });
  }
  try {
    const body = prometheus(await queueMetrics(deps.db), deps.version);
    return new Response(body, {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
    });
  } catch (error) {
    if (error instanceof DatabaseUnavailable) return unavailable();
    throw error;
  }
}
