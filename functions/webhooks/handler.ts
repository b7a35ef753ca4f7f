import { DatabaseUnavailable } from "@trakit/db/connection.ts";
import { quarantineWebhook } from "@trakit/db/calls/quarantine-webhook.ts";
import type { WebhookAnswer } from "@trakit/pipeline/contracts/answers.ts";
import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { leaseClock } from "@trakit/pipeline/ports.ts";
import { readWebhook } from "@trakit/pipeline/ingest/read-webhook.ts";
import { takeWebhook } from "@trakit/pipeline/ingest/take-webhook.ts";
import { readBody } from "@trakit/runtime/body.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { json, methodNotAllowed, problem, unavailable } from "@trakit/runtime/problem.ts";
import { quarantineSubject, seal } from "@trakit/runtime/seal.ts";
import { verifyWebhook } from "@trakit/shopify/verify.ts";

/** Largest webhook body read; Shopify's own limit is unconfirmed (reference: shopify §2.1). */
const BODY_LIMIT = 5 * 1024 * 1024;

export interface WebhooksDependencies extends PipelineDependencies {
  /** Present secret first, then the previous one while it is being rotated. */
  secrets: string[];
  /** Keeps the isolate alive for work after the answer. */
  waitUntil: (promise: Promise<unknown>) => void;
}

/**
 * `POST /webhooks`: Shopify's webhooks. Verified over the raw bytes before anything is parsed; stored before it is answered;
 * sent after. 200 for whatever Shopify need not repeat, 401 without a valid signature, 413, 405, and 503 while the database
 * is out of reach, so that Shopify repeats.
 */
export function webhooksHandler(deps: WebhooksDependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "POST") return methodNotAllowed(request, ["POST"]);
    const body = await readBody(request, BODY_LIMIT);
    if (!body.ok) {
      return body.reason === "too_large"
        ? problem({
          code: "body_too_large",
          status: 413,
          title: "The body is too large.",
          detail: "At most 5 MiB are read.",
        })
        : problem({ code: "body_incomplete", status: 400, title: "The body broke off." });
    }
    const verified = verifyWebhook(body.bytes, request.headers, deps.secrets);
    if (!verified.ok) {
      deps.log.warn("webhook_refused", { reason: verified.reason });
      return problem({
        code: verified.reason,
        status: 401,
        title: "The webhook is not signed by Shopify for this app.",
        detail:
          "Check SHOPIFY_API_SECRET, and that the subscription belongs to the app rather than to the shop's notifications.",
      });
    }

    try {
      const read = readWebhook(
        verified.topic,
        body.bytes,
        verified.shop,
        deps.wanted.of(verified.shop, leaseClock(deps)),
      );
      if (read.kind === "unhandled") {
        deps.log.info("webhook_ignored", { topic: verified.topic, reason: "unhandled_topic" });
        return answer({ status: "ignored", reason: "unhandled_topic" });
      }
      if (read.kind === "unreadable") {
        const kept = await quarantineWebhook(deps.db, {
          shop: verified.shop,
          topic: verified.topic,
          webhookId: verified.webhookId,
          reason: read.reason,
          issues: read.issues,
          sealedBody: seal(deps.keys, body.bytes, quarantineSubject(verified.shop, verified.webhookId)),
        }, deps.databaseNow?.());
        deps.log.warn("webhook_quarantined", { topic: verified.topic, reason: read.reason, kept });
        return answer(
          kept === "quarantined"
            ? { status: "quarantined", reason: read.reason }
            : { status: "ignored", reason: "unknown_shop" },
        );
      }
      const taken = await takeWebhook(deps, verified, read);
      if (taken === null) {
        deps.log.warn("webhook_refused", { reason: "shop_mismatch" });
        return problem({
          code: "shop_mismatch",
          status: 401,
          title: "The shop in the body is not the shop in the header.",
        });
      }
      if (taken.after) deps.waitUntil(taken.after());
      return answer(taken.answer);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) {
        deps.log.error("webhook_not_stored", { topic: verified.topic, reason: "database_unavailable" });
        return unavailable();
      }
      // a bug of ours: nothing was stored, so Shopify should repeat, and the log says where
      deps.log.error("webhook_failed", { topic: verified.topic, ...errorFields(error) });
      return problem({ code: "internal_error", status: 500, title: "TrakIt failed on this webhook." });
    }
  };
}

function answer(body: WebhookAnswer): Response {
  return json(200, body);
}
