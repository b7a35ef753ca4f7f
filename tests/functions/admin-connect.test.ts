import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { uninstallShop } from "@trakit/db/calls/uninstall-shop.ts";
import { open, renewalSubject, tokenSubject } from "@trakit/runtime/seal.ts";
import { browserOf, ready as readyShop } from "../support/connecting.ts";
import { merchantApi } from "../support/merchant-api.ts";
import { ADMIN_URL, APP_URL, merchantKit } from "../support/merchant.ts";
import { expectUnlogged, KEYS } from "../support/pipeline.ts";

const kit = await merchantKit();
const api = merchantApi(kit);
const { call, installed, set } = api;
const { visit, setOut, grants, connect } = browserOf(api);
const LOGINS = ["meta", "tiktok", "pinterest", "snapchat"] as const;

const ready = (...platforms: string[]) => readyShop(api, ...platforms);
const destinationOf = async (shop: string, platform: string) =>
  ((await call(shop, "GET /destinations")).body.destinations as Record<string, unknown>[])
    .find((one) => one["platform"] === platform)!;
const grantRow = (shop: string) => kit.row("destination_grants", shop);
const clear = (sealed: unknown, about: string[]) => {
  const opened = open(KEYS, String(sealed), about);
  return opened.ok ? new TextDecoder().decode(opened.bytes) : opened.reason;
};

