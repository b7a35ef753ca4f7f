import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { keepTokens, openApp } from "@trakit/pipeline/shopify/installation.ts";
import { dueRefreshes } from "@trakit/db/calls/due-refreshes.ts";
import { accessToken, askShop, refreshDue } from "@trakit/pipeline/shopify/shop-token.ts";
import { merchantKit } from "../support/merchant.ts";

const kit = await merchantKit();
/** Callers that meet wait for the one that refreshes, as long as they would: how long that takes is the machine's. */
const meeting = { ...kit.world, pause: (ms: number) => delay(ms) };
const QUERY = "query { shop { billingAddress { countryCodeV2 } } }";

async function install(): Promise<string> {
  const shop = kit.newDomain();
  expect(await openApp(kit.world, shop, kit.shopify().sessionToken(shop))).toMatchObject({ ok: true });
  return shop;
}

describe("the offline token", () => {
  test("is refreshed five minutes before its end, by one of many callers, and both of the pair are new", async () => {
    const shop = await install();
    const before = await kit.row("installations", shop);
    const first = await accessToken(kit.world, shop);
    expect(kit.shopify().calls).not.toContain("refresh");
    kit.pass(56 * 60);
    kit.shopify().calls.length = 0;
    const tokens = await Promise.all(Array.from({ length: 12 }, () => accessToken(meeting, shop)));
    expect(kit.shopify().calls).toEqual(["refresh"]);
    for (const token of tokens) expect(token).toMatchObject({ ok: true });
    const after = await kit.row("installations", shop);
    expect(after!.sealed_access).not.toBe(before!.sealed_access);
    expect(after!.sealed_refresh).not.toBe(before!.sealed_refresh);
    expect(after!.refresh_lease).toBeNull();
    expect(await accessToken(kit.world, shop)).not.toEqual(first);
  });

  test("whose refresher died is refreshed by the next: Shopify takes the old refresh token until the new pair is used", async () => {
    const shop = await install();
    kit.pass(61 * 60);
    // a caller that got Shopify's answer and did not live to store it
    const dying = { ...kit.world, db: { ...kit.world.db, rows: kit.world.db.rows.bind(kit.world.db) } };
    const rows = dying.db.rows;
    dying.db.rows =
      ((text: string, values: unknown[]) =>
        text.includes("trakit.refreshed")
          ? Promise.reject(new Error("killed"))
          : rows(text, values)) as never;
    await expect(accessToken(dying, shop)).rejects.toThrow("killed");
    expect(await accessToken(kit.world, shop)).toEqual({ ok: false, reason: "unavailable" });
    kit.pass(31);
    expect(await accessToken(kit.world, shop)).toMatchObject({ ok: true });
  });

  test("that Shopify refuses to renew asks for the merchant, and the merchant's visit mends it", async () => {
    const shop = await install();
    kit.shopify().uninstall(shop);
    kit.pass(61 * 60);
    expect(await accessToken(kit.world, shop)).toEqual({ ok: false, reason: "reopen_app" });
    kit.shopify().calls.length = 0;
    expect(await accessToken(kit.world, shop)).toEqual({ ok: false, reason: "reopen_app" });
    expect(kit.shopify().calls).toEqual([]);
    // Shopify's library reads session tokens by the real clock
    kit.pass(-61 * 60);
    await openApp(kit.world, shop, kit.shopify().sessionToken(shop));
    expect(await kit.row("installations", shop)).toMatchObject({ trouble: null });
  });

  test("while Shopify is down stays what it is, and the next call tries again", async () => {
    const shop = await install();
    kit.pass(61 * 60);
    kit.shopify().down = 502;
    expect(await accessToken(kit.world, shop)).toEqual({ ok: false, reason: "unavailable" });
    kit.shopify().down = null;
    expect(await accessToken(kit.world, shop)).toMatchObject({ ok: true });
  });

  test("that Shopify ends before its hour is renewed at the first 401, once, and the question asked again", async () => {
    const shop = await install();
    const { graphql } = kit.world.shopify;
    let refusals = 1;
    const world = {
      ...kit.world,
      shopify: {
        ...kit.world.shopify,
        graphql:
          ((...args: Parameters<typeof graphql>) =>
            refusals-- > 0
              ? Promise.resolve({ ok: false, reason: "unauthorized" })
              : graphql(...args)) as typeof graphql,
      },
    };
    kit.shopify().calls.length = 0;
    expect(await askShop(world, shop, QUERY)).toMatchObject({ ok: true });
    expect(kit.shopify().calls).toEqual(["refresh", "graphql"]);
    // a second 401 is the answer: no circle of renewals
    refusals = 2;
    kit.shopify().calls.length = 0;
    expect(await askShop(world, shop, QUERY)).toMatchObject({ ok: false, reason: "unauthorized" });
    expect(kit.shopify().calls).toEqual(["refresh"]);
  });

  test("that Shopify took back asks for the merchant at once, not when its hour is over; their visit mends it", async () => {
    const shop = await install();
    kit.shopify().revoke(shop);
    expect(await askShop(kit.world, shop, QUERY)).toEqual({ ok: false, reason: "reopen_app" });
    expect(await kit.row("installations", shop)).toMatchObject({ trouble: "reopen_app" });
    await openApp(kit.world, shop, kit.shopify().sessionToken(shop));
    expect(await askShop(kit.world, shop, QUERY)).toMatchObject({ ok: true });
  });

  test("that Shopify took back, found out while the merchant is here, is exchanged in that visit", async () => {
    const shop = await install();
    await kit.database.query(
      "postgres",
      `update trakit.installations i set pixel_id = null, pixel_settings = null from trakit.shops s
       where s.id = i.shop_id and s.domain = $1`,
      [shop],
    );
    kit.shopify().revoke(shop);
    const opened = await openApp(kit.world, shop, kit.shopify().sessionToken(shop));
    expect(opened).toMatchObject({ ok: true, installation: { trouble: null, pixel_trouble: null } });
  });

  test("that another caller has renewed meanwhile is not renewed again", async () => {
    const shop = await install();
    const { graphql } = kit.world.shopify;
    let met = 0;
    const together: (() => void)[] = [];
    const world = {
      ...meeting,
      shopify: {
        ...kit.world.shopify,
        // five callers hold the same token, and are all refused
        graphql: (async (...args: Parameters<typeof graphql>) => {
          if (++met > 5) return await graphql(...args);
          await new Promise<void>((resolve) => {
            together.push(resolve);
            if (together.length === 5) { for (const go of together) go(); }
          });
          return { ok: false, reason: "unauthorized" };
        }) as typeof graphql,
      },
    };
    kit.shopify().calls.length = 0;
    const answers = await Promise.all(Array.from({ length: 5 }, () => askShop(world, shop, QUERY)));
    for (const answer of answers) expect(answer).toMatchObject({ ok: true });
    expect(kit.shopify().calls.filter((one) => one === "refresh")).toHaveLength(1);
  });

  test(
    "of idle shops is renewed by the daily job long before its ninety days; a thousand are eight at a time",
    async () => {
      const shops = Array.from({ length: 1_000 }, kit.newDomain);
      await Promise.all(Array.from({ length: 8 }, async (_, first) => {
        for (let i = first; i < shops.length; i += 8) {
          const answer = await kit.world.shopify.exchange(shops[i]!, kit.shopify().sessionToken(shops[i]!));
          if (!answer.ok) throw new Error(answer.reason);
          await keepTokens(kit.world, shops[i]!, answer.tokens);
        }
      }));
      kit.pass(29 * 86_400);
      expect(await refreshDue(kit.world)).toEqual({ refreshed: 0, failed: 0 });
      kit.pass(2 * 86_400);
      let [now, most] = [0, 0];
      const counted = {
        ...kit.world,
        shopify: {
          ...kit.world.shopify,
          refresh: async (shop: string, token: string) => {
            most = Math.max(most, ++now);
            const answer = await kit.world.shopify.refresh(shop, token);
            now--;
            return answer;
          },
        },
      };
      kit.shopify().calls.length = 0;
      const { refreshed } = await refreshDue(counted);
      expect(refreshed).toBeGreaterThanOrEqual(1_000);
      expect(most).toBeLessThanOrEqual(8);
      // each once, and not again on the same day
      expect(kit.shopify().calls.filter((one) => one === "refresh").length).toBe(refreshed);
      expect(await refreshDue(kit.world)).toMatchObject({ refreshed: 0 });
      kit.pass(86_400);
      expect(await accessToken(kit.world, shops[0]!)).toMatchObject({ ok: true });
    },
  );

  test("of a shop that cannot be renewed keeps no other waiting", async () => {
    const shops = [kit.newDomain(), kit.newDomain(), kit.newDomain()];
    for (const shop of shops) {
      const answer = await kit.world.shopify.exchange(shop, kit.shopify().sessionToken(shop));
      if (!answer.ok) throw new Error(answer.reason);
      await keepTokens(kit.world, shop, answer.tokens);
    }
    const [over, failing, idle] = shops;
    kit.pass(89 * 86_400);
    await kit.database.query(
      "postgres",
      "update trakit.installations set refresh_expires_at = $2 where shop_id = (select id from trakit.shops where domain = $1)",
      [over, new Date(kit.world.now() - 1_000)],
    );
    kit.shopify().down = 503;
    expect(await accessToken(kit.world, failing!)).toMatchObject({ ok: false, reason: "unavailable" });
    const due = (await dueRefreshes(kit.world.db, 10_000, kit.world.databaseNow!())).filter((one) =>
      shops.includes(one)
    );
    expect(due).toEqual([idle, failing]);
  });
});
