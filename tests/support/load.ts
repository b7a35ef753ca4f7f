import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { DEMO_SHOP } from "@trakit/cli/stack/defaults.ts";
import type { Copies } from "@trakit/sandbox/vendors/record.ts";
import { makeWebhook, post } from "../bench/capture/load.ts";
import { AUDIT, audit, type AuditRow } from "./audit.ts";
import { DEMO_VENDORS, type TestStack, until } from "./stack.ts";

export interface Load {
  /** Event ids of what was answered 200. */
  accepted: ReadonlySet<string>;
  /** Webhooks sent, repeats counted. */
  sent(): number;
  /** Answers that were no 200, and requests without an answer. */
  refused(): number;
  /** Sends no new ones; resolves when all that were begun are accepted. */
  stop(): Promise<void>;
}

/** Between two webhooks of a sender (ms): what Shopify would send a busy shop, not more than one machine stands. */
const PACE_MS = 150;

/** Order webhooks of the demo shop, sent at a steady pace; what is not answered 200 is sent again, as Shopify does. */
export function startLoad({ stack }: TestStack, senders = 3): Load {
  const accepted = new Set<string>();
  let [sent, refused, stopped] = [0, 0, false];
  const secret = stack.environment["SHOPIFY_API_SECRET"]!;
  const sender = async () => {
    while (!stopped) {
      const webhook = makeWebhook(DEMO_SHOP, secret);
      while (!accepted.has(webhook.eventId)) {
        sent++;
        const status = await post(`${stack.urls.api}/webhooks`, webhook).catch(() => 0);
        if (status === 200) accepted.add(webhook.eventId);
        else refused++;
        await delay(PACE_MS);
      }
    }
  };
  const running = Promise.all(Array.from({ length: senders }, sender));
  return {
    accepted,
    sent: () => sent,
    refused: () => refused,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** Whether functions and database answer. */
export async function healthy({ stack }: TestStack): Promise<boolean> {
  return (await fetch(`${stack.urls.api}/health`, { signal: AbortSignal.timeout(5_000) })).status === 200;
}

/** Waits for an empty queue, then holds what the vendors took against what was accepted (audit.ts). */
export async function allDelivered(running: TestStack, accepted: ReadonlySet<string>) {
  await until(
    async () =>
      (await running.rows("select from trakit.deliveries where state = 'pending' limit 1")).length === 0,
    "an empty queue",
  );
  const rows = await running.rows<AuditRow>(AUDIT);
  const limit = 200_000;
  const copies = await Promise.all(DEMO_VENDORS.map(async (vendor) => {
    const answer = await fetch(`${running.stack.urls.sandbox}/_events?limit=${limit}&vendor=${vendor}`);
    return await answer.json() as Copies[];
  }));
  for (const one of copies) expect(one.length, "more than the stand-in lists").toBeLessThan(limit);
  return audit(accepted, rows, copies.flat(), DEMO_VENDORS);
}
