import { settleQuarantine } from "@trakit/db/calls/settle-quarantine.ts";
import { open, quarantineSubject } from "@trakit/runtime/seal.ts";
import type { WebhookAnswer } from "../contracts/answers.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { tryWebhook } from "./receive-webhook.ts";

/** A webhook as the quarantine keeps it. */
export interface QuarantinedWebhook {
  id: number;
  topic: string;
  webhook_id: string;
  sealed_body: string;
  /** As Postgres writes it. */
  received_at: string;
}

export type Retried =
  /** Out of quarantine: what became of it, or `ignored` where nothing is stored of it any more. */
  | { read: true; status: WebhookAnswer["status"] }
  /** Still there: stuck again, or `seal_unreadable`: the key that sealed it is not in the key ring. */
  | { read: false; reason: string; issues: string[] };

/**
 * Reads a quarantined webhook again, as if it came now: a fixed version of ours may understand it. Read, it is stored once
 * (its webhook id and order keep it from doubling) and leaves the quarantine; else its tries are counted.
 * Throws DatabaseUnavailable.
 */
export async function retryQuarantined(
  deps: PipelineDependencies,
  shop: string,
  webhook: QuarantinedWebhook,
): Promise<Retried> {
  const unread = async (reason: string, issues: string[] = []): Promise<Retried> => {
    await settleQuarantine(deps.db, shop, webhook.id, false);
    return { read: false, reason, issues };
  };
  const opened = open(deps.keys, webhook.sealed_body, quarantineSubject(shop, webhook.webhook_id));
  if (!opened.ok) return await unread("seal_unreadable");
  const tried = await tryWebhook(deps, {
    shop,
    topic: webhook.topic,
    webhookId: webhook.webhook_id,
    // by the time it came: an uninstall that was followed by an install is over
    triggeredAt: webhook.received_at,
    bytes: opened.bytes,
  });
  if (tried.kind === "stuck") return await unread(tried.reason, tried.issues);
  if (tried.kind === "shop_mismatch") return await unread("shop_mismatch");
  let status: WebhookAnswer["status"] = "ignored";
  if (tried.kind === "processed") {
    status = tried.processed.answer.status;
    await tried.processed.after?.();
  }
  await settleQuarantine(deps.db, shop, webhook.id, true);
  return { read: true, status };
}
