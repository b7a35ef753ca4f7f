import { answering, byMethod, httpApp } from "@trakit/pipeline/http.ts";
import { refusedCalls } from "@trakit/pipeline/refused-calls.ts";
import { receiveWebhook } from "@trakit/pipeline/ingest/receive-webhook.ts";
import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { requestBody } from "@trakit/runtime/body.ts";
import { json, problem } from "@trakit/runtime/problem.ts";
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
  const app = httpApp(deps.log, "webhook");
  app.all("*", byMethod({ POST: (context) => webhook(deps, context.req.raw) }));
  return answering(app, deps.log, "webhooks", refusedCalls(deps, "webhooks"));
}

async function webhook(deps: WebhooksDependencies, request: Request): Promise<Response> {
  const body = await requestBody(request, BODY_LIMIT);
  if (!body.ok) return body.response;
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
  const received = await receiveWebhook(deps, { ...verified, bytes: body.bytes });
  if (received === null) {
    deps.log.warn("webhook_refused", { reason: "shop_mismatch" });
    return problem({
      code: "shop_mismatch",
      status: 401,
      title: "The shop in the body is not the shop in the header.",
    });
  }
  if (received.after) deps.waitUntil(received.after());
  return json(200, received.answer);
}
