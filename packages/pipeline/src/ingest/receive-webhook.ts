import type { Wanted } from "@trakit/core/identity/wanted.ts";
import { quarantineWebhook } from "@trakit/db/calls/quarantine-webhook.ts";
import { DatabaseUnavailable, oneAnswer } from "@trakit/db/connection.ts";
import { dataRefused } from "@trakit/db/errors.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { quarantineSubject, seal } from "@trakit/runtime/seal.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { leaseClock } from "../ports.ts";
import { readWebhook } from "./read-webhook.ts";
import { type Processed, processWebhook, type WebhookFrame } from "./process-webhook.ts";

/** A verified webhook as it came. */
export interface RawWebhook extends WebhookFrame {
  topic: string;
  bytes: Uint8Array;
}

export type Attempt =
  | { kind: "processed"; processed: Processed }
  /** A topic we do nothing with. */
  | { kind: "unhandled" }
  /** The shop in the signed body is not the one in the header. */
  | { kind: "shop_mismatch" }
  /**
   * Nothing comes of it as long as nobody mends us. `malformed_json`, `unreadable_payload`: it is not what we read.
   * `decoder_failed`: our reading threw. `event_refused`: Postgres will not hold it. `intake_failed`: what we do with it threw.
   */
  | { kind: "stuck"; reason: string; issues: string[] };

/**
 * Reads a webhook and does what it asks for. Repeating does no harm. What fails for the webhook's own sake, or by a bug of
 * ours, is a value: whoever sends it again and again would change nothing. Throws DatabaseUnavailable.
 *
 * @param wanted digests to make; absent = all
 */
export async function tryWebhook(
  deps: PipelineDependencies,
  webhook: RawWebhook,
  wanted?: () => Wanted | undefined,
): Promise<Attempt> {
  let doing: "decoder_failed" | "intake_failed" = "decoder_failed";
  try {
    const read = readWebhook(webhook.topic, webhook.bytes, webhook.shop, wanted?.());
    if (read.kind === "unhandled") return { kind: "unhandled" };
    if (read.kind === "unreadable") return { kind: "stuck", reason: read.reason, issues: read.issues };
    doing = "intake_failed";
    const processed = await processWebhook(deps, webhook, read);
    return processed === null ? { kind: "shop_mismatch" } : { kind: "processed", processed };
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error;
    if (dataRefused(error)) return { kind: "stuck", reason: "event_refused", issues: refusalWords(error) };
    const said = errorFields(error);
    deps.log.error("webhook_failed", { topic: webhook.topic, ...said });
    return { kind: "stuck", reason: doing, issues: [`payload: ${said.error}`] };
  }
}

/** What may be said of a refusal of Postgres': its code and the constraint. Its message quotes the value. */
export function refusalWords(error: unknown): string[] {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return [`sqlstate: ${code}`, ...(constraint ? [`constraint: ${constraint}`] : [])];
}

/**
 * Receives a webhook that came now. One that is stuck is kept sealed in quarantine and answered as such, so that Shopify does
 * not repeat it until it gives the subscription up. Null: shop in body and header differ. Throws DatabaseUnavailable when
 * nothing was kept.
 */
export async function receiveWebhook(
  deps: PipelineDependencies,
  webhook: RawWebhook,
): Promise<Processed | null> {
  const { shop, topic, webhookId } = webhook;
  // begun here: what follows a call that failed has what time that call left
  const inTime = oneAnswer(deps.db);
  const tried = await tryWebhook(deps, webhook, () => deps.wanted.of(shop, leaseClock(deps)));
  switch (tried.kind) {
    case "processed":
      return tried.processed;
    case "shop_mismatch":
      return null;
    case "unhandled":
      deps.log.info("webhook_ignored", { topic, reason: "unhandled_topic" });
      return { answer: { status: "ignored", reason: "unhandled_topic" } };
    case "stuck": {
      const { reason, issues } = tried;
      const sealedBody = seal(deps.keys, webhook.bytes, quarantineSubject(shop, webhookId));
      const kept = await quarantineWebhook(
        inTime,
        { shop, topic, webhookId, reason, issues, sealedBody },
        deps.databaseNow?.(),
      );
      deps.log.warn("webhook_quarantined", { topic, reason, kept });
      return {
        answer: kept === "quarantined"
          ? { status: "quarantined", reason }
          : { status: "ignored", reason: "unknown_shop" },
      };
    }
  }
}
