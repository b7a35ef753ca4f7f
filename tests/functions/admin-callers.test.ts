import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { uninstallShop } from "@trakit/db/calls/uninstall-shop.ts";
import { merchantApi } from "../support/merchant-api.ts";
import { merchantKit } from "../support/merchant.ts";

const kit = await merchantKit();
const { call, handle, installed } = merchantApi(kit);

describe("who may call", () => {
  const ROUTES = [
    "GET /shop",
    "PATCH /shop",
    "GET /destinations",
    "PUT /destinations/meta",
    "POST /destinations/meta/test",
    "POST /destinations/meta/connect",
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
      "select trakit.admin_gate($1, 120, null, $2) from generate_series(1, 118)",
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
