import { expect } from "vitest";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { openApp } from "@trakit/pipeline/shopify/installation.ts";
import type { AdminDependencies } from "../../functions/admin/dependencies.ts";
import { adminHandler } from "../../functions/admin/handler.ts";
import { ADMIN_URL, type merchantKit } from "./merchant.ts";

export const JWT_SECRET = "the-projects-jwt-secret-of-the-tests-0123456789";
export const META = DEMO_DESTINATIONS["meta"]!;

export interface Call {
  body?: unknown;
  bearer?: string | null;
  headers?: Record<string, string>;
}

/** The merchant's API over a merchant's world, and the ways tests use it. */
export function merchantApi(
  kit: Awaited<ReturnType<typeof merchantKit>>,
  change: Partial<AdminDependencies> = {},
) {
  const deps: AdminDependencies = {
    ...kit.world,
    fetch,
    send: createSend(byFetch(fetch), { timeoutMs: SEND_TIMEOUT_MS, now: kit.world.now }),
    vendorHosts: kit.vendorHosts,
    oauthClients: kit.oauthClients,
    adminUrl: ADMIN_URL,
    jwtSecret: JWT_SECRET,
    ...change,
  };
  const handle = adminHandler(deps);

  /** `route` is `METHOD /path`; by default with a session token of the shop. */
  async function call(shop: string, route: string, options: Call = {}) {
    const [method, path] = route.split(" ") as [string, string];
    const bearer = options.bearer === undefined ? kit.shopify().sessionToken(shop) : options.bearer;
    const response = await handle(
      new Request(`https://app.example/admin${path}`, {
        method,
        headers: {
          ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      }),
    );
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      // deno-lint-ignore no-explicit-any
      body: (text ? JSON.parse(text) : null) as any,
    };
  }

  async function installed(): Promise<string> {
    const shop = kit.newDomain();
    expect(await openApp(kit.world, shop, kit.shopify().sessionToken(shop))).toMatchObject({ ok: true });
    return shop;
  }

  const set = (shop: string, platform: string, body: unknown) =>
    call(shop, `PUT /destinations/${platform}`, { body });

  return { deps, handle, call, installed, set };
}
