import { randomBytes } from "node:crypto";
import { afterAll, beforeEach, expect } from "vitest";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { connect, type Database, WORK_LIMITS } from "@trakit/db/connection.ts";
import { destination } from "@trakit/destinations/registry.ts";
import { SEND_TIMEOUT_MS, type World } from "@trakit/pipeline/ports.ts";
import { type PipelineDependencies, pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import type { Fault } from "@trakit/sandbox/vendors/faults.ts";
import type { Recorded } from "@trakit/sandbox/vendors/record.ts";
import { startVendorSandbox } from "@trakit/sandbox/vendors/server.ts";
import type { VendorName } from "@trakit/sandbox/vendors/names.ts";
import { signProxyQuery, signWebhook } from "@trakit/shopify/verify.ts";
import { testDatabase } from "./database.ts";
import type { DeliveryRow } from "./rows.ts";

/** The handlers' world: a database of one's own, the vendors' stand-ins, and a clock that moves only when told. */

/** The platforms a shop of these tests has: those the sandbox stands in for. */
export const PLATFORMS = Object.keys(DEMO_DESTINATIONS);
/** Evening of the day the sample payloads happened on. */
export const EVENING = Date.parse("2026-10-26T18:00:00.000Z");
export const SECRET = "the-app-secret-of-the-tests";
export const PREVIOUS_SECRET = "the-secret-before-rotation";
export const KEYS = [{ id: "k1", key: new Uint8Array(32).fill(7) }];

export interface WebhookOptions {
  topic?: string;
  webhookId?: string;
  secret?: string;
  /** Headers to put over the signed ones; null takes one away. */
  headers?: Record<string, string | null>;
}

/** A webhook as Shopify sends it: signed over the raw body. */
export function webhookRequest(
  domain: string,
  body: string | Uint8Array,
  options: WebhookOptions = {},
): Request {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const headers = new Headers({
    "content-type": "application/json",
    "x-shopify-topic": options.topic ?? "orders/create",
    "x-shopify-shop-domain": domain,
    "x-shopify-api-version": "2026-10",
    "x-shopify-webhook-id": options.webhookId ?? randomBytes(12).toString("hex"),
    "x-shopify-triggered-at": new Date(EVENING).toISOString(),
    "x-shopify-hmac-sha256": signWebhook(bytes, options.secret ?? SECRET),
  });
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return new Request("http://edge.test/webhooks", {
    method: "POST",
    headers,
    body: bytes as Uint8Array<ArrayBuffer>,
  });
}

export interface ProxyOptions {
  secret?: string;
  /** Unix time of the signature, in ms. */
  signedAt?: number;
  customerId?: string;
  path?: string;
  method?: string;
}

/** A browser's request as Shopify's app proxy forwards it. */
export function proxyRequest(
  domain: string,
  body: string | Uint8Array,
  options: ProxyOptions = {},
): Request {
  const query = new URLSearchParams({
    shop: domain,
    logged_in_customer_id: options.customerId ?? "",
    path_prefix: "/apps/trakit",
    timestamp: String(Math.floor((options.signedAt ?? EVENING) / 1000)),
  });
  query.set("signature", signProxyQuery(query, options.secret ?? SECRET));
  const method = options.method ?? "POST";
  return new Request(`http://edge.test${options.path ?? "/proxy/event"}?${query}`, {
    method,
    headers: {
      "content-type": "application/json",
      "x-forwarded-for": "203.0.113.77, 10.0.0.1",
      "user-agent": "Mozilla/5.0 (X11; Linux x86_64) TrakItTest/1.0",
    },
    ...(method === "POST" ? { body: body as string | Uint8Array<ArrayBuffer> } : {}),
  });
}

/** Fails where a log line holds one of the strings. */
export function expectUnlogged(lines: string[], secrets: string[]): void {
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(3);
    expect(lines.filter((line) => line.toLowerCase().includes(secret.toLowerCase()))).toEqual([]);
  }
}

/** A database nobody listens for. */
export function absentDatabase(): Database {
  return connect({
    url: "postgresql://nobody:nothing@127.0.0.1:1/none",
    max: 1,
    limits: { ...WORK_LIMITS, connectMs: 1_000 },
  });
}

