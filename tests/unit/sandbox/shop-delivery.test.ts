import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { createIds } from "@trakit/sandbox/shop/ids.ts";
import { createWebhookSender } from "@trakit/sandbox/shop/webhook-sender.ts";
import type { Timer, WebhookSender } from "@trakit/sandbox/shop/webhook-sender.ts";
import { placeOrder, SECRET, stage } from "./shop-kit.ts";
import type { AppAnswer, Seen, Stage } from "./shop-kit.ts";

/** Timers that run when told to; remembers the delays asked for. */
class ManualTimer implements Timer {
  readonly delays: number[] = [];
  #waiting = new Map<number, () => void>();
  #next = 1;

  set(ms: number, run: () => void): number {
    this.delays.push(ms);
    this.#waiting.set(this.#next, run);
    return this.#next++;
  }

  clear(handle: unknown): void {
    this.#waiting.delete(handle as number);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  fire(): void {
    const due = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const run of due) run();
  }
}

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

describe("delivery", () => {
  function sender(
    answers: (number | "hang" | "refuse")[],
    options: { deliver?: boolean; timeoutMs?: number } = {},
  ) {
    const timer = new ManualTimer();
    const requests: { headers: Record<string, string>; body: Buffer }[] = [];
    const fakeFetch = (async (_url: string, init: RequestInit) => {
      requests.push({
        headers: init.headers as Record<string, string>,
        body: Buffer.from(init.body as Uint8Array),
      });
      expect(init.redirect).toBe("manual");
      const next = answers.shift() ?? 200;
      if (next === "refuse") throw new TypeError("fetch failed");
      if (next === "hang") {
        await new Promise((_, reject) =>
          init.signal?.addEventListener("abort", () => reject(init.signal?.reason))
        );
      }
      return new Response(null, { status: Number(next) });
    }) as unknown as typeof fetch;
    let fill = 0;
    const webhooks: WebhookSender = createWebhookSender({
      url: "http://app/webhooks",
      shop: "trakit-demo.myshopify.com",
      secret: SECRET,
      ids: createIds(() => 1_793_000_000_000, (size) => new Uint8Array(size).fill(++fill)),
      now: () => 1_793_000_000_000,
      fetch: fakeFetch,
      timer,
      deliver: options.deliver ?? true,
      retryBaseMs: 1000,
      timeoutMs: options.timeoutMs ?? 5_000,
      keep: 10,
    });
    return { timer, requests, webhooks };
  }
  const one = [{ topic: "orders/paid", orderId: "1", body: '{"id":1}' }];

  test("a failed one is repeated under its id, with the same bytes, until it is taken", async () => {
    const { timer, requests, webhooks } = sender([500, "refuse", 301, 200]);
    const [delivery] = webhooks.send(one, 0);
    for (let i = 0; i < 4; i++) {
      await webhooks.idle();
      timer.fire();
    }
    await webhooks.idle();
    expect(requests).toHaveLength(4);
    for (const request of requests) {
      expect(request.headers).toEqual(requests[0]!.headers);
      expect(request.body.equals(requests[0]!.body)).toBe(true);
      expect(request.headers["x-shopify-hmac-sha256"]).toBe(
        createHmac("sha256", SECRET).update(request.body).digest("base64"),
      );
    }
    expect(delivery).toMatchObject({ state: "delivered", next_attempt_at: null });
    expect(delivery!.attempts.map((attempt) => attempt.status ?? attempt.error)).toEqual([
      500,
      "connection",
      301,
      200,
    ]);
  });

  test("backs off exponentially and gives up after eight retries", async () => {
    const { timer, requests, webhooks } = sender(Array(20).fill(503));
    const [delivery] = webhooks.send(one, 0);
    for (let i = 0; i < 12; i++) {
      await webhooks.idle();
      timer.fire();
    }
    expect(timer.delays).toEqual([1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000]);
    expect(requests).toHaveLength(9);
    expect(delivery!.state).toBe("failed");
    expect(timer.waiting).toBe(0);
  });

  test("an answer that takes too long counts as failed", async () => {
    const { webhooks } = sender(["hang"], { timeoutMs: 5 });
    const [delivery] = webhooks.send(one, 0);
    await webhooks.idle();
    expect(delivery!.attempts[0]).toMatchObject({ status: null, error: "timeout" });
    expect(delivery!.state).toBe("pending");
  });

  test("what was given up can be redelivered under its id, with fresh retries", async () => {
    const { timer, requests, webhooks } = sender([...Array(9).fill(500), 500, 200]);
    const [delivery] = webhooks.send(one, 0);
    for (let i = 0; i < 10; i++) {
      await webhooks.idle();
      timer.fire();
    }
    expect(webhooks.redeliver(delivery!.webhook_id)).toBe(true);
    await webhooks.idle();
    timer.fire();
    await webhooks.idle();
    expect(delivery!.state).toBe("delivered");
    expect(new Set(requests.map((request) => request.headers["x-shopify-webhook-id"])).size).toBe(1);
    expect(webhooks.redeliver("unknown")).toBe(false);
  });

  test("a second topic that is refused does not hold the first one's retry, and the other way round", async () => {
    const { timer, webhooks } = sender([500, 200, 200]);
    const both = webhooks.send([one[0]!, { ...one[0]!, topic: "orders/create" }], 0);
    await webhooks.idle();
    expect(both.map((delivery) => delivery.state)).toEqual(["pending", "delivered"]);
    timer.fire();
    await webhooks.idle();
    expect(both.map((delivery) => delivery.state)).toEqual(["delivered", "delivered"]);
  });

  test("forgets its oldest deliveries", async () => {
    const { webhooks } = sender([]);
    for (let i = 0; i < 14; i++) webhooks.send([{ ...one[0]!, orderId: String(i) }], 0);
    await webhooks.idle();
    expect(webhooks.list().map((delivery) => delivery.order_id)).toEqual([
      "4",
      "5",
      "6",
      "7",
      "8",
      "9",
      "10",
      "11",
      "12",
      "13",
    ]);
  });

  test("closing ends what is in flight and repeats nothing", async () => {
    const { timer, webhooks } = sender(["hang"]);
    webhooks.send(one, 0);
    await webhooks.close();
    expect(timer.waiting).toBe(0);
  });

  test("switched off, webhooks are held until they are redelivered", async () => {
    const { shop, webhooks } = await staged(undefined, { deliverWebhooks: false });
    const { order_id } = await placeOrder(shop.url, { topics: ["orders/paid"] });
    expect(await listed(shop.url)).toMatchObject([{ state: "held", attempts: [], order_id }]);
    expect(webhooks()).toEqual([]);
    const answer = await fetch(`${shop.url}/_admin/webhooks/redeliver`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ state: "held" }),
    });
    expect(answer.status).toBe(202);
    await shop.webhooksIdle();
    expect(await listed(shop.url)).toMatchObject([{ state: "delivered", attempts: [{ status: 200 }] }]);
    expect(webhooks()).toHaveLength(1);
  });
});
