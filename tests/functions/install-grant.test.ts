import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { installHandler } from "../../functions/install/handler.ts";
import { ADMIN_URL, API_SECRET, APP_URL, merchantKit } from "../support/merchant.ts";

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

describe("the authorization code grant", () => {
  async function begun(shop: string) {
    const answer = await get({ shop });
    expect(answer.status).toBe(302);
    const grant = new URL(answer.headers.get("location")!);
    expect(grant.pathname).toBe(`/${shop}/admin/oauth/authorize`);
    const cookies = answer.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
    const back = kit.shopify().handle({
      method: "GET",
      path: grant.pathname,
      query: grant.searchParams,
      header: () => null,
      body: "",
    });
    expect(back.status).toBe(302);
    return {
      cookies,
      query: new URL(back.headers["location"]!).searchParams,
      set: answer.headers.getSetCookie(),
    };
  }
  const callback = (query: URLSearchParams, cookie: string) =>
    get(query.toString() as never, cookie ? { cookie } : {}, "install/callback");
  const resigned = (query: URLSearchParams) => {
    const fields = Object.fromEntries(query);
    delete fields["hmac"];
    const message = Object.keys(fields).sort().map((key) => `${key}=${encodeURIComponent(fields[key]!)}`)
      .join("&");
    query.set("hmac", createHmac("sha256", API_SECRET).update(message).digest("hex"));
    return query;
  };

  test("installs where there is no session token, and leads to the page", async () => {
    const shop = kit.newDomain();
    const { cookies, query, set } = await begun(shop);
    expect(set.join()).toMatch(/httponly/i);
    expect(set.join()).toMatch(/samesite=lax/i);
    const answer = await callback(query, cookies);
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toMatch(new RegExp(`^${ADMIN_URL}\\?shop=${shop}`));
    expect(await kit.row("installations", shop)).toMatchObject({ trouble: null });
    expect(kit.shopify().pixel(shop)).not.toBeNull();
    // the same answer again: the code is used up
    expect((await callback(query, cookies)).status).toBe(403);
  });

  test.each<[string, (query: URLSearchParams, cookies: string) => [URLSearchParams, string]]>([
    ["without the cookie", (query) => [query, ""]],
    ["with a state of another browser", (query, cookies) => {
      query.set("state", "0".repeat(32));
      return [resigned(query), cookies];
    }],
    ["with a bad hmac", (query, cookies) => {
      query.set("hmac", "0".repeat(64));
      return [query, cookies];
    }],
    ["for another shop than was signed", (query, cookies) => {
      query.set("shop", "evil.myshopify.com");
      return [query, cookies];
    }],
    ["signed long ago", (query, cookies) => {
      query.set("timestamp", String(Math.floor(Date.now() / 1000) - 3_600));
      return [resigned(query), cookies];
    }],
  ])("%s is refused", async (_, change) => {
    const shop = kit.newDomain();
    const { cookies, query } = await begun(shop);
    const answer = await callback(...change(query, cookies));
    expect(answer.status).toBe(400);
    expect(await kit.row("shops", shop)).toBeUndefined();
    expect(kit.shopify().calls).toEqual([]);
  });

  test.each(["evil.example", "x.myshopify.com.evil.example", "a b", "", "//evil.example/x.myshopify.com"])(
    "is not begun at %j",
    async (shop) => {
      const answer = await get({ shop });
      expect(answer.status).toBe(400);
      expect(answer.headers.get("location")).toBeNull();
    },
  );

  test("leads nowhere a parameter says: host is dropped where it is none, everything else is", async () => {
    const shop = kit.newDomain();
    const answer = await get({
      shop,
      host: "https://evil.example/?",
      redirect_uri: "https://evil.example",
      id_token: kit.shopify().sessionToken(shop),
    });
    expect(answer.headers.get("location")).toMatch(new RegExp(`^${ADMIN_URL}\\?shop=${shop}#id_token=`));
    const twice = await get(`shop=${shop}&shop=evil.myshopify.com&id_token=x` as never);
    expect(twice.status).toBe(400);
  });
});
