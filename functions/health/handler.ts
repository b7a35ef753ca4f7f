import { queueTotals } from "@trakit/db/calls/queue-totals.ts";
import { queueWatch, resolutionSeconds } from "@trakit/db/calls/queue-watch.ts";
import type { Database } from "@trakit/db/connection.ts";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import type { HealthAnswer } from "@trakit/pipeline/contracts.ts";
import { json, methodNotAllowed, problem } from "@trakit/runtime/problem.ts";
import { openapi } from "./openapi.ts";

export interface HealthDependencies {
  db: Database;
  version: string;
  /** e.g. "deno 2.1.14". */
  runtime: string;
}

/** `GET /health`: 200 while events can be stored, 503 otherwise. `GET /health/openapi.json`: the HTTP API as OpenAPI 3.1. */
export function healthHandler(deps: HealthDependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    const known = pathname === "/health" || pathname === "/health/" || pathname === "/health/openapi.json";
    if (!known) {
      return problem({ code: "not_found", status: 404, title: "There is nothing at this address." });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return methodNotAllowed(request, ["GET", "HEAD"]);
    }
    if (pathname === "/health/openapi.json") return json(200, openapi(deps.version));

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
