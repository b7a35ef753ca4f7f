import type { InstantVendors } from "./vendors.ts";
import { makeWebhook, post, type Webhook } from "./load.ts";

/** What is measured: a server that takes signed order webhooks. */
export interface Subject {
  name: string;
  url: string;
  /** Id its five vendor requests carry for a webhook. */
  idOf: (webhook: Webhook) => string;
}

export interface Rate {
  accepted: number;
  /** Webhooks a second whose five vendor requests all went out, backlog included. */
  delivered: number;
  refused: number;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until every webhook sent has reached the five vendors, or nothing moves for `patienceMs`. */
async function untilDelivered(vendors: InstantVendors, count: number, patienceMs: number): Promise<void> {
  let last = -1;
  let since = performance.now();
  while (vendors.arrivedAt.size < count) {
    if (vendors.arrivedAt.size !== last) {
      last = vendors.arrivedAt.size;
      since = performance.now();
    }
    if (performance.now() - since > patienceMs) return;
    await pause(5);
  }
}

/** Closed loop: `clients` senders for `seconds`, each sending its next webhook when the last was answered. */
export async function saturate(
  subject: Subject,
  vendors: InstantVendors,
  options: { seconds: number; clients: number; shop: string; secret: string },
): Promise<Rate> {
  vendors.reset();
  const started = performance.now();
  const until = started + options.seconds * 1000;
  let accepted = 0;
  let refused = 0;
  await Promise.all(Array.from({ length: options.clients }, async () => {
    while (performance.now() < until) {
      if (await post(subject.url, makeWebhook(options.shop, options.secret)) === 200) accepted++;
      else refused++;
    }
  }));
  const answered = performance.now();
  await untilDelivered(vendors, accepted, 35_000);
  const delivered = performance.now();
  return {
    accepted: accepted / (answered - started) * 1000,
    delivered: vendors.arrivedAt.size / (delivered - started) * 1000,
    refused,
  };
}

export interface Latency {
  p50: number;
  p99: number;
  missing: number;
}

/** Open loop at `rate` webhooks a second: from sending the webhook to the arrival of its last vendor request, in ms. */
export async function latencyAt(
  subject: Subject,
  vendors: InstantVendors,
  options: { rate: number; seconds: number; shop: string; secret: string },
): Promise<Latency> {
  vendors.reset();
  const sentAt = new Map<string, number>();
  const count = options.rate * options.seconds;
  const webhooks = Array.from({ length: count }, () => makeWebhook(options.shop, options.secret));
  const answers: Promise<unknown>[] = [];
  const started = performance.now();
  for (const [index, webhook] of webhooks.entries()) {
    const due = started + index * 1000 / options.rate;
    while (performance.now() < due) await pause(Math.max(0, Math.min(due - performance.now() - 1, 20)));
    // from when it should have left: a sender that falls behind does not hide the wait
    sentAt.set(subject.idOf(webhook), due);
    answers.push(post(subject.url, webhook));
  }
  await Promise.all(answers);
  await untilDelivered(vendors, count, 3_000);
  const times: number[] = [];
  for (const [id, sent] of sentAt) {
    const arrived = vendors.arrivedAt.get(id);
    if (arrived !== undefined) times.push(arrived - sent);
  }
  times.sort((a, b) => a - b);
  const quantile = (q: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? Number.NaN;
  return { p50: quantile(0.5), p99: quantile(0.99), missing: count - times.length };
}
