import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { openApp } from "@trakit/pipeline/installation.ts";
import { uninstallShop } from "@trakit/db/calls/uninstall-shop.ts";
import { adminHandler } from "../../functions/admin/handler.ts";
import { ADMIN_URL, merchantKit } from "../support/merchant.ts";
import { expectUnlogged } from "../support/pipeline.ts";
import { fromShopify } from "../support/captured.ts";

const kit = await merchantKit();
const JWT_SECRET = "the-projects-jwt-secret-of-the-tests-0123456789";
const handle = adminHandler({
  ...kit.world,
  fetch,
  vendorHosts: kit.vendorHosts,
  adminUrl: ADMIN_URL,
  jwtSecret: JWT_SECRET,
});

interface Call {
  body?: unknown;
  bearer?: string | null;
  headers?: Record<string, string>;
}

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

const META = DEMO_DESTINATIONS["meta"]!;
const set = (shop: string, platform: string, body: unknown) =>
  call(shop, `PUT /destinations/${platform}`, { body });

describe("destinations", () => {
  test("are set up with a token the platform was shown; it is stored sealed and never given back", async () => {
    const shop = await installed();
    const answer = await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        token_check: "accepted",
        destination: {
          platform: "meta",
          configured: true,
          token: "stored",
          last_four: META.token.slice(-4),
          lane: "closed",
        },
      },
    });
    const everything = [
      answer.text,
      (await call(shop, "GET /destinations")).text,
      (await call(shop, "GET /health")).text,
    ];
    expect(everything.join()).not.toContain(META.token);
    expectUnlogged(kit.lines, [META.token, shop]);
    expect((await kit.row("destination_secrets", shop))!.sealed).not.toContain(META.token);
    expect(kit.vendors.requests().flatMap((request) => request.events)).toEqual([]);
  });

  test("refuse a token the platform refuses, and what its schema refuses, and keep what was there", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    const before = await kit.row("destination_secrets", shop);
    const fault = (body: unknown) =>
      fetch(`${kit.vendors.url}/_faults/meta`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    await fault({ kind: "bad_token" });
    expect(await set(shop, "meta", { token: `${META.token.slice(0, -6)}WRONG1` })).toMatchObject({
      status: 422,
      body: { code: "token_refused" },
    });
    await fault(null);
    expect(await set(shop, "meta", { settings: { id: "not digits" } })).toMatchObject({
      status: 422,
      body: { code: "invalid_settings" },
    });
    expect(await kit.row("destination_secrets", shop)).toEqual(before);
  });

  test("of Google say that its secret cannot be checked", async () => {
    const google = DEMO_DESTINATIONS["google"]!;
    expect(await set(await installed(), "google", { settings: { id: google.id }, token: google.token }))
      .toMatchObject({
        status: 200,
        body: { token_check: "cannot_be_checked" },
      });
  });

  test("change only in what is named, and take no key they do not know", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    expect(await set(shop, "meta", { enabled: false, events: ["checkout_completed"], test_code: "TEST1" }))
      .toMatchObject({
        status: 200,
        body: {
          token_check: "unchanged",
          destination: {
            enabled: false,
            events: ["checkout_completed"],
            test_code: "TEST1",
            settings: { id: META.id },
          },
        },
      });
    const taken = await kit.row("destinations", shop);
    for (
      const body of [
        { shop_id: "00000000-0000-0000-0000-000000000000" },
        { sealed: "v1.a.b.c" },
        { purpose: "analytics" },
        { max_age: "1 year" },
        { settings: { id: META.id, base_url: "http://169.254.169.254" } },
        { settings: { id: META.id, __proto__: { x: 1 }, endpoint: "http://127.0.0.1" } },
        { enabled: "yes" },
      ]
    ) {
      expect((await set(shop, "meta", body)).status, JSON.stringify(body)).toBe(422);
    }
    expect(await kit.row("destinations", shop)).toEqual(taken);
  });

  test("of a platform there is not are 404", async () => {
    const shop = await installed();
    for (const name of ["nobody", "__proto__", "constructor", "..%2Fmeta"]) {
      expect((await set(shop, name, { settings: { id: "1" } })).status, name).toBe(404);
    }
  });

  test("send a test event in test mode only, and say what the platform said", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    expect(await call(shop, "POST /destinations/meta/test", { body: {} })).toMatchObject({
      status: 409,
      body: { code: "no_test_code" },
    });
    await set(shop, "meta", { test_code: "TEST12345" });
    kit.vendors.reset();
    for (const event of ["page_viewed", "checkout_completed"]) {
      expect(await call(shop, "POST /destinations/meta/test", { body: { event } })).toMatchObject({
        status: 200,
        body: { outcome: "delivered", reason: "accepted" },
      });
    }
    expect(kit.vendors.requests().map((request) => request.problems)).toEqual([[], []]);
    expect(await call(shop, "POST /destinations/tiktok/test", { body: {} })).toMatchObject({ status: 404 });
    expect(await kit.row("events", shop)).toBeUndefined();
  });
});

