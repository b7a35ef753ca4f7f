import { setTimeout as delay } from "node:timers/promises";
import { randomBytes } from "node:crypto";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { type CanonicalEvent, EMPTY_IDENTIFIERS } from "@trakit/core/event.ts";
import { toStored } from "@trakit/core/stored.ts";
import { ingestEvents } from "@trakit/db/calls/ingest-events.ts";
import type { Database } from "@trakit/db/connection.ts";
import { destination } from "@trakit/destinations/registry.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_ORDER,
  EXAMPLE_PERSON,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";
import { type PipelineDependencies, pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { SEND_TIMEOUT_MS, type World } from "@trakit/pipeline/ports.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";

/** Shops with real seals and purchases every vendor takes, at the present time: for what drains the queue for real. */

export const KEYS = [{ id: "k1", key: new Uint8Array(32).fill(9) }];
/** The same as TRAKIT_ENCRYPTION_KEYS. */
export const KEYS_SETTING = `k1:${btoa(String.fromCharCode(...KEYS[0]!.key))}`;

/** The platforms the sandbox stands in for. */
export const DEMO_PLATFORMS: readonly string[] = Object.keys(DEMO_DESTINATIONS);

export interface BacklogShop {
  id: string;
  domain: string;
  /** Destination (lane) by platform. */
  lanes: Record<string, string>;
}

/** An active shop in the US with a destination at each of the platforms. `worker` is logged in as trakit_worker. */
export async function backlogShop(
  worker: Database,
  platforms: readonly string[] = DEMO_PLATFORMS,
  domain = `shop-${randomBytes(6).toString("hex")}.myshopify.com`,
): Promise<BacklogShop> {
  const [added] = await worker.rows<{ shop: { id: string } }>(
    "select trakit.add_shop($1, 'US', '{}', now() - interval '1 day') as shop",
    [domain],
  );
  const { id } = added!.shop;
  const lanes: Record<string, string> = {};
  for (const platform of platforms) lanes[platform] = await setToken(worker, { id, domain }, platform);
  return { id, domain, lanes };
}

/** Sets up a destination, or replaces its token; returns the lane. */
export async function setToken(
  worker: Database,
  shop: { id: string; domain: string },
  platform: string,
  token = DEMO_DESTINATIONS[platform]!.token,
): Promise<string> {
  const rules = destination(platform)!;
  const [set] = await worker.rows<{ made: { destination_id: string } }>(
    "select trakit.set_destination($1, $2, $3, $4, $5, $6, $7) -> 'destination' as made",
    [
      shop.domain,
      platform,
      rules.purpose,
      rules.limits.maxAgeMs,
      JSON.stringify({ settings: rules.settings.parse({ id: DEMO_DESTINATIONS[platform]!.id }) }),
      seal(KEYS, token, tokenSubject(shop.id, platform)),
      token.slice(-4),
    ],
  );
  return set!.made.destination_id;
}

/** A purchase as Shopify reports it, with a visitor every vendor can match. */
export function purchase(number: number, occurredAt = new Date()): CanonicalEvent {
  const orderId = String(number);
  return exampleEvent("checkout_completed", {
    event_id: randomBytes(16).toString("hex"),
    occurred_at: occurredAt.toISOString(),
    source: "webhook",
    consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
    client: EXAMPLE_CLIENT,
    digests: EXAMPLE_PERSON,
    page: { url: "https://shop.example/checkouts/c/thank-you", referrer: null, title: null },
    identifiers: {
      ...EMPTY_IDENTIFIERS,
      fbp: "fb.1.1795480000000.1234567890",
      ga_client_id: `${number}.1795480000`,
    },
    commerce: {
      ...EXAMPLE_ORDER,
      order_id: orderId,
      order_name: `#${orderId}`,
      checkout_token: `c-${orderId}`,
    },
  });
}

let orders = 1_000_000;

/** Captures `count` purchases that nobody sends yet. Returns the number of the first; they are consecutive. */
export async function backlog(
  edge: Database,
  shop: BacklogShop,
  count: number,
  now?: Date,
): Promise<{ orderIds: string[] }> {
  const orderIds: string[] = [];
  for (let done = 0; done < count; done += 250) {
    const events = Array.from({ length: Math.min(250, count - done) }, () => {
      const event = purchase(++orders, now);
      orderIds.push(event.commerce.order_id!);
      return {
        event: toStored(event),
        keys: [`event:${event.name}:${event.event_id}`, `order:${event.commerce.order_id}`],
        topic: "orders/create",
        signed: null,
      };
    });
    await ingestEvents(edge, { shop: shop.domain, events, slots: 0, place: "webhooks", refused: {}, now });
  }
  return { orderIds };
}

/** What a worker in this process needs. `lines` gets what is logged. */
export function backlogWorld(
  db: Database,
  vendorUrl: string,
  change: Partial<World> = {},
): { deps: PipelineDependencies; lines: string[] } {
  const lines: string[] = [];
  const deps = pipelineDependencies({
    db,
    send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now: Date.now }),
    now: Date.now,
    pause: (ms) => delay(ms),
    random: Math.random,
    keys: KEYS,
    vendorHosts: Object.fromEntries(
      Object.keys(DEMO_DESTINATIONS).map((platform) => [destination(platform)!.baseUrlSetting, vendorUrl]),
    ),
    slots: new Slots(256),
    log: createLogger((line) => lines.push(line), Date.now),
    ...change,
  });
  return { deps, lines };
}

/** The settings of a worker or functions process that uses these shops. */
export function backlogEnvironment(
  urls: { worker: string; edge: string; vendors: string },
): Record<string, string> {
  return {
    TRAKIT_DB_SESSION_URL: urls.worker,
    TRAKIT_DB_URL: urls.edge,
    TRAKIT_ENCRYPTION_KEYS: KEYS_SETTING,
    ...Object.fromEntries(
      Object.keys(DEMO_DESTINATIONS).map((platform) => [destination(platform)!.baseUrlSetting, urls.vendors]),
    ),
  };
}
