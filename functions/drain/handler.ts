import { randomUUID } from "node:crypto";
import { checkIn } from "@trakit/db/calls/check-in.ts";
import { checkOut } from "@trakit/db/calls/check-out.ts";
import { ensurePartitions } from "@trakit/db/calls/ensure-partitions.ts";
import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import type { DrainAnswer } from "@trakit/pipeline/contracts/answers.ts";
import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { sendAlerts } from "@trakit/pipeline/upkeep/alerts.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import { redactDue } from "@trakit/pipeline/upkeep/privacy.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { bearer, drainKey, sameKey } from "@trakit/runtime/operator-key.ts";
import { json, methodNotAllowed, problem, unavailable } from "@trakit/runtime/problem.ts";

/** A hosted function is ended after 150 s (reference: runtimes §4); past this the caller calls again. */
const BUDGET_MS = 60_000;

export interface DrainDependencies extends PipelineDependencies {
  operatorKey: string;
}

/**
 * `POST /drain`: sends what is due, for pg_cron (proven by the drain-only key) or an operator (by the operator's key). Stops
 * after a minute and says whether something remains. While it runs it counts as a worker, so that pg_cron does not call
 * again. Also makes the partitions ahead, goes on with redactions and tells the operator of trouble, so that a set-up
 * without a worker has all that.
 */
export function drainHandler(deps: DrainDependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "POST") return methodNotAllowed(request, ["POST"]);
    const given = bearer(request);
    // both are compared, always: which one it was does not show in the time it takes
    const [operator, cron] = [sameKey(given, deps.operatorKey), sameKey(given, drainKey(deps.operatorKey))];
    if (!operator && !cron) {
      deps.log.warn("drain_refused", { reason: "bad_operator_key" });
      return problem({
        code: "bad_operator_key",
        status: 401,
        title: "The operator's key is missing or wrong.",
        detail: "Send `Authorization: Bearer <TRAKIT_OPERATOR_KEY>`.",
        headers: { "www-authenticate": "Bearer" },
      });
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
      await sendAlerts(deps);
      return json(200, drained);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return unavailable();
      deps.log.error("drain_failed", errorFields(error));
      return problem({ code: "internal_error", status: 500, title: "The drain failed." });
    } finally {
      // who cannot say so is counted as gone after a minute
      await checkOut(deps.db, id).catch(() => {});
    }
  };
}
