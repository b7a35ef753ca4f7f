import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { uninstallShop } from "@trakit/db/calls/uninstall-shop.ts";
import { open, renewalSubject, tokenSubject } from "@trakit/runtime/seal.ts";
import { dumpLines } from "../support/dump.ts";
import { browserOf } from "../support/connecting.ts";
import { merchantApi } from "../support/merchant-api.ts";
import { ADMIN_URL, APP_URL, merchantKit } from "../support/merchant.ts";
import { expectUnlogged, KEYS } from "../support/pipeline.ts";

const kit = await merchantKit();
const api = merchantApi(kit);
const { call, installed, set } = api;
const { visit, setOut, grants, connect } = browserOf(api);
const LOGINS = ["meta", "tiktok", "pinterest", "snapchat"] as const;

/** A shop with the platform's id entered and nothing else. */
async function ready(...platforms: string[]): Promise<string> {
  const shop = await installed();
  for (const platform of platforms) {
    const { id } = DEMO_DESTINATIONS[platform]!;
    expect((await set(shop, platform, { settings: { id } })).status).toBe(200);
  }
  return shop;
}
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
      expect(setCookie).toMatch(/HttpOnly; SameSite=Lax; Secure$/);
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

describe("an answer that is not of a connection begun in this browser", () => {
  const expectRefused = async (answer: Response) => {
    expect(answer.status).toBe(400);
    expect(answer.headers.get("location")).toBeNull();
    expect(await answer.json()).toMatchObject({ code: "bad_connection" });
  };
  async function onTheWay(shop: string, platform = "pinterest") {
    const { grant, cookie } = await setOut(shop, platform);
    return { back: await grants(grant), cookie };
  }
  const nothingStored = async (...shops: string[]) => {
    for (const shop of shops) expect(await kit.row("destination_secrets", shop)).toBeUndefined();
    expect(kit.vendors.logins.calls.filter((one) => !one.endsWith("authorize"))).toEqual([]);
  };

  test("a replayed state is refused, with the same code and with a new one", async () => {
    const shop = await ready("pinterest");
    const { back, cookie } = await onTheWay(shop);
    expect((await visit(back.href, cookie)).status).toBe(302);
    const stored = await kit.row("destination_secrets", shop);
    await expectRefused(await visit(back.href, cookie));
    const other = await onTheWay(await ready("pinterest"));
    back.searchParams.set("code", other.back.searchParams.get("code")!);
    await expectRefused(await visit(back.href, cookie));
    expect(await kit.row("destination_secrets", shop)).toEqual(stored);
  });

  test("a foreign shop's state brings nothing into this browser, nor this browser's cookie into the foreign shop", async () => {
    const [mine, theirs] = [await ready("pinterest"), await ready("pinterest")];
    const [a, b] = [await onTheWay(mine), await onTheWay(theirs)];
    // an attacker's own answer, led into the merchant's browser; and the merchant's answer in the attacker's
    await expectRefused(await visit(a.back.href, b.cookie));
    await expectRefused(await visit(b.back.href, a.cookie));
    await nothingStored(mine, theirs);
  });

  test("without the cookie, with two, or with a made-up one: refused, and the state is used up", async () => {
    for (const cookie of [null, "trakit_connect=", `trakit_connect=${"A".repeat(43)}`]) {
      const shop = await ready("pinterest");
      const { back, cookie: real } = await onTheWay(shop);
      await expectRefused(await visit(back.href, cookie));
      await expectRefused(await visit(back.href, real));
      await nothingStored(shop);
    }
    const shop = await ready("pinterest");
    const { back, cookie } = await onTheWay(shop);
    await expectRefused(await visit(back.href, `${cookie}; trakit_connect=${"A".repeat(43)}`));
    await nothingStored(shop);
  });

  test("platforms are not mixed up: a state, a code or a callback of one is none of another", async () => {
    const shop = await ready("pinterest", "snapchat");
    const { back, cookie } = await onTheWay(shop, "pinterest");
    const elsewhere = new URL(back.href.replace("/connect/pinterest/", "/connect/snapchat/"));
    await expectRefused(await visit(elsewhere.href, cookie));
    await nothingStored(shop);
    // Pinterest's code at Snapchat's own callback, with Snapchat's own state: Snapchat does not know it
    const snap = await onTheWay(shop, "snapchat");
    snap.back.searchParams.set("code", back.searchParams.get("code")!);
    const answer = await visit(snap.back.href, snap.cookie);
    expect(new URL(answer.headers.get("location")!).searchParams.get("connect")).toBe("refused");
    // an issuer that is another's (RFC 9207)
    const again = await onTheWay(shop, "pinterest");
    again.back.searchParams.set("iss", "https://accounts.snapchat.com");
    const named = await visit(again.back.href, again.cookie);
    expect(new URL(named.headers.get("location")!).searchParams.get("connect")).toBe("refused");
    expect(await kit.row("destination_secrets", shop)).toBeUndefined();
  });

  test("a state that is over, made up, cut, doubled, or begun anew since is refused", async () => {
    const shop = await ready("pinterest");
    const { back, cookie } = await onTheWay(shop);
    const state = back.searchParams.get("state")!;
    const sealed = state.split(".");
    const tampered = [
      "",
      "x",
      "x".repeat(5_000),
      state.slice(0, -2),
      [...sealed.slice(0, 3), sealed[3]!.replace(/^./, (c) => c === "A" ? "B" : "A")].join("."),
    ];
    for (const one of tampered) {
      const url = new URL(back);
      url.searchParams.set("state", one);
      await expectRefused(await visit(url.href, cookie));
    }
    const doubled = new URL(back);
    doubled.searchParams.append("state", state);
    await expectRefused(await visit(doubled.href, cookie));
    await nothingStored(shop);
    // the merchant began again: the first way is closed
    const second = await setOut(shop, "pinterest");
    await expectRefused(await visit(back.href, cookie));
    const late = await grants(second.grant);
    kit.pass(601);
    const answer = await visit(late.href, second.cookie);
    expect(new URL(answer.headers.get("location")!).searchParams.get("connect")).toBe("expired");
    await nothingStored(shop);
  });

  test("the way there is opened once, by one browser, and not when it is late", async () => {
    const shop = await ready("pinterest");
    const { start } = await setOut(shop, "pinterest");
    await expectRefused(await visit(start));
    const asked = await call(shop, "POST /destinations/pinterest/connect", { body: {} });
    kit.pass(601);
    await expectRefused(await visit(asked.body.url));
  });

  test("nothing in the address changes where the merchant is sent or comes back to", async () => {
    const shop = await ready("pinterest");
    const asked = await call(shop, "POST /destinations/pinterest/connect", { body: {} });
    const start = new URL(asked.body.url);
    for (const name of ["redirect_uri", "return_to", "client_id", "scope", "shop"]) {
      start.searchParams.set(name, "https://evil.example");
    }
    const there = await visit(start.href);
    expect(there.headers.get("location")).not.toContain("evil.example");
    const cookie = there.headers.getSetCookie()[0]!.split(";")[0]!;
    const back = await grants(new URL(there.headers.get("location")!));
    for (const name of ["redirect_uri", "return_to", "host", "shop", "connect"]) {
      back.searchParams.set(name, "https://evil.example");
    }
    const page = (await visit(back.href, cookie)).headers.get("location")!;
    expect(page.startsWith(ADMIN_URL)).toBe(true);
    expect(page).not.toContain("evil.example");
  });

  test("a tampered redirect address is refused by the platform, and its code by us", async () => {
    const shop = await ready("pinterest");
    const { grant } = await setOut(shop, "pinterest");
    grant.searchParams.set("redirect_uri", "https://evil.example/callback");
    await expect(grants(grant)).rejects.toThrow("refused");
  });

  test.each([
    ["error=access_denied", "declined"],
    ["error=server_error&error_description=%3Cscript%3E", "declined"],
    ["", "refused"],
    ["code=", "refused"],
    ["code=a&code=b", "refused"],
    ["code=a&response=eyJhbGciOiJub25lIn0", "refused"],
    ["code=made-up", "refused"],
  ])(
    "an answer with %j is %s, and says nothing of it in the page's address or the log",
    async (query, told) => {
      const shop = await ready("snapchat");
      const { grant, cookie } = await setOut(shop, "snapchat");
      const url = `${APP_URL}/admin/connect/snapchat/callback?${query}&state=${
        grant.searchParams.get("state")
      }`;
      const answer = await visit(url, cookie);
      const page = new URL(answer.headers.get("location")!);
      expect(Object.fromEntries(page.searchParams)).toEqual({ shop, platform: "snapchat", connect: told });
      expect(await kit.row("destination_secrets", shop)).toBeUndefined();
      expectUnlogged(kit.lines, ["script", "made-up", grant.searchParams.get("state")!]);
    },
  );

  test("a full dump holds no token of a platform's or of Shopify's, and nothing that opens one", async () => {
    const shop = await ready("pinterest", "snapchat", "meta");
    for (const platform of ["pinterest", "snapchat", "meta"]) await connect(shop, platform);
    await setOut(shop, "tiktok").catch(() => {});
    const dump = (await dumpLines(kit.database)).join("\n");
    // as the sandbox makes them, and Shopify's
    expect(dump).not.toMatch(/pina_[0-9a-f]|pinr\.[0-9a-f]|hCgw[0-9a-f]|EAAB[0-9a-f]|shpat_|shprt_/);
    for (const { secret } of Object.values(kit.oauthClients)) expect(dump).not.toContain(secret);
    expect(dump).toMatch(/v1\.k1\./);
  });

  test("a dump of what is under way opens no connection: only digests are stored", async () => {
    const shop = await ready("pinterest");
    const { grant, cookie } = await setOut(shop, "pinterest");
    const row = JSON.stringify(await kit.row("connections", shop));
    expect(row).not.toContain(grant.searchParams.get("state")!);
    expect(row).not.toContain(cookie.split("=")[1]!);
  });
});
