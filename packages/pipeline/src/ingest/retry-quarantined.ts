import { settleQuarantine } from "@trakit/db/calls/settle-quarantine.ts";
import { open, quarantineSubject } from "@trakit/runtime/seal.ts";
import type { WebhookAnswer } from "../contracts/answers.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { readWebhook } from "./read-webhook.ts";
import { takeWebhook } from "./take-webhook.ts";

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
  /** Still there. `seal_unreadable`: the key that sealed it is not in the key ring. */
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
  const read = readWebhook(webhook.topic, opened.bytes, shop);
  if (read.kind === "unreadable") return await unread(read.reason, read.issues);
  let status: WebhookAnswer["status"] = "ignored";
  if (read.kind !== "unhandled") {
    // by the time it came: an uninstall that was followed by an install is over
    const frame = { shop, webhookId: webhook.webhook_id, triggeredAt: webhook.received_at };
    const taken = await takeWebhook(deps, frame, read);
    if (taken === null) return await unread("shop_mismatch");
    status = taken.answer.status;
    await taken.after?.();
  }
  await settleQuarantine(deps.db, shop, webhook.id, true);
  return { read: true, status };
}
