import { randomBytes } from "node:crypto";
import { afterAll, beforeEach } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import type { InstallWorld } from "@trakit/pipeline/shopify/installation.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { createShopifyApp } from "@trakit/runtime/shopify-app.ts";
import { createShopifyAdmin, type ShopifyAdmin } from "@trakit/sandbox/admin/shopify-admin.ts";
import type { AdminCustomer, AdminOrder } from "@trakit/sandbox/admin/graphql.ts";
import { LOGIN_PLATFORMS, loginClient } from "@trakit/sandbox/vendors/oauth.ts";
import { startVendorSandbox } from "@trakit/sandbox/vendors/server.ts";
import { testDatabase } from "./database.ts";
import { KEYS } from "./pipeline.ts";

/** The world of a merchant: a database, Shopify's admin as the sandbox plays it, and the app's way to both. */

export const API_KEY = "0123456789abcdef0123456789abcdef";
export const API_SECRET = "trakit_demo_secret_5f2c9b7e41d84a06";
export const APP_URL = "https://app.example/functions/v1";
export const ADMIN_URL = "https://admin.example/";
const STAND_IN = "http://shopify.test";

/** `fetch` that ends in the sandbox. */
export function shopifyFetch(admin: () => ShopifyAdmin): typeof fetch {
  return async (input, init) => {
    const url = new URL(String(input));
    if (url.origin !== STAND_IN) throw new TypeError(`no way to ${url.origin}`);
    const headers = new Headers(init?.headers);
    const answer = admin().handle({
      method: init?.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      header: (name) => headers.get(name),
      body: String(init?.body ?? ""),
    });
    await Promise.resolve();
    return new Response(answer.body === "" ? null : answer.body, answer);
  };
}

/** Call it at the top of the file: `const kit = await merchantKit();`. */
export async function merchantKit() {
  const database = await testDatabase();
  const db = connect({ url: database.url("trakit_edge"), max: 6, applicationName: "trakit-test" });
  const lines: string[] = [];
  const orders = new Map<string, AdminOrder[]>();
  const customers = new Map<string, AdminCustomer>();
  let offset = 0;
  let stopped: number | null = null;
  // session tokens are checked by Shopify's library against the real clock
  const now = () => (stopped ?? Date.now()) + offset;
  const newAdmin = (): ShopifyAdmin =>
    createShopifyAdmin({
      apiKey: API_KEY,
      secret: API_SECRET,
      redirectUrls: [`${APP_URL}/install/callback`],
      now,
      hex: (bytes) => randomBytes(bytes).toString("hex"),
      orders: (shop) => orders.get(shop) ?? [],
      customer: (_, id) => customers.get(id) ?? null,
    });
  let admin = newAdmin();
  const vendors = await startVendorSandbox({
    port: 0,
    now,
    redirect: (platform, uri) =>
      new RegExp(
        `^(https://app\\.example|http://127\\.0\\.0\\.1:\\d+)/functions/v1/admin/connect/${platform}/callback$`,
      ).test(uri),
  });
  await database.query("trakit_edge", "select trakit.ensure_partitions(3, $1)", [new Date()]);
  const shopify = createShopifyApp({
    apiKey: API_KEY,
    secrets: [API_SECRET, "the-secret-before-rotation"],
    appUrl: APP_URL,
    fetch: shopifyFetch(() => admin),
    now,
    adminApiUrl: STAND_IN,
  });
  const world: InstallWorld = {
    db,
    shopify,
    keys: KEYS,
    log: createLogger((line) => lines.push(line), now),
    appUrl: APP_URL,
    now,
    databaseNow: () => new Date(now()),
    pause: () => Promise.resolve(),
  };
  beforeEach(() => {
    lines.length = 0;
    vendors.reset();
    offset = 0;
    stopped = null;
    admin = newAdmin();
    orders.clear();
    customers.clear();
  });
  afterAll(async () => {
    await db.close();
    await vendors.close();
  });

  return {
    database,
    lines,
    world,
    vendors,
    /** Vendor hosts that lead to the sandbox. */
    vendorHosts: Object.fromEntries(
      PLATFORMS.map((platform) => [destination(platform)!.baseUrlSetting, vendors.url]),
    ),
    /** The app's clients at the platforms. */
    oauthClients: Object.fromEntries(LOGIN_PLATFORMS.map((platform) => [platform, loginClient(platform)])),
    orders,
    customers,
    shopify: () => admin,
    /** Moves the database's and Shopify's clock. */
    pass(seconds: number) {
      offset += seconds * 1_000;
    },
    /** Stops both clocks until the test ends: what passes then is what is passed, however slow the machine. */
    stopClock() {
      stopped = Date.now();
    },
    newDomain: () => `shop-${randomBytes(6).toString("hex")}.myshopify.com`,
    row: async (table: string, domain: string) =>
      (await database.query<Record<string, unknown>>(
        "postgres",
        `select t.* from trakit.${table} t join trakit.shops s on s.id = ${
          table === "shops" ? "t.id" : "t.shop_id"
        } where s.domain = $1`,
        [domain],
      ))[0],
  };
}
