import { Buffer } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { conversionEventId } from "@trakit/core/event-id.ts";

const template = JSON.parse(
  readFileSync(new URL("../../fixtures/shopify/order-web-guest.json", import.meta.url), "utf8"),
) as Record<string, unknown>;
const shape = JSON.stringify(template);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** A signed order webhook, each of another order, buyer and checkout. */
export interface Webhook {
  /** Event id TrakIt will make of it. */
  eventId: string;
  checkoutToken: string;
  body: Buffer;
  headers: Record<string, string>;
}

let serial = Date.now() % 1_000_000_000;

/** Event id by order id, for the vendor that knows a purchase by its order only. The newest 200,000. */
export const eventIdByOrder = new Map<string, string>();

export function makeWebhook(shop: string, secret: string): Webhook {
  serial++;
  const token = randomBytes(16).toString("hex");
  const now = new Date().toISOString();
  const text = shape
    .replaceAll("5890123456781", String(5_900_000_000_000 + serial))
    .replaceAll("5f7028e0bd52c2e9a4d4f5f8a6b1c2d3", token)
    .replaceAll("7012345678801", String(7_100_000_000_000 + serial))
    .replaceAll("maya.okafor@example.com", `buyer${serial}@example.com`)
    .replaceAll("+17185550123", `+1718${String(2_000_000 + serial % 7_000_000)}`)
    .replaceAll("01K8QXTZ5M3Q8V2R7C9D4E6F0A", token)
    // a cart is one buyer's: a shared key would make every order wait for the one before
    .replaceAll(
      "Z2NwLXVzLWVhc3QxOjAxSzhRWFZCTjdKRjg0VFlXU1I1UUUzMEtE",
      Buffer.from(`gcp:${token}`).toString("base64"),
    )
    .replace(/"(processed_at|created_at|updated_at)":"2026-10-26T[^"]+"/g, (_, name) => `"${name}":"${now}"`);
  const body = Buffer.from(text);
  const eventId = conversionEventId(shop, "checkout_completed", token);
  eventIdByOrder.set(String(5_900_000_000_000 + serial), eventId);
  if (eventIdByOrder.size > 200_000) eventIdByOrder.delete(eventIdByOrder.keys().next().value!);
  return {
    eventId,
    checkoutToken: token,
    body,
    headers: {
      "content-type": "application/json",
      "content-length": String(body.length),
      "x-shopify-topic": "orders/create",
      "x-shopify-shop-domain": shop,
      "x-shopify-api-version": "2026-10",
      "x-shopify-webhook-id": `bench-${token}`,
      "x-shopify-triggered-at": now,
      "x-shopify-hmac-sha256": createHmac("sha256", secret).update(body).digest("base64"),
    },
  };
}

/** Posts one webhook; resolves with the status. */
export function post(url: string, webhook: Webhook): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: "POST", agent, headers: webhook.headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode!));
    });
    sending.on("error", reject);
    sending.end(webhook.body);
  });
}
