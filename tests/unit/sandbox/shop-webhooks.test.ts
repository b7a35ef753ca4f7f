import "@shopify/shopify-api/adapters/node";
import { ApiVersion, LogSeverity, shopifyApi } from "@shopify/shopify-api";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/sandbox/shop/ids.ts";
import { webhookHmac } from "@trakit/sandbox/shop/webhook-sender.ts";
import { placeOrder, SECRET, stage } from "./shop-kit.ts";
import type { AppAnswer, Seen, Stage } from "./shop-kit.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../../fixtures/shopify/_test-vectors.json", import.meta.url), "utf8"),
) as { secret: string; webhook: { raw_body: string; bytes: number; x_shopify_hmac_sha256: string }[] };

const shopify = shopifyApi({
  apiKey: "key",
  apiSecretKey: SECRET,
  hostName: "trakit.example.com",
  apiVersion: ApiVersion.October26,
  isEmbeddedApp: true,
  logger: { level: LogSeverity.Error, log: () => {} },
});

let current: Stage | undefined;
afterEach(async () => {
  await current?.close();
  current = undefined;
});
async function staged(answer?: (request: Seen) => AppAnswer, options = {}): Promise<Stage> {
  current = await stage(answer, options);
  return current;
}

async function listed(base: string): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${base}/_admin/webhooks`);
  return (await answer.json() as { webhooks: Record<string, unknown>[] }).webhooks;
}

describe("webhook signature", () => {
  test.each(vectors.webhook)("matches the recorded vector of $bytes bytes", (vector) => {
    expect(Buffer.byteLength(vector.raw_body)).toBe(vector.bytes);
    expect(webhookHmac(vector.raw_body, vectors.secret)).toBe(vector.x_shopify_hmac_sha256);
  });

  test("Shopify's library accepts an order as it arrives, and refuses it with one byte changed", async () => {
    const { shop, webhooks } = await staged();
    await placeOrder(shop.url, { country: "DE", currency: "EUR" });
    await shop.webhooksIdle();
    const [request] = webhooks();
    const rawBody = request!.body.toString("utf8");
    expect(rawBody).toContain("Müller-Ångström");
    const validate = (body: string) =>
      shopify.webhooks.validate({
        rawBody: body,
        rawRequest: { method: "POST", url: request!.url, headers: request!.headers },
        rawResponse: {},
      });
    const result = await validate(rawBody);
    expect(result).toMatchObject({
      valid: true,
      topic: "ORDERS_CREATE",
      domain: "trakit-demo.myshopify.com",
    });
    expect((await validate(rawBody.replace("Köln", "Kôln"))).valid).toBe(false);
  });
});

describe("webhooks of an order", () => {
  test("orders/create goes first, then orders/paid: same body, own webhook ids, one event id", async () => {
    const { shop, webhooks } = await staged();
    const placed = await placeOrder(shop.url, {});
    await shop.webhooksIdle();
    const [create, paid] = webhooks();
    expect([create!.headers["x-shopify-topic"], paid!.headers["x-shopify-topic"]]).toEqual([
      "orders/create",
      "orders/paid",
    ]);
    expect(create!.body.equals(paid!.body)).toBe(true);
    expect(create!.headers["x-shopify-webhook-id"]).not.toBe(paid!.headers["x-shopify-webhook-id"]);
    expect(create!.headers["x-shopify-event-id"]).toBe(paid!.headers["x-shopify-event-id"]);
    expect(create!.headers).toMatchObject({
      "content-type": "application/json",
      "x-shopify-shop-domain": "trakit-demo.myshopify.com",
      "x-shopify-api-version": "2026-10",
    });
    expect(Number.isNaN(Date.parse(String(create!.headers["x-shopify-triggered-at"])))).toBe(false);
    const body = JSON.parse(create!.body.toString());
    expect(String(body.id)).toBe(placed.order_id);
    expect(body.checkout_token).toBe(placed.checkout_token);
    expect(placed.event_id).toBe(
      conversionEventId("trakit-demo.myshopify.com", "checkout_completed", String(placed.checkout_token)),
    );
  });

  test("a till's order has no tokens, no browser and an event id made from its order id", async () => {
    const { shop, webhooks } = await staged();
    const placed = await placeOrder(shop.url, { channel: "pos", topics: ["orders/paid"] });
    await shop.webhooksIdle();
    expect(webhooks()).toHaveLength(1);
    const body = JSON.parse(webhooks()[0]!.body.toString());
    expect(body).toMatchObject({
      source_name: "pos",
      checkout_token: null,
      cart_token: null,
      browser_ip: null,
      customer: null,
    });
    expect(placed.checkout_token).toBeNull();
    expect(placed.event_id).toBe(
      conversionEventId("trakit-demo.myshopify.com", "checkout_completed", `order:${placed.order_id}`),
    );
  });

  test("what the caller asks for reaches the body", async () => {
    const { shop, webhooks } = await staged();
    await placeOrder(shop.url, {
      test: true,
      email: "ada@example.com",
      country: "GB",
      currency: "EUR",
      lines: [{ variant_id: "4451234567890123457", quantity: 2 }],
      discount_code: "TRAKIT10",
      attributes: { __trk_vid: "0a" },
      checkout_token: "84ad78572dae4c11b0d2e6f7a8b9c0d1",
      landing_site: "/?gclid=x",
      ip: "81.2.69.160",
      topics: ["orders/updated"],
    });
    await shop.webhooksIdle();
    const text = webhooks()[0]!.body.toString();
    expect(text).toContain('"product_id":8209829119461545087');
    expect(JSON.parse(text)).toMatchObject({
      test: true,
      email: "ada@example.com",
      presentment_currency: "EUR",
      total_discounts_set: { presentment_money: { amount: "27.00" } },
      checkout_token: "84ad78572dae4c11b0d2e6f7a8b9c0d1",
      note_attributes: [{ name: "__trk_vid", value: "0a" }],
      landing_site: "/?gclid=x",
      browser_ip: "81.2.69.160",
    });
  });

  test("the same e-mail is the same customer, whatever its case", async () => {
    const { shop, webhooks } = await staged();
    for (const email of ["ada@example.com", "Ada@Example.com", "bob@example.com"]) {
      await placeOrder(shop.url, { email, topics: ["orders/paid"] });
    }
    await shop.webhooksIdle();
    const ids = webhooks().map((request) => JSON.parse(request.body.toString()).customer.id);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test("duplicates arrive under the same webhook id", async () => {
    const { shop, webhooks } = await staged();
    await placeOrder(shop.url, { topics: ["orders/paid"], duplicates: 3 });
    await shop.webhooksIdle();
    expect(webhooks()).toHaveLength(4);
    expect(new Set(webhooks().map((request) => request.headers["x-shopify-webhook-id"])).size).toBe(1);
  });
});

describe("/_admin", () => {
  const post = (base: string, path: string, body: string, type = "application/json") =>
    fetch(`${base}${path}`, { method: "POST", headers: { "content-type": type }, body });

  test.each([
    ['{"channel":"web","email":null}', 422],
    ['{"country":"FR"}', 422],
    ['{"lines":[{"variant_id":"1"}]}', 422],
    ['{"discount_code":"NOPE"}', 422],
    ['{"tpoics":["orders/paid"]}', 422],
    ["{", 400],
  ])("%s is refused with a problem document", async (body, status) => {
    const { shop, webhooks } = await staged();
    const answer = await post(shop.url, "/_admin/orders", body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    await shop.webhooksIdle();
    expect(webhooks()).toEqual([]);
  });

  test("a form of another site cannot place orders", async () => {
    const { shop } = await staged();
    expect((await post(shop.url, "/_admin/orders", "{}", "text/plain")).status).toBe(415);
    expect((await post(shop.url, "/_admin/orders", "{}", "application/x-www-form-urlencoded")).status).toBe(
      415,
    );
  });

  test("unknown routes and deliveries are 404", async () => {
    const { shop } = await staged();
    expect((await fetch(`${shop.url}/_admin/nothing`)).status).toBe(404);
    expect((await post(shop.url, "/_admin/webhooks/redeliver", '{"order_id":"1"}')).status).toBe(404);
  });

  test("the list of deliveries tells nothing about the buyer", async () => {
    const { shop } = await staged();
    await placeOrder(shop.url, { email: "ada@example.com" });
    await shop.webhooksIdle();
    const text = JSON.stringify(await listed(shop.url));
    for (const secret of ["ada@example.com", "Okafor", "81.2.69.142", SECRET]) {
      expect(text).not.toContain(secret);
    }
  });
});
