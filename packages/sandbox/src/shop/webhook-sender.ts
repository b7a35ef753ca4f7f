/** Delivers webhooks the way Shopify does: signed raw bytes, 5 s limit, 8 retries, one id (reference: shopify §2.1). */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { Ids } from "./ids.ts";

export const API_VERSION = "2026-10";
const RETRIES = 8;

/** A timer the tests can replace. */
export interface Timer {
  set(ms: number, run: () => void): unknown;
  clear(handle: unknown): void;
}

export const realTimer: Timer = {
  set: (ms, run) => setTimeout(run, ms),
  clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

export interface Attempt {
  /** ISO */
  at: string;
  /** HTTP status, or null when none came. */
  status: number | null;
  error: "timeout" | "connection" | null;
  ms: number;
}

/** What `GET /_admin/webhooks` lists: no payload, hence nothing personal. */
export interface Delivery {
  webhook_id: string;
  event_id: string;
  topic: string;
  order_id: string;
  triggered_at: string;
  /** held: delivery is switched off; failed: Shopify has given up. */
  state: "held" | "pending" | "delivered" | "failed";
  attempts: Attempt[];
  next_attempt_at: string | null;
}

export interface WebhookOptions {
  url: string;
  shop: string;
  secret: string;
  ids: Ids;
  now: () => number;
  fetch: typeof fetch;
  timer: Timer;
  /** false: keep them, send only on redelivery. */
  deliver: boolean;
  /** First retry after this many ms, doubling each time; Shopify's own is about a minute. */
  retryBaseMs: number;
  timeoutMs: number;
  /** How many deliveries are remembered. */
  keep: number;
}

interface Entry {
  view: Delivery;
  body: Buffer;
  headers: Record<string, string>;
  retriesLeft: number;
  timer: unknown;
}

export interface NewWebhook {
  topic: string;
  orderId: string;
  body: string;
}

export interface WebhookSender {
  /**
   * Queues the webhooks one merchant action causes: one event id, one webhook id each. First attempts go out in the
   * given order; returns at once. `duplicates` extra copies of each go out at the same moment under the same id.
   */
  send(webhooks: NewWebhook[], duplicates: number): Delivery[];
  list(): Delivery[];
  /** Sends it again under its id, with all retries afresh; false when there is none of that id. */
  redeliver(webhookId: string): boolean;
  /** Resolves when nothing is in flight; waiting retries do not count. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** base64 HMAC-SHA256 over the raw bytes, as in `X-Shopify-Hmac-Sha256`. */
export function webhookHmac(body: Uint8Array | string, secret: string): string {
  return createHmac("sha256", secret).update(body).digest("base64");
}

export function createWebhookSender(options: WebhookOptions): WebhookSender {
  const entries = new Map<string, Entry>();
  const flights = new Set<Promise<void>>();
  const closing = new AbortController();

  const track = (work: Promise<void>): void => {
    const tracked = work.finally(() => flights.delete(tracked));
    flights.add(tracked);
  };

  async function post(entry: Entry): Promise<Attempt> {
    const started = options.now();
    const limit = AbortSignal.timeout(options.timeoutMs);
    let status: number | null = null;
    let error: Attempt["error"] = null;
    try {
      const answer = await options.fetch(options.url, {
        method: "POST",
        headers: entry.headers,
        body: new Uint8Array(entry.body),
        redirect: "manual",
        signal: AbortSignal.any([limit, closing.signal]),
      });
      await answer.arrayBuffer();
      status = answer.status;
    } catch {
      error = limit.aborted ? "timeout" : "connection";
    }
    return { at: new Date(started).toISOString(), status, error, ms: options.now() - started };
  }

  const succeeded = (attempt: Attempt): boolean =>
    attempt.status !== null && attempt.status >= 200 && attempt.status < 300;

  async function attempt(entry: Entry): Promise<void> {
    const result = await post(entry);
    if (closing.signal.aborted) return;
    entry.view.attempts.push(result);
    if (succeeded(result)) {
      options.timer.clear(entry.timer);
      entry.view.state = "delivered";
      entry.view.next_attempt_at = null;
    } else if (entry.view.state !== "delivered") {
      scheduleRetry(entry);
    }
  }

  function scheduleRetry(entry: Entry): void {
    if (entry.retriesLeft === 0) {
      entry.view.state = "failed";
      entry.view.next_attempt_at = null;
      return;
    }
    const delay = options.retryBaseMs * 2 ** (RETRIES - entry.retriesLeft);
    entry.retriesLeft -= 1;
    entry.view.next_attempt_at = new Date(options.now() + delay).toISOString();
    options.timer.clear(entry.timer);
    entry.timer = options.timer.set(delay, () => track(attempt(entry)));
  }

  /** An extra copy only notes its result: retries belong to the first. */
  async function copy(entry: Entry): Promise<void> {
    const result = await post(entry);
    if (closing.signal.aborted) return;
    entry.view.attempts.push(result);
    if (succeeded(result)) {
      options.timer.clear(entry.timer);
      entry.view.state = "delivered";
      entry.view.next_attempt_at = null;
    }
  }

  function remember(entry: Entry): void {
    entries.set(entry.view.webhook_id, entry);
    if (entries.size <= options.keep) return;
    const oldest = entries.values().next().value;
    if (oldest === undefined) return;
    options.timer.clear(oldest.timer);
    entries.delete(oldest.view.webhook_id);
  }

  function create(webhook: NewWebhook, eventId: string, at: number): Entry {
    const body = Buffer.from(webhook.body);
    const webhookId = options.ids.uuid();
    const triggeredAt = new Date(at).toISOString();
    return {
      body,
      retriesLeft: RETRIES,
      timer: undefined,
      headers: {
        "content-type": "application/json",
        "user-agent": "Shopify-Captain-Hook",
        "x-shopify-topic": webhook.topic,
        "x-shopify-hmac-sha256": webhookHmac(body, options.secret),
        "x-shopify-shop-domain": options.shop,
        "x-shopify-api-version": API_VERSION,
        "x-shopify-webhook-id": webhookId,
        "x-shopify-triggered-at": triggeredAt,
        "x-shopify-event-id": eventId,
      },
      view: {
        webhook_id: webhookId,
        event_id: eventId,
        topic: webhook.topic,
        order_id: webhook.orderId,
        triggered_at: triggeredAt,
        state: options.deliver ? "pending" : "held",
        attempts: [],
        next_attempt_at: null,
      },
    };
  }

  return {
    send(webhooks, duplicates) {
      const eventId = options.ids.uuid();
      const at = options.now();
      const deliveries = webhooks.map((webhook) => create(webhook, eventId, at));
      deliveries.forEach(remember);
      if (options.deliver) {
        track((async () => {
          for (const entry of deliveries) {
            const copies = Array.from({ length: duplicates }, () => copy(entry));
            await Promise.all([attempt(entry), ...copies]);
          }
        })());
      }
      return deliveries.map((entry) => entry.view);
    },
    list: () => [...entries.values()].map((entry) => entry.view),
    redeliver(webhookId) {
      const entry = entries.get(webhookId);
      if (entry === undefined) return false;
      options.timer.clear(entry.timer);
      entry.retriesLeft = RETRIES;
      entry.view.state = "pending";
      track(attempt(entry));
      return true;
    },
    async idle() {
      while (flights.size > 0) await Promise.all(flights);
    },
    async close() {
      closing.abort();
      for (const entry of entries.values()) options.timer.clear(entry.timer);
      await Promise.all(flights);
    },
  };
}
