import { learnCustomer } from "@trakit/db/calls/learn-customer.ts";
import { requestPrivacy } from "@trakit/db/calls/request-privacy.ts";
import { setScopes } from "@trakit/db/calls/set-scopes.ts";
import { uninstallShop } from "@trakit/db/calls/uninstall-shop.ts";
import { oneAnswer } from "@trakit/db/connection.ts";
import type { AppWebhook } from "@trakit/shopify/app-webhooks.ts";
import type { WebhookAnswer } from "../contracts/answers.ts";
import type { PipelineDependencies } from "../coalescing.ts";
import { type Capture, ingest } from "./ingest.ts";
import { redact } from "../upkeep/privacy.ts";
import type { ReadWebhook } from "./read-webhook.ts";
import { processCart } from "./process-cart.ts";

/** A verified webhook by its headers. */
export interface WebhookFrame {
  /** Lower case. */
  shop: string;
  webhookId: string;
  /** ISO 8601; null = not told. */
  triggeredAt: string | null;
}

export interface Processed {
  answer: WebhookAnswer;
  /** What goes on after the answer. What it leaves undone is found again by worker or drain. Never throws. */
  after?: () => Promise<unknown>;
}

/**
 * Does what a webhook that was read asks for: stores an event, notes a customer, ends an installation, redacts. The same for
 * a webhook that came now and for one out of quarantine. Null: the shop in the signed body is not the one in the header,
 * so one of them is not Shopify's word. Throws DatabaseUnavailable when nothing was noted.
 */
export async function processWebhook(
  deps: PipelineDependencies,
  frame: WebhookFrame,
  read: Exclude<ReadWebhook, { kind: "unreadable" | "unhandled" }>,
): Promise<Processed | null> {
  switch (read.kind) {
    case "nothing":
      return ignore(read.reason);
    case "app":
      return await app(deps, frame, read.webhook);
    case "customer": {
      const inTime = { ...deps, db: oneAnswer(deps.db) };
      const learnt = await learnCustomer(inTime.db, frame.shop, read.facts, deps.databaseNow?.());
      if (learnt !== "learnt") return ignore(learnt);
      return read.capture ? await capture(inTime, frame, read.capture, []) : { answer: { status: "done" } };
    }
    case "cart": {
      const { stored, deliver } = await processCart(
        deps,
        frame.shop,
        read.topic,
        read.cart,
        frame.triggeredAt,
      );
      if (stored.shop !== "active") return ignore(`${stored.shop}_shop`);
      const [first] = stored.results;
      if (!first) return ignore(stored.ignored ?? "nothing_added");
      return { answer: { status: first.status, event_id: first.event_id }, after: deliver };
    }
    case "capture":
      return await capture(deps, frame, read.capture, read.dropped);
  }
}

const ignore = (reason: string): Processed => ({ answer: { status: "ignored", reason } });

async function capture(
  deps: PipelineDependencies,
  frame: WebhookFrame,
  captured: Capture,
  dropped: string[],
): Promise<Processed> {
  const keyed = { ...captured, keys: [...captured.keys, `webhook:${frame.webhookId}`] };
  const refused = Object.fromEntries(dropped.map((field) => [`unusable_${field}`, 1]));
  const ingested = await ingest(deps, frame.shop, [keyed], { refused });
  if (ingested.shop !== "active") {
    return { ...ignore(`${ingested.shop}_shop`), after: ingested.deliver };
  }
  const [result] = ingested.results;
  return {
    answer: {
      status: result!.status,
      event_id: result!.event_id,
      ...(result!.reason ? { reason: result!.reason } : {}),
    },
    after: ingested.deliver,
  };
}

async function app(
  deps: PipelineDependencies,
  frame: WebhookFrame,
  webhook: AppWebhook,
): Promise<Processed | null> {
  const now = deps.databaseNow?.();
  if (webhook.kind === "scopes") {
    const result = await setScopes(deps.db, frame.shop, webhook.scopes, webhook.updatedAt, now);
    // what the new scopes allow is set up at the merchant's next visit, or by the daily job
    return result === "changed" ? { answer: { status: "done" } } : ignore(result);
  }
  if (webhook.shop !== frame.shop) return null;
  if (webhook.kind === "uninstalled") {
    const result = await uninstallShop(deps.db, frame.shop, frame.triggeredAt, now);
    deps.log.info("app_uninstalled", { result });
    return result === "uninstalled" ? { answer: { status: "done" } } : ignore(result);
  }
  const asked = await requestPrivacy(deps.db, {
    shop: frame.shop,
    kind: webhook.request,
    reference: frame.webhookId.slice(0, 100),
    subject: webhook.subject,
    at: frame.triggeredAt,
  }, now);
  deps.log.info("privacy_requested", {
    kind: webhook.request,
    status: asked.status,
    request: asked.id ?? null,
  });
  if (asked.status === "unknown_shop" || asked.status === "reinstalled") return ignore(asked.status);
  const answer: WebhookAnswer = { status: asked.status };
  const { id, shop_id } = asked;
  if (webhook.request === "export" || asked.state === "done" || !id || !shop_id) return { answer };
  const after = () =>
    redact(deps, { id, shop_id }).catch(() => deps.log.warn("redaction_postponed", { request: id }));
  return { answer, after };
}
