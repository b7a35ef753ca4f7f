import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { uninstallShop } from "@trakit/db/calls/uninstall-shop.ts";
import { completeSetup } from "@trakit/pipeline/shopify/installation.ts";
import { installHandler } from "../../functions/install/handler.ts";
import { ADMIN_URL, APP_URL, merchantKit } from "../support/merchant.ts";
import { expectUnlogged } from "../support/pipeline.ts";

const kit = await merchantKit();
const handle = installHandler({ ...kit.world, adminUrl: ADMIN_URL });

const get = (
  query: Record<string, string> | string,
  headers: Record<string, string> = {},
  path = "install",
) =>
  handle(
    new Request(`${APP_URL.replace("/functions/v1", "")}/${path}?${new URLSearchParams(query)}`, {
      headers: { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0", ...headers },
    }),
  );
const token = (bearer: string | null) =>
  handle(
    new Request("https://app.example/install/token", {
      method: "POST",
      headers: bearer === null ? {} : { authorization: `Bearer ${bearer}` },
    }),
  );
const host = Buffer.from("admin.shopify.com/store/x").toString("base64");

async function install(shop: string): Promise<void> {
  const answer = await get({ shop, host, id_token: kit.shopify().sessionToken(shop) });
  expect(answer.status).toBe(302);
}

describe("the first opening of the app", () => {
  test("exchanges the token on the server, creates the web pixel, notes the country, leads to the page", async () => {
    const shop = kit.newDomain();
    const answer = await get({ shop, host, embedded: "1", id_token: kit.shopify().sessionToken(shop) });
    expect(answer.status).toBe(302);
    const page = new URL(answer.headers.get("location")!);
    expect(page.origin + page.pathname).toBe(ADMIN_URL);
    expect(Object.fromEntries(page.searchParams)).toEqual({ shop, host });

    expect(kit.shopify().calls).toEqual(["exchange", "graphql", "graphql"]);
    expect(JSON.parse(kit.shopify().pixel(shop)!.settings)).toEqual({
      endpoint: `${APP_URL}/proxy`,
      key: expect.stringMatching(/^shop-[0-9a-f]{12}\.[A-Za-z0-9_-]{22}$/),
    });
    expect(await kit.row("shops", shop)).toMatchObject({ status: "active", country: "US", hosts: [shop] });
    const row = await kit.row("installations", shop);
    expect(row).toMatchObject({
      trouble: null,
      pixel_trouble: null,
      scopes: expect.arrayContaining(["read_orders"]),
    });
    // no token in clear, in the row, in a log line, in the answer
    expect(JSON.stringify(row)).not.toMatch(/shpat_|shprt_/);
    expectUnlogged(kit.lines, ["shpat_", "shprt_", "eyJhb", shop]);
    expect([...answer.headers].join()).not.toMatch(/shpat_|shprt_/);
  });

  test("again is quick: nothing is exchanged or created twice", async () => {
    const shop = kit.newDomain();
    await install(shop);
    kit.shopify().calls.length = 0;
    await install(shop);
    expect(kit.shopify().calls).toEqual([]);
  });

  test("by the page's own session token tells how far set-up is", async () => {
    const shop = kit.newDomain();
    const answer = await token(kit.shopify().sessionToken(shop));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ shop, token: "ok", pixel: "connected", missing_scopes: [] });
  });

  test("while Shopify is down says so, and the next visit completes it", async () => {
    const shop = kit.newDomain();
    kit.shopify().down = 503;
    expect((await get({ shop, id_token: kit.shopify().sessionToken(shop) })).status).toBe(503);
    expect(await kit.row("shops", shop)).toBeUndefined();
    kit.shopify().down = null;
    await install(shop);
    expect(kit.shopify().pixel(shop)).not.toBeNull();
  });

  test("without the pixel's scope is installed with the reason, and complete once it is granted", async () => {
    const shop = kit.newDomain();
    kit.shopify().grant(shop, ["read_orders"]);
    const first = await (await token(kit.shopify().sessionToken(shop))).json();
    expect(first).toMatchObject({ pixel: "missing", pixel_trouble: "unexpected_answer", token: "ok" });
    expect((first as { missing_scopes: string[] }).missing_scopes).toContain("write_pixels");
    kit.shopify().grant(shop, ["read_orders", "read_customer_events", "write_pixels"]);
    expect(await (await token(kit.shopify().sessionToken(shop))).json()).toMatchObject({
      pixel: "connected",
      pixel_trouble: null,
    });
  });

  test("a crash after the pixel was made finds it again instead of failing for ever", async () => {
    const shop = kit.newDomain();
    await install(shop);
    const { id } = kit.shopify().pixel(shop)!;
    await kit.database.query(
      "postgres",
      "update trakit.installations set pixel_id = null, pixel_settings = null",
    );
    expect(await completeSetup(kit.world, shop)).toMatchObject({ pixel_id: id, pixel_trouble: null });
  });

  test("an app that has moved gives its pixel the new address", async () => {
    const shop = kit.newDomain();
    await install(shop);
    await completeSetup({ ...kit.world, appUrl: "https://moved.example/functions/v1" }, shop);
    expect(JSON.parse(kit.shopify().pixel(shop)!.settings).endpoint).toBe(
      "https://moved.example/functions/v1/proxy",
    );
  });

  test("after an uninstall brings the shop back; news of that uninstall, coming late, does nothing", async () => {
    const shop = kit.newDomain();
    await install(shop);
    const removed = new Date(kit.world.now() + 1_000).toISOString();
    kit.pass(2);
    kit.shopify().uninstall(shop);
    await uninstallShop(kit.world.db, shop, removed, new Date(kit.world.now()));
    expect(await kit.row("installations", shop)).toMatchObject({ sealed_access: null, sealed_refresh: null });
    kit.pass(2);
    await install(shop);
    expect(await kit.row("shops", shop)).toMatchObject({ status: "active", uninstalled_at: null });
    expect(kit.shopify().pixel(shop)).not.toBeNull();
    expect(await uninstallShop(kit.world.db, shop, removed, new Date(kit.world.now()))).toBe("reinstalled");
    expect(await kit.row("installations", shop)).toMatchObject({ trouble: null });
  });
});

