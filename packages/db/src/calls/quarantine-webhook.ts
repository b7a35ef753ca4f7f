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
  const [row] = await db.rows<{ result: "quarantined" | "unknown_shop" }>(
    "select trakit.quarantine_webhook($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, now())) as result",
    [
      webhook.shop,
      webhook.topic,
      webhook.webhookId,
      webhook.reason,
      webhook.issues,
      webhook.sealedBody,
      now ?? null,
    ],
  );
  return row!.result;
}