describe("a merchant who connects an account", () => {
  test.each(LOGINS)(
    "%s: has its token in the destination's place, sealed, and the lane goes on",
    async (platform) => {
      const shop = await ready(platform);
      expect(await destinationOf(shop, platform)).toMatchObject({
        can_connect: true,
        connection: null,
        token: "none",
        lane: "held",
      });
      const { grant, cookie, setCookie } = await setOut(shop, platform);
      expect(grant.searchParams.get("redirect_uri")).toBe(`${APP_URL}/admin/connect/${platform}/callback`);
      expect(setCookie!.split("; ").slice(1)).toEqual(
        expect.arrayContaining(["Max-Age=600", "HttpOnly", "SameSite=Lax", "Secure"]),
      );
      const back = await grants(grant);
      const answer = await visit(back.href, cookie);
      const page = new URL(answer.headers.get("location")!);
      expect(page.origin + page.pathname).toBe(ADMIN_URL);
      expect(Object.fromEntries(page.searchParams)).toEqual({ shop, platform, connect: "connected" });

      expect(await destinationOf(shop, platform)).toMatchObject({
        token: "stored",
        lane: "closed",
        connection: { state: "connected" },
      });
      const { id } = (await kit.row("shops", shop))!;
      const secret = (await kit.row("destination_secrets", shop))!;
      const token = clear(secret["sealed"], tokenSubject(String(id), platform));
      expect(token.slice(-4)).toBe(secret["last_four"]);
      // nothing of it anywhere in clear: rows, answers, log
      const rows = JSON.stringify([secret, await grantRow(shop), await kit.row("connections", shop) ?? null]);
      expect(rows).not.toContain(token);
      const code = back.searchParams.get("code")!;
      expectUnlogged(kit.lines, [token, code, kit.oauthClients[platform]!.secret, shop]);
      expect(answer.headers.get("set-cookie")).toContain("Max-Age=0");
      expect([...answer.headers].join()).not.toContain(token);
    },
  );

  test("is asked for what each platform documents", async () => {
    const shop = await ready(...LOGINS);
    const asked = async (platform: string) => {
      const { grant } = await setOut(shop, platform);
      return { host: grant.pathname.split("/")[1], ...Object.fromEntries(grant.searchParams) };
    };
    const pinterest = await asked("pinterest");
    expect(pinterest).toMatchObject({ host: "www.pinterest.com", response_type: "code", scope: "ads:write" });
    expect(pinterest).not.toHaveProperty("code_challenge");
    expect(await asked("snapchat")).toMatchObject({
      host: "accounts.snapchat.com",
      scope: "snapchat-offline-conversions-api",
    });
    expect(await asked("tiktok")).toMatchObject({
      host: "business-api.tiktok.com",
      app_id: "trakit-local-tiktok",
    });
    // PKCE: the challenge is of the cookie's value, which only that browser has
    const { grant, cookie } = await setOut(shop, "meta");
    expect(grant.searchParams.get("code_challenge_method")).toBe("S256");
    expect(grant.searchParams.get("code_challenge")).toBe(
      createHash("sha256").update(cookie.split("=")[1]!).digest("base64url"),
    );
  });

  test("keeps what renews the token where it ends, and nothing where it does not", async () => {
    const shop = await ready("pinterest", "meta", "tiktok");
    const id = String((await kit.row("shops", shop))!["id"]);
    const rows = async (platform: string) =>
      (await kit.database.query<{ days: number | null; renewal: string | null; renews: boolean }>(
        "postgres",
        `select round(extract(epoch from g.access_expires_at - g.granted_at) / 86400)::integer as days,
           g.sealed_renewal as renewal, g.renew_at is not null as renews
         from trakit.destination_grants g join trakit.destinations d on d.id = g.destination_id
         where d.shop_id = $1 and d.platform = $2`,
        [id, platform],
      ))[0]!;
    await connect(shop, "pinterest");
    expect(await rows("pinterest")).toMatchObject({ days: 30, renews: true });
    expect(clear((await rows("pinterest")).renewal, renewalSubject(id, "pinterest"))).toMatch(/^pinr\./);
    // an hour's token is traded for the long one at once
    await connect(shop, "meta");
    expect(kit.vendors.logins.calls).toEqual(expect.arrayContaining(["meta code", "meta renew"]));
    expect(await rows("meta")).toMatchObject({ days: 60, renews: true });
    await connect(shop, "tiktok");
    expect(await rows("tiktok")).toEqual({ days: null, renewal: null, renews: false });
  });

  test("may enter a token by hand instead: the connection is over, and its secret gone", async () => {
    const shop = await ready("pinterest");
    await connect(shop, "pinterest");
    await set(shop, "pinterest", { token: DEMO_DESTINATIONS["pinterest"]!.token });
    expect(await grantRow(shop)).toBeUndefined();
    expect(await destinationOf(shop, "pinterest")).toMatchObject({ connection: null, token: "stored" });
  });

  test("and removes the app leaves no token and no secret behind", async () => {
    const shop = await ready("pinterest");
    await connect(shop, "pinterest");
    await uninstallShop(kit.world.db, shop, null, new Date(kit.world.now() + 5_000));
    expect(await grantRow(shop)).toBeUndefined();
    expect(await kit.row("destination_secrets", shop)).toBeUndefined();
  });

  test.each<[string, () => void, string]>([
    ["says no", () => kit.vendors.logins.declines = true, "declined"],
    ["comes while the platform is down", () => kit.vendors.logins.down = 503, "unavailable"],
  ])("and %s is told so, and what was there stays", async (_, happen, told) => {
    const shop = await ready("snapchat");
    await set(shop, "snapchat", { token: DEMO_DESTINATIONS["snapchat"]!.token });
    const before = await kit.row("destination_secrets", shop);
    happen();
    expect(await connect(shop, "snapchat")).toBe(told);
    expect(await kit.row("destination_secrets", shop)).toEqual(before);
    expect(await grantRow(shop)).toBeUndefined();
  });

  test.each(LOGINS)(
    "%s: is told where our client's secret is wrong, and no token is stored",
    async (platform) => {
      const shop = await ready(platform);
      const client = { ...kit.oauthClients[platform]!, secret: "rotated-and-not-told" };
      const wrong = browserOf(merchantApi(kit, { oauthClients: { [platform]: client } }));
      // TikTok has no error of its own for it
      expect(await wrong.connect(shop, platform)).toBe(platform === "tiktok" ? "refused" : "client_refused");
      expect(await kit.row("destination_secrets", shop)).toBeUndefined();
    },
  );

  test("whose account may not send to this pixel is told so at once", async () => {
    const shop = await ready("snapchat");
    await fetch(`${kit.vendors.url}/_faults/snapchat`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "bad_token" }),
    });
    expect(await connect(shop, "snapchat")).toBe("token_refused");
    expect(await kit.row("destination_secrets", shop)).toBeUndefined();
  });

  test("is offered it only where it can be: platform, client, id", async () => {
    const shop = await installed();
    const begin = (platform: string, with_ = api) =>
      with_.call(shop, `POST /destinations/${platform}/connect`, { body: {} });
    expect(await begin("pinterest")).toMatchObject({ status: 409, body: { code: "not_set_up" } });
    expect(await begin("google")).toMatchObject({ status: 409, body: { code: "not_offered" } });
    expect(await begin("nobody")).toMatchObject({ status: 404, body: { code: "not_found" } });
    const without = merchantApi(kit, { oauthClients: {} });
    expect(await begin("pinterest", without)).toMatchObject({
      status: 501,
      body: { code: "not_configured" },
    });
    const bodies = [{ redirect_uri: "https://evil.example" }, { shop: "evil.myshopify.com" }];
    for (const body of bodies) {
      expect((await call(shop, "POST /destinations/pinterest/connect", { body })).status).toBe(422);
    }
  });
});
