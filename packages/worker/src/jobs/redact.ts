import { redactDue } from "@trakit/pipeline/upkeep/privacy.ts";
import type { Job } from "../job.ts";

/** Below the time limit, so that what is left is done by the next job rather than lost with this one (ms). */
const BUDGET_MS = 240_000;

/** Does the redactions that are due: customers who asked to be forgotten, shops that left. The drain function does so too. */
export const redactJob: Job = {
  queue: "redact",
  about: "does the redactions that are due",
  atOnce: 1,
  // a failed redaction is still due, and found by the next job
  retries: 0,
  timeoutSeconds: 300,
  every: "*/10 * * * *",
  async run({ deps }) {
    const redacted = await redactDue(deps, deps.now() + BUDGET_MS);
    if (redacted > 0) deps.log.info("redacted", { requests: redacted });
  },
};