describe("the app's page", () => {
  const preflight = (origin: string) =>
    handle(
      new Request("https://app.example/install/token", {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization",
        },
      }),
    );

  test("may call from its own origin, and no other page may", async () => {
    const allowed = await preflight(new URL(ADMIN_URL).origin);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(new URL(ADMIN_URL).origin);
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();
    for (const origin of ["https://evil.example", "null", `${new URL(ADMIN_URL).origin}.evil.example`]) {
      expect((await preflight(origin)).headers.get("access-control-allow-origin"), origin).toBeNull();
    }
  });
});

describe("session tokens", () => {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

  test.each<[string, (shop: string) => string | null]>([
    ["none", () => null],
    ["garbage", () => "a.b.c"],
    ["an endless one", () => "x".repeat(10_000)],
    ["expired", (shop) => kit.shopify().sessionToken(shop, { exp: Math.floor(Date.now() / 1000) - 60 })],
    [
      "not yet valid",
      (shop) => kit.shopify().sessionToken(shop, { nbf: Math.floor(Date.now() / 1000) + 120 }),
    ],
    ["of another app", (shop) => kit.shopify().sessionToken(shop, { aud: "another-app" })],
    [
      "whose issuer is another shop",
      (shop) => kit.shopify().sessionToken(shop, { iss: "https://evil.myshopify.com/admin" }),
    ],
    [
      "whose shop is no shop",
      (shop) =>
        kit.shopify().sessionToken(shop, { dest: "https://evil.example", iss: "https://evil.example" }),
    ],
    [
      "whose shop hides behind a user name",
      (shop) =>
        kit.shopify().sessionToken(shop, {
          dest: `https://${shop}@evil.example`,
          iss: `https://${shop}@evil.example`,
        }),
    ],
    [
      "over plain http",
      (shop) => kit.shopify().sessionToken(shop, { dest: `http://${shop}`, iss: `http://${shop}` }),
    ],
    ["unsigned", (shop) => {
      const [, body] = kit.shopify().sessionToken(shop).split(".");
      return `${part({ alg: "none", typ: "JWT" })}.${body}.`;
    }],
    ["signed with another key", (shop) => {
      const [head, body] = kit.shopify().sessionToken(shop).split(".");
      return `${head}.${body}.${createHmac("sha256", "x").update(`${head}.${body}`).digest("base64url")}`;
    }],
    ["with another's claims under its signature", (shop) => {
      const [head, , signature] = kit.shopify().sessionToken(shop).split(".");
      return `${head}.${kit.shopify().sessionToken("victim.myshopify.com").split(".")[1]}.${signature}`;
    }],
  ])("%s: 401, and App Bridge is told to try again", async (_, make) => {
    const shop = kit.newDomain();
    const bearer = make(shop);
    const answer = await token(bearer);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("x-shopify-retry-invalid-session-request")).toBe("1");
    expect(await answer.json()).toMatchObject({ code: "invalid_session_token" });
    if (bearer !== null && bearer.length < 5_000) {
      expect((await get({ shop, id_token: bearer })).status).toBe(401);
      expectUnlogged(kit.lines, [bearer]);
    }
    expect(kit.shopify().calls).toEqual([]);
  });

  test("of one shop open no other", async () => {
    const [mine, theirs] = [kit.newDomain(), kit.newDomain()];
    expect((await get({ shop: theirs, id_token: kit.shopify().sessionToken(mine) })).status).toBe(401);
    expect(await kit.row("shops", theirs)).toBeUndefined();
  });
});
