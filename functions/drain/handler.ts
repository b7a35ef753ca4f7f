import { randomUUID } from "node:crypto";
import { checkIn } from "@trakit/db/calls/check-in.ts";
import { checkOut } from "@trakit/db/calls/check-out.ts";
import { ensurePartitions } from "@trakit/db/calls/ensure-partitions.ts";
import type { DrainAnswer } from "@trakit/pipeline/contracts/answers.ts";
import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { sendAlerts } from "@trakit/pipeline/upkeep/alerts.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import { answering, byMethod, httpApp } from "@trakit/pipeline/http.ts";
import { refusedCalls } from "@trakit/pipeline/refused-calls.ts";
import { readDueAgain } from "@trakit/pipeline/shopify/read-again.ts";
import type { AdminWorld } from "@trakit/pipeline/shopify/shop-token.ts";
import { redactDue } from "@trakit/pipeline/upkeep/privacy.ts";
import { keepRetention } from "@trakit/pipeline/upkeep/retention.ts";
import { badOperatorKey, bearer, drainKey, sameKey } from "@trakit/runtime/operator-key.ts";
import { json } from "@trakit/runtime/problem.ts";

/** A hosted function is ended after 150 s (reference: runtimes §4); past this the caller calls again. */
const BUDGET_MS = 60_000;

/** Between two batches of what is past its keeping (ms). */
const BATCH_PAUSE_MS = 100;

export interface DrainDependencies extends PipelineDependencies {
  operatorKey: string;
  /** Resolves after `ms`. */
  pause: (ms: number) => Promise<void>;
  /** Shopify's admin API; null where the app's settings are not given. */
  shopify: AdminWorld | null;
}

/**
 * `POST /drain`: sends what is due, for pg_cron (proven by the drain-only key) or an operator (by the operator's key). Stops
 * after a minute and says whether something remains. While it runs it counts as a worker, so that pg_cron does not call
 * again. Also makes the partitions ahead, goes on with redactions, reads orders again that consent came after, tells the
 * operator of trouble and deletes what is past its keeping, so that a set-up without a worker has all that.
 */
export function drainHandler(deps: DrainDependencies): (request: Request) => Promise<Response> {
  const app = httpApp(deps.log, "drain");
  app.all("*", byMethod({ POST: (context) => drainCall(deps, context.req.raw) }));
  return answering(app, deps.log, "drain", refusedCalls(deps, "drain"));
}

async function drainCall(deps: DrainDependencies, request: Request): Promise<Response> {
  const given = bearer(request);
  // both are compared, always: which one it was does not show in the time it takes
  const [operator, cron] = [sameKey(given, deps.operatorKey), sameKey(given, drainKey(deps.operatorKey))];
  if (!operator && !cron) {
    deps.log.warn("drain_refused", { reason: "bad_operator_key" });
    return badOperatorKey();
  }
  const id = randomUUID();
  try {
    const deadline = deps.now() + BUDGET_MS;
    await checkIn(deps.db, id, "drain", deps.databaseNow?.());
    await ensurePartitions(deps.db, 8, deps.databaseNow?.());
    const drained: DrainAnswer = await drain(deps, {
      deadline,
      lanesAtOnce: 6,
      batch: 200,
      signal: request.signal,
    });
    await redactDue(deps, deadline);
    if (deps.shopify) await readDueAgain(deps, deps.shopify, () => deps.now() >= deadline);
    await sendAlerts(deps);
    await keepRetention(deps, {
      over: () => deps.now() >= deadline,
      pause: () => deps.pause(BATCH_PAUSE_MS),
    });
    return json(200, drained);
  } finally {
    // who cannot say so is counted as gone after a minute
    await checkOut(deps.db, id).catch(() => {});
  }
}