/** Call it at the top of the file: `const kit = await pipelineKit();`. */
export async function pipelineKit() {
  const database = await testDatabase();
  let time = EVENING;
  const now = () => time;
  const vendors = await startVendorSandbox({ port: 0, now });
  const db = connect({ url: database.url("trakit_edge"), max: 4, applicationName: "trakit-test" });
  const lines: string[] = [];
  const promises: Promise<unknown>[] = [];
  await database.query("trakit_edge", "select trakit.ensure_partitions(6, $1)", [
    new Date(EVENING - 2 * 86_400_000),
  ]);

  const world = (): World => ({
    db,
    send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now }),
    now,
    pause: () => Promise.resolve(),
    random: () => 0.5,
    keys: KEYS,
    vendorHosts: Object.fromEntries(
      PLATFORMS.map((platform) => [destination(platform)!.baseUrlSetting, vendors.url]),
    ),
    slots: new Slots(256),
    log: createLogger((line) => lines.push(line), now),
    databaseNow: () => new Date(time),
  });

  const settled = async () => {
    while (promises.length > 0) await promises.shift();
  };

  beforeEach(async () => {
    await settled();
    vendors.reset();
    lines.length = 0;
    time = EVENING;
  });
  afterAll(async () => {
    await settled();
    await db.close();
    await vendors.close();
  });

  return {
    database,
    vendors,
    /** What was logged in this test. */
    lines,
    now,
    /** Moves every clock. */
    pass(seconds: number) {
      time += seconds * 1_000;
    },
    waitUntil: (promise: Promise<unknown>) => void promises.push(promise),
    /** Everything handed to `waitUntil` is done. */
    settled,
    deps: (change: Partial<World> = {}): PipelineDependencies =>
      pipelineDependencies({ ...world(), ...change }),
    /** An active shop in the US with a destination at each of the five vendors. */
    async shop(settings: Record<string, unknown> = {}): Promise<{ id: string; domain: string }> {
      const domain = `shop-${randomBytes(6).toString("hex")}.myshopify.com`;
      const yesterday = new Date(EVENING - 86_400_000);
      const [added] = await database.query<{ shop: { id: string } }>(
        "trakit_worker",
        "select trakit.add_shop($1, 'US', $2, $3) as shop",
        [domain, JSON.stringify(settings), yesterday],
      );
      const { id } = added!.shop;
      for (const platform of PLATFORMS) {
        const rules = destination(platform)!;
        const demo = DEMO_DESTINATIONS[platform]!;
        await database.query(
          "trakit_worker",
          "select trakit.set_destination($1, $2, $3, $4, $5, $6, $7, null, $8)",
          [
            domain,
            platform,
            rules.purpose,
            rules.limits.maxAgeMs,
            JSON.stringify({ settings: rules.settings.parse({ id: demo.id }) }),
            seal(KEYS, demo.token, tokenSubject(id, platform)),
            demo.token.slice(-4),
            yesterday,
          ],
        );
      }
      return { id, domain };
    },
    async fault(vendor: VendorName, fault: Fault | null): Promise<void> {
      const answer = await fetch(`${vendors.url}/_faults/${vendor}`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(fault),
      });
      expect(answer.status).toBe(200);
    },
    /** Requests the vendors got in this test, by vendor. */
    requests(): Record<string, Recorded[]> {
      const found: Record<string, Recorded[]> = {};
      for (const one of vendors.requests()) (found[one.vendor] ??= []).push(one);
      return found;
    },
    deliveries: (shopId: string) =>
      database.query<DeliveryRow>(
        "postgres",
        "select * from trakit.deliveries where shop_id = $1 order by captured_at, event_row, platform",
        [shopId],
      ),
    events: (shopId: string) =>
      database.query<
        {
          name: string;
          event_id: string;
          commerce: Record<string, unknown>;
          identifiers: Record<string, string>;
          digests: Record<string, string[]>;
          signed: boolean | null;
          browser_at: Date | null;
          webhook_at: Date | null;
        }
      >(
        "postgres",
        "select * from trakit.events where shop_id = $1 order by captured_at, id",
        [shopId],
      ),
    /** How often what was refused, by reason; no shop = signed for a shop we do not know. */
    async refusals(shopId = "00000000-0000-0000-0000-000000000000"): Promise<Record<string, number>> {
      const rows = await database.query<{ reason: string; n: number }>(
        "postgres",
        "select reason, sum(count)::int as n from trakit.refusals where shop_id = $1 group by 1",
        [shopId],
      );
      return Object.fromEntries(rows.map((row) => [row.reason, row.n]));
    },
  };
}

export type PipelineKit = Awaited<ReturnType<typeof pipelineKit>>;
