import { duePrivacy } from "@trakit/db/calls/due-privacy.ts";
import { type PrivacyState, privacyStep } from "@trakit/db/calls/privacy-step.ts";
import { sealedOfRequest } from "@trakit/db/calls/sealed-of-request.ts";
import { settleSealed } from "@trakit/db/calls/settle-sealed.ts";
import { tryPrivacy } from "@trakit/db/calls/try-privacy.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { open, quarantineSubject } from "@trakit/runtime/seal.ts";
import { namesPerson } from "@trakit/shopify/names-person.ts";
import type { World } from "../ports.ts";

/** What redaction needs of the world. */
type RedactionWorld = Pick<World, "db" | "log" | "now" | "databaseNow" | "keys">;

/** Quarantined webhooks opened in one go; a body may have several megabytes. */
const SEALED = 10;

/** Does one redaction, or what a withdrawal left, as far as it goes now. Crashes and callers that meet do no harm: each piece is one transaction. */
export async function redact(
  deps: RedactionWorld,
  request: { shop_id: string; id: string },
  deadline = Infinity,
): Promise<PrivacyState> {
  for (;;) {
    const state = await privacyStep(deps.db, request, deps.databaseNow?.());
    if (state === "sealed") await searchQuarantine(deps, request);
    else if (state !== "pending") return state;
    if (deps.now() >= deadline) return state;
  }
}

/**
 * Opens the next quarantined webhooks of a redaction's shop and deletes those that name the person. What cannot be opened goes
 * as well: nobody can say whom it names, and it can never be read again.
 */
async function searchQuarantine(
  deps: RedactionWorld,
  request: { shop_id: string; id: string },
): Promise<void> {
  const { subject, sealed } = await sealedOfRequest(deps.db, request, SEALED);
  const last = sealed.at(-1);
  if (!subject || !last) return;
  const theirs = sealed.filter((one) => {
    const opened = open(deps.keys, one.body, quarantineSubject(one.shop, one.webhook_id));
    return !opened.ok || namesPerson(new TextDecoder().decode(opened.bytes), subject);
  });
  await settleSealed(deps.db, request, theirs.map((one) => one.id), last.id);
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
