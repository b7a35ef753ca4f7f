import { createHash } from "node:crypto";
import type { Database } from "@trakit/db/connection.ts";
import { pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { createShopifyApp } from "@trakit/runtime/shopify-app.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { adminHandler } from "../../functions/admin/handler.ts";
import { drainHandler } from "../../functions/drain/handler.ts";
import { healthHandler } from "../../functions/health/handler.ts";
import { installHandler } from "../../functions/install/handler.ts";
import { proxyHandler } from "../../functions/proxy/handler.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import type { Known } from "./inputs.ts";

/**
 * The functions in this process, before a database that agrees to everything: what a stranger's bytes reach of ours is read
 * here, and Postgres' part is tried on the stack (stack.ts). Vendors and Shopify answer that all is well.
 */

const SHOP = "trakit-demo.myshopify.com";
const SHOP_ID = "11111111-1111-4111-8111-111111111111";
const KEYS = [{ id: "k1", key: new Uint8Array(32).fill(7) }];
const OPERATOR = "the-operator-key-of-the-tests-0001";
const AT = "2026-10-26T18:00:00.000Z";
const DESTINATION_ID = "22222222-2222-4222-8222-222222222222";

const DESTINATION = {
  destination_id: DESTINATION_ID,
  platform: "meta",
  version: 1,
  enabled: true,
  settings: { id: "1234567890123456" },
  events: null,
  test_code: "TEST123",
  last_four: "6789",
  secrets: [],
  lane: "closed",
  lane_reason: null,
  lane_since: AT,
  connection: null,
};
const INSTALLATION = {
  shop_id: SHOP_ID,
  domain: SHOP,
  status: "active",
  country: "US",
  hosts: ["blue-mugs.example"],
  installed_at: AT,
  has_token: true,
  access_expires_at: null,
  trouble: null,
  scopes: [],
  pixel_id: "1",
  pixel_settings: {},
  pixel_trouble: null,
  new: false,
};
const SHOP_ROW = {
  id: SHOP_ID,
  domain: SHOP,
  status: "active",
  country: "US",
  order_topic: "orders/create",
  test_orders: "skip",
  excluded_channels: [],
  unknown_consent: null,
  grace_seconds: 30,
  unsigned_events: true,
  hosts: ["blue-mugs.example"],
  first_party: null,
  cookie_lifetime_days: 730,
  browser_tags: {},
  events_per_minute: 600,
  created_at: AT,
};
const SENDABLE = {
  platform: "meta",
  settings: { id: "1234567890123456" },
  test_code: null,
  sealed: seal(KEYS, "EAAG0123456789", tokenSubject(SHOP_ID, "meta")),
  version: 1,
  secrets: {},
};
const COUNTS = { replayed: 0, refused: {}, done: true };
const WATCH = { workers: 0, draining: 0, cron_seconds: null, calls_drain: false };

/** Every event accepted, and the first of the call to be sent. */
function ingested(events: string): object {
  const list = JSON.parse(events) as { event: { event_id: string } }[];
  return {
    shop: "active",
    shop_id: SHOP_ID,
    results: list.map(({ event }) => ({ event_id: event.event_id, status: "accepted" })),
    sends: list.slice(0, 1).map((_, index) => ({
      index,
      captured_at: AT,
      event_row: 1,
      destination_id: DESTINATION_ID,
      lease: DESTINATION_ID,
      limited: false,
    })),
    destinations: { [DESTINATION_ID]: SENDABLE },
    visitor: null,
    purposes: { analytics: true, marketing: true },
    hosts: ["blue-mugs.example"],
    cookie_lifetime_days: 730,
  };
}

/** What each SQL function answers; `given` reads an argument by its name. */
const ANSWERS: Record<string, (given: (name: string) => unknown) => unknown> = {
  "trakit.ingest_browser_events": (given) => ingested(String(given("p_events"))),
  "trakit.ingest_events": (given) => ingested(String(given("p_events"))),
  "trakit.ingest_cart": () => ({ shop: "active", shop_id: SHOP_ID, results: [], sends: [], events: [] }),
  "trakit.open_session": () => ({
    shop: "active",
    visitor: {},
    purposes: { analytics: true, marketing: true },
    hosts: ["blue-mugs.example"],
    cookie_lifetime_days: 730,
    config: { cookie_lifetime_days: 730, first_party: null, unsigned: true, tags: {} },
  }),
  "trakit.count_refused_calls": () => null,
  "trakit.quarantine_webhook": () => "quarantined",
  "trakit.learn_customer": () => "learnt",
  "trakit.request_privacy": () => ({ status: "accepted", id: SHOP_ID, shop_id: SHOP_ID, state: "done" }),
  "trakit.uninstall_shop": () => "uninstalled",
  "trakit.set_scopes": () => "unchanged",
  "trakit.settle_deliveries": () => ({ settled: 1 }),
  "trakit.find_installation": () => INSTALLATION,
  "trakit.install_shop": () => INSTALLATION,
  "trakit.note_setup": () => INSTALLATION,
  "trakit.shopify_token": () => ({ state: "none" }),
  "trakit.admin_gate": (given) => ({
    shop: "active",
    shop_id: SHOP_ID,
    wait_seconds: null,
    destination: given("p_platform") === "meta" ? DESTINATION : null,
  }),
  "trakit.read_shop": () => ({ settings: SHOP_ROW, installation: INSTALLATION }),
  "trakit.change_shop": () => ({ settings: SHOP_ROW, installation: INSTALLATION }),
  "trakit.find_shop": () => SHOP_ROW,
  "trakit.list_destinations": () => [DESTINATION],
  "trakit.set_destination": () => ({ changed: true, destination: DESTINATION }),
  "trakit.destination_token": () => ({
    settings: SENDABLE.settings,
    test_code: "TEST123",
    sealed: SENDABLE.sealed,
    secrets: {},
  }),
  "trakit.begin_connection": () => true,
  "trakit.open_connection": () => true,
  "trakit.take_connection": () => "unknown",
  "trakit.setup_signals": () => ({
    last_webhook_at: AT,
    last_browser_at: AT,
    last_pixel_at: AT,
    last_embed_at: AT,
    orders: 1,
    orders_with_browser: 1,
    own_tags: [],
  }),
  "trakit.shop_status": () => ({
    shop: SHOP_ROW,
    destinations: [DESTINATION],
    last_24_hours: [],
    refusals: [],
    quarantined: 0,
    unreadable_orders: [],
  }),
  "trakit.match_quality": () => [],
  "trakit.trace_order": () => [],
  "trakit.privacy_log": () => [],
  "trakit.privacy_export": () => null,
  "api.replay": () => COUNTS,
  "trakit.queue_totals": () => ({ pending: 0, due: 0, oldest_due_seconds: 0 }),
  "trakit.queue_watch": () => WATCH,
  "trakit.queue_metrics": () => ({
    ...WATCH,
    waiting: [],
    recent: [],
    lanes: [],
    expired: [],
    replays: 0,
    unreadable_orders: 0,
  }),
  "trakit.wake_lanes": () => ({ skipped: true, lanes: 0, jobs: 0, called: false }),
  "trakit.purge": () => ({ partitions: 0, keys: 0, quarantine: 0, refusals: 0, cart_adds: 0 }),
  "trakit.purge_visitors": () => 0,
  "trakit.ensure_partitions": () => 0,
};

/** A database that knows every function above; of sets it gives none. Any other function is an error of this file. */
const agreeable: Database = {
  rows: <Row extends object>(text: string, values: readonly unknown[] = []) => {
    if (text.startsWith("select to_jsonb(r)")) return Promise.resolve([]);
    const name = /^select ([a-z_.]{1,60})\(/.exec(text)?.[1] ?? "";
    const answer = ANSWERS[name];
    const given = (argument: string) =>
      values[Number(new RegExp(`\\b${argument} => \\$(\\d+)`).exec(text)?.[1]) - 1];
    return Promise.resolve([{ result: answer ? answer(given) : null } as Row]);
  },
  close: () => Promise.resolve(),
};

export interface Door {
  known: Known;
  /** By the first part of the path, as the gateway chooses; null = there is no such function. */
  handlerOf(target: string): ((request: Request) => Promise<Response>) | null;
  /** Everything promised to `waitUntil` is done. */
  settled(): Promise<void>;
  /** Errors logged since the last call: each is a bug. */
  errors(): string[];
}

export function frontDoor(): Door {
  const promises: Promise<unknown>[] = [];
  let errors: string[] = [];
  const waitUntil = (promise: Promise<unknown>) => void promises.push(promise);
  const now = () => Date.now();
  const log = createLogger((line) => {
    if (line.includes('"level":"error"')) errors.push(line);
  }, now);
  const secret = "the-app-secret-of-the-tests";
  const apiKey = "0123456789abcdef0123456789abcdef";
  const send = () =>
    Promise.resolve({
      kind: "answer" as const,
      status: 200,
      headers: {},
      body: '{"events_received":1}',
      cut: false,
      ms: 1,
    });
  const fetch = () =>
    Promise.resolve(
      new Response(
        '{"access_token":"x","scope":"read_orders","expires_in":3600,"refresh_token":"y","refresh_token_expires_in":7776000}',
        {
          headers: { "content-type": "application/json" },
        },
      ),
    );
  const deps = pipelineDependencies({
    db: agreeable,
    send,
    now,
    pause: () => Promise.resolve(),
    random: () => 0.5,
    keys: KEYS,
    vendorHosts: {},
    slots: new Slots(256),
    log,
    databaseNow: () => new Date(now()),
  });
  const appUrl = "https://app.example/functions/v1";
  const adminUrl = "https://admin.example/";
  const merchant = {
    ...deps,
    shopify: createShopifyApp({
      apiKey,
      secrets: [secret],
      appUrl,
      fetch,
      now,
      adminApiUrl: "http://shopify.test",
    }),
    appUrl,
    adminUrl,
    fetch,
    oauthClients: { tiktok: { id: "client", secret: "secret" } },
    jwtSecret: "the-projects-jwt-secret-of-the-tests-0123456789",
  };
  const operator = { ...deps, shopify: merchant, operatorKey: OPERATOR };
  const handlers = new Map<string, (request: Request) => Promise<Response>>(Object.entries({
    proxy: proxyHandler({
      ...deps,
      secrets: [secret],
      waitUntil,
      chance: (bytes) => createHash("sha256").update(String(now())).digest().subarray(0, bytes),
      scripts: { "trakit.js": { text: "void 0;", etag: "v1" } },
    }),
    webhooks: webhooksHandler({ ...deps, secrets: [secret], waitUntil }),
    drain: drainHandler({ ...operator, pause: () => Promise.resolve() }),
    health: healthHandler({ ...operator, version: "0.0.0", runtime: "fuzz" }),
    install: installHandler(merchant),
    admin: adminHandler(merchant),
  }));
  return {
    known: { shop: SHOP, keys: KEYS, apiKey, secret, operatorKey: OPERATOR, now },
    handlerOf: (target) => handlers.get(/^\/([a-z]+)(?:[/?]|$)/.exec(target)?.[1] ?? "") ?? null,
    async settled() {
      while (promises.length > 0) await promises.shift();
    },
    errors() {
      const found = errors;
      errors = [];
      return found;
    },
  };
}
