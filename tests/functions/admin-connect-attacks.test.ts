import { describe, expect, test } from "vitest";
import { dumpLines } from "../support/dump.ts";
import { browserOf, ready as readyShop } from "../support/connecting.ts";
import { merchantApi } from "../support/merchant-api.ts";
import { ADMIN_URL, APP_URL, merchantKit } from "../support/merchant.ts";
import { expectUnlogged } from "../support/pipeline.ts";

const kit = await merchantKit();
const api = merchantApi(kit);
const { call } = api;
const { visit, setOut, grants, connect } = browserOf(api);

const ready = (...platforms: string[]) => readyShop(api, ...platforms);
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