describe("settings of the shop", () => {
  test("change by name; those of the operator do not", async () => {
    const shop = await installed();
    expect(await call(shop, "PATCH /shop", { body: { order_topic: "orders/paid", unknown_consent: "skip" } }))
      .toMatchObject({
        status: 200,
        body: {
          settings: { order_topic: "orders/paid", unknown_consent: "skip", test_orders: "skip" },
          setup: { shop },
        },
      });
    expect(
      (await call(shop, "PATCH /shop", { body: { unknown_consent: null } })).body.settings.unknown_consent,
    ).toBeNull();
    for (
      const body of [
        { id: "x" },
        { domain: "evil.myshopify.com" },
        { status: "uninstalled" },
        { first_party: "http://169.254.169.254/latest" },
        { hosts: ["evil.example"] },
        { events_per_minute: 1_000_000 },
        { order_topic: "orders/updated" },
        {},
        [],
        null,
      ]
    ) {
      expect((await call(shop, "PATCH /shop", { body })).status, JSON.stringify(body)).toBe(422);
    }
    expect(await kit.row("shops", shop)).toMatchObject({
      domain: shop,
      status: "active",
      first_party: null,
      hosts: [shop],
    });
  });
});

describe("looking", () => {
  test("set-up is a list of checks with what is missing", async () => {
    const { checks } = (await call(await installed(), "GET /setup")).body as {
      checks: { check: string; state: string }[];
    };
    expect(Object.fromEntries(checks.map(({ check, state }) => [check, state]))).toEqual({
      shopify_token: "ok",
      scopes: "ok",
      web_pixel: "ok",
      theme_embed: "missing",
      proxy: "missing",
      webhooks: "missing",
      destinations: "missing",
      double_counting: "unknown",
    });
  });

  test("an order is shown across platforms to its own shop, and to another there is none", async () => {
    const [shop, other] = [await installed(), await installed()];
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    await kit.database.query("trakit_edge", "select trakit.ingest_events($1, $2)", [
      shop,
      JSON.stringify([
        fromShopify("checkout_completed", {
          occurred_at: new Date(),
          commerce: { order_id: "4711", order_name: "#1042", total: "5", currency: "USD" },
        }),
      ]),
    ]);
    for (const name of ["4711", encodeURIComponent("#1042")]) {
      expect((await call(shop, `GET /orders/${name}`)).body.events).toMatchObject([
        {
          name: "checkout_completed",
          order_name: "#1042",
          deliveries: [{ platform: "meta", state: "pending" }],
        },
      ]);
      expect((await call(other, `GET /orders/${name}`)).body.events).toEqual([]);
    }
    expect((await call(shop, "GET /orders/'%20or%201=1")).status).toBe(404);
    expect((await call(shop, "GET /health")).body).toMatchObject({
      destinations: [{ platform: "meta" }],
      quarantined: 0,
    });
  });

  test("a replay is counted first and done when asked; a platform the shop has not is 404", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    const since = new Date(Date.now() - 3_600_000).toISOString();
    expect(await call(shop, "POST /replay", { body: { since } })).toMatchObject({
      status: 200,
      body: { replayed: 0 },
    });
    expect(await call(shop, "POST /replay", { body: { since, dry_run: false } })).toMatchObject({
      status: 200,
      body: { replayed: 0, done: true },
    });
    expect((await call(shop, "POST /replay", { body: { since, platform: "tiktok" } })).status).toBe(404);
    expect((await call(shop, "POST /replay", { body: { since: "yesterday" } })).status).toBe(422);
    expect((await call(shop, "POST /replay", { body: { since, until: since } })).status).toBe(422);
  });

  test("a customer's export is ready for the shop that was asked, and for no other", async () => {
    const [shop, other] = [await installed(), await installed()];
    const [asked] = await kit.database.query<{ r: { id: string } }>(
      "trakit_edge",
      "select trakit.request_privacy($1, 'export', 'r', $2, now()) as r",
      [shop, JSON.stringify({ customers: ["7"], emails: [], phones: [], orders: [] })],
    );
    expect((await call(shop, "GET /privacy")).body.requests).toMatchObject([{
      kind: "export",
      state: "pending",
    }]);
    expect((await call(shop, "GET /privacy")).text).not.toContain("customers");
    expect((await call(shop, `GET /privacy/${asked!.r.id}/export`)).body).toMatchObject({
      customers: [],
      events: [],
    });
    expect((await call(other, `GET /privacy/${asked!.r.id}/export`)).status).toBe(404);
    expect((await call(shop, "GET /privacy/1/export")).status).toBe(404);
  });
});

