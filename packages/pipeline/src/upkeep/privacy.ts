import { duePrivacy } from "@trakit/db/calls/due-privacy.ts";
import { privacyStep } from "@trakit/db/calls/privacy-step.ts";
import { tryPrivacy } from "@trakit/db/calls/try-privacy.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import type { World } from "../ports.ts";

/** What redaction needs of the world. */
type RedactionWorld = Pick<World, "db" | "log" | "now" | "databaseNow">;

/** Does one redaction as far as it goes now. Crashes and callers that meet do no harm: each piece is one transaction. */
export async function redact(
  deps: RedactionWorld,
  request: { shop_id: string; id: string },
  deadline = Infinity,
): Promise<"pending" | "done" | "waiting" | "gone"> {
  for (;;) {
    const state = await privacyStep(deps.db, request, deps.databaseNow?.());
    if (state !== "pending" || deps.now() >= deadline) return state;
  }
}

/**
 * The job: does every redaction that is due, longest not tried first, until `deadline` (ms since the epoch). One that fails
 * stops no other, now or in the next run. Returns how many were finished. Throws only if the database is out of reach at the start.
 */
export async function redactDue(deps: RedactionWorld, deadline: number): Promise<number> {
  let done = 0;
  for (const request of await duePrivacy(deps.db, deps.databaseNow?.())) {
    if (deps.now() >= deadline) break;
    try {
      await tryPrivacy(deps.db, request, deps.databaseNow?.());
      if (await redact(deps, request, deadline) === "done") done++;
    } catch (error) {
      deps.log.error("redaction_failed", { request: request.id, ...errorFields(error) });
    }
  }
  return done;
}
