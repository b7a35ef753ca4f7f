import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { fromShopify } from "../support/captured.ts";
import { JWT_SECRET, merchantApi, META } from "../support/merchant-api.ts";
import { merchantKit } from "../support/merchant.ts";

const kit = await merchantKit();
const { call, installed, set } = merchantApi(kit);

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
      next: null,
    });
    const after = encodeURIComponent("2031-03-12 12:00:00.5+00/7");
    expect((await call(shop, `GET /privacy/${asked!.r.id}/export?after=${after}`)).body).toEqual({
      events: [],
      next: null,
    });
    expect((await call(shop, `GET /privacy/${asked!.r.id}/export?after=yesterday`)).status).toBe(404);
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
    const shop = await installed();
    const without = merchantApi(kit, { jwtSecret: undefined });
    const answer = await without.call(shop, "POST /token");
    expect(answer.status).toBe(501);
  });
});