describe("the token for supabase-js", () => {
  test("is good for ten minutes, names one shop, and opens that shop's rows alone", async () => {
    const [shop, other] = [await installed(), await installed()];
    const { body } = await call(shop, "POST /token");
    const [head, claims, signature] = (body.token as string).split(".");
    expect(createHmac("sha256", JWT_SECRET).update(`${head}.${claims}`).digest("base64url")).toBe(signature);
    const read = JSON.parse(Buffer.from(claims!, "base64url").toString());
    const row = await kit.row("shops", shop);
    expect(read).toMatchObject({ role: "authenticated", aud: "authenticated", shop_id: row!.id });
    expect(read.exp - read.iat).toBe(600);
    // as PostgREST does it
    const session = kit.database.as("authenticated", read);
    expect(await session.query("select shop_id from api.delivery_health")).toEqual([]);
    await set(other, "meta", { settings: { id: META.id }, token: META.token });
    expect(await session.query("select shop_id from api.delivery_health")).toEqual([]);
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    expect(await session.query("select shop_id from api.delivery_health")).toEqual([{ shop_id: row!.id }]);
  });

  test("is not given out where no secret is set", async () => {
    const without = adminHandler({ ...kit.world, fetch, vendorHosts: {}, adminUrl: ADMIN_URL });
    const shop = await installed();
    const answer = await without(
      new Request("https://app.example/admin/token", {
        method: "POST",
        headers: { authorization: `Bearer ${kit.shopify().sessionToken(shop)}` },
      }),
    );
    expect(answer.status).toBe(501);
  });
});

describe("who may call", () => {
  const ROUTES = [
    "GET /shop",
    "PATCH /shop",
    "GET /destinations",
    "PUT /destinations/meta",
    "POST /destinations/meta/test",
    "GET /setup",
    "GET /orders/1",
    "GET /health",
    "POST /replay",
    "GET /privacy",
    "POST /token",
  ];

  test.each(ROUTES)("%s: nobody without a session token, however they say who they are", async (route) => {
    const shop = await installed();
    const [head, body] = kit.shopify().sessionToken(shop).split(".");
    const tokens = [
      null,
      "x",
      kit.shopify().sessionToken(shop, { aud: "another" }),
      kit.shopify().sessionToken(shop, { exp: 1 }),
      `${head}.${body}.`,
      `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`,
    ];
    for (const bearer of tokens) {
      const answer = await call(shop, route, {
        bearer,
        headers: { "x-shopify-shop-domain": shop, cookie: `shop=${shop}` },
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("x-shopify-retry-invalid-session-request")).toBe("1");
    }
    // a body another page could post without asking is not taken either
    if (!route.startsWith("GET") && route !== "POST /token") {
      const [method, path] = route.split(" ") as [string, string];
      const posted = await handle(
        new Request(`https://app.example/admin${path}`, {
          method,
          headers: {
            authorization: `Bearer ${kit.shopify().sessionToken(shop)}`,
            "content-type": "text/plain",
            origin: "https://evil.example",
          },
          body: "{}",
        }),
      );
      expect(posted.status).toBe(415);
      expect(posted.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  test("a shop that was never installed, or was uninstalled, is 404", async () => {
    expect(await call(kit.newDomain(), "GET /shop")).toMatchObject({
      status: 404,
      body: { code: "unknown_shop" },
    });
    const shop = await installed();
    await uninstallShop(kit.world.db, shop, null, new Date(Date.now() + 5_000));
    expect(await call(shop, "GET /shop")).toMatchObject({ status: 404, body: { code: "uninstalled_shop" } });
  });

  test("more than 120 requests a minute are too many, for that shop alone, and counted in Postgres", async () => {
    const [shop, other] = [await installed(), await installed()];
    await kit.database.query(
      "trakit_edge",
      "select trakit.admin_gate($1, 120, $2) from generate_series(1, 118)",
      [
        shop,
        kit.world.databaseNow!(),
      ],
    );
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await call(shop, "GET /destinations")).status);
    expect(statuses.at(-1)).toBe(429);
    expect((await call(shop, "GET /destinations")).headers.get("retry-after")).toMatch(/^\d+$/);
    expect((await call(other, "GET /destinations")).status).toBe(200);
  });

  test("a huge or broken body, or an unknown address, is refused without a trace of an error", async () => {
    const shop = await installed();
    const huge = await call(shop, "PATCH /shop", { body: { order_topic: "x".repeat(70_000) } });
    expect(huge.status).toBe(413);
    expect((await call(shop, "GET /nothing")).status).toBe(404);
    expect((await call(shop, "DELETE /shop")).status).toBe(404);
    expect(kit.lines.filter((line) => line.includes("admin_failed"))).toEqual([]);
  });
});
