import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** SQL `trakit.quarantine_webhook`: keeps a verified webhook that could not be read, sealed, for 7 days. */
export async function quarantineWebhook(
  db: Database,
  webhook: {
    shop: string;
    topic: string;
    webhookId: string;
    reason: string;
    issues: string[];
    sealedBody: string;
  },
  now?: Date,
): Promise<"quarantined" | "unknown_shop"> {
  return await call(db, "trakit.quarantine_webhook", {
    p_shop: webhook.shop,
    p_topic: webhook.topic,
    p_webhook_id: webhook.webhookId,
    p_reason: webhook.reason,
    p_issues: webhook.issues,
    p_sealed_body: webhook.sealedBody,
    p_now: now,
  }) as "quarantined" | "unknown_shop";
}
