import { type WebhooksDependencies, webhooksHandler } from "../../functions/webhooks/handler.ts";
import {
  type pipelineKit,
  PREVIOUS_SECRET,
  SECRET,
  type WebhookOptions,
  webhookRequest,
} from "./pipeline.ts";

type Kit = Awaited<ReturnType<typeof pipelineKit>>;

/** functions/webhooks on a test's pipeline, and what its tests ask of it. */
export function webhooks(kit: Kit) {
  const handler = (change: Partial<WebhooksDependencies> = {}) =>
    webhooksHandler({
      ...kit.deps(),
      secrets: [SECRET, PREVIOUS_SECRET],
      waitUntil: kit.waitUntil,
      ...change,
    });
  /** One handler for the file, as one isolate. */
  const handle = handler();
  return {
    handler,
    handle,
    /** Posts a webhook, lets the sends end, and gives the answer. */
    async post(domain: string, body: string | Uint8Array, options?: WebhookOptions, via = handle) {
      const response = await via(webhookRequest(domain, body, options));
      await kit.settled();
      return {
        status: response.status,
        headers: response.headers,
        body: await response.json() as Record<string, unknown>,
      };
    },
    async quarantined(shopId: string) {
      return await kit.database.query<
        { reason: string; webhook_id: string; issues: string[]; sealed_body: string; row: string }
      >(
        "postgres",
        "select q.*, to_jsonb(q)::text as row from trakit.quarantine q where shop_id = $1 order by id",
        [shopId],
      );
    },
    requestCounts(): Record<string, number> {
      return Object.fromEntries(
        Object.entries(kit.requests()).map(([vendor, all]) => [vendor, all.length]),
      );
    },
  };
}
