import { afterEach, describe, expect, test } from "vitest";
import { OTHER_TOPICS } from "@trakit/sandbox/shop/other-webhooks.ts";
import { readWebhook } from "@trakit/pipeline/ingest/read-webhook.ts";
import { verifyWebhook } from "@trakit/shopify/verify.ts";
import { placeOrder, SECRET, type Stage, stage } from "./shop-kit.ts";

/** The demo shop's webhooks beside orders are signed like Shopify's and read by TrakIt. */
let current: Stage | undefined;
afterEach(async () => {
  await current?.close();
  current = undefined;
});

async function send(base: string, body: Record<string, unknown>): Promise<Response> {
  return await fetch(`${base}/_admin/webhooks/send`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

describe("webhooks beside orders", () => {
  test.each(OTHER_TOPICS)("%s is signed, and what TrakIt reads is of the order's customer", async (topic) => {
    current = await stage();
    const order = await placeOrder(current.shop.url, { country: "DE", currency: "EUR" });
    await current.shop.webhooksIdle();
    const before = current.webhooks().length;
    expect((await send(current.shop.url, { topic, order_id: order.order_id })).status).toBe(201);
    await current.shop.webhooksIdle();
    const [request] = current.webhooks().slice(before);
    const headers = { get: (name: string) => request!.headers[name] as string ?? null };
    const verified = verifyWebhook(request!.body, headers, [SECRET]);
    expect(verified).toMatchObject({ ok: true, topic });
    const read = readWebhook(topic, request!.body, "trakit-demo.myshopify.com");
    expect(read.kind).toMatch(/^(capture|customer|app)$/);
    if (read.kind === "capture") {
      expect(read.capture.event.commerce).toMatchObject({ order_id: order.order_id, currency: "EUR" });
      expect(read.capture.event.commerce.items.length).toBeGreaterThan(0);
    }
  });

  test("about an order that does not exist are refused", async () => {
    current = await stage();
    expect((await send(current.shop.url, { topic: "refunds/create" })).status).toBe(422);
    expect((await send(current.shop.url, { topic: "customers/redact", order_id: "1" })).status).toBe(422);
    expect((await send(current.shop.url, { topic: "orders/create" })).status).toBe(422);
  });
});
