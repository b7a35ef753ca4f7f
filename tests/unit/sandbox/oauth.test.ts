import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loginClient, type LoginPlatform, platformLogins } from "@trakit/sandbox/vendors/oauth.ts";

let now = 0;
let ids = 0;
const logins = platformLogins({ now: () => now, hex: (bytes) => String(++ids).padStart(bytes * 2, "0") });
const redirect = (platform: LoginPlatform) =>
  `http://127.0.0.1:54321/functions/v1/admin/connect/${platform}/callback`;

function ask(method: string, path: string, options: {
  query?: Record<string, string>;
  form?: Record<string, string> | string;
  json?: unknown;
  headers?: Record<string, string>;
} = {}) {
  const answer = logins.handle({
    method,
    path,
    query: new URLSearchParams(options.query),
    headers: {
      "content-type": options.json ? "application/json" : "application/x-www-form-urlencoded",
      ...options.headers,
    },
    body: options.json ? JSON.stringify(options.json) : new URLSearchParams(options.form).toString(),
  })!;
  return { ...answer, value: answer.body.startsWith("{") ? JSON.parse(answer.body) : null };
}
function code(platform: LoginPlatform, path: string, query: Record<string, string>): string {
  const answer = ask("GET", path, { query: { redirect_uri: redirect(platform), state: "s", ...query } });
  const url = new URL(answer.headers["location"]!);
  expect(url.searchParams.get("state")).toBe("s");
  return url.searchParams.get("code")!;
}
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
});
const { id, secret } = loginClient("pinterest");
const PINTEREST = "/api.pinterest.com/v5/oauth/token";

describe("an authorization server", () => {
  test("sends nobody to an address or app it does not know, and says no to a scope it has not", () => {
    const query = {
      client_id: id,
      response_type: "code",
      scope: "ads:write",
      redirect_uri: redirect("pinterest"),
    };
    for (const change of [{ redirect_uri: "https://evil.example" }, { client_id: "another" }]) {
      const answer = ask("GET", "/www.pinterest.com/oauth/", { query: { ...query, ...change } });
      expect(answer).toMatchObject({ status: 400 });
      expect(answer.headers["location"]).toBeUndefined();
    }
    const wrong = ask("GET", "/www.pinterest.com/oauth/", { query: { ...query, scope: "everything" } });
    expect(wrong.headers["location"]).toContain("error=invalid_request");
  });

  test("of Pinterest takes Basic alone, a code once, with its redirect address, and ends a refresh token that was used", () => {
    const query = { client_id: id, response_type: "code", scope: "ads:write" };
    const form = (one: string) => ({
      grant_type: "authorization_code",
      code: one,
      redirect_uri: redirect("pinterest"),
    });
    const first = code("pinterest", "/www.pinterest.com/oauth/", query);
    expect(ask("POST", PINTEREST, { form: { ...form(first), client_id: id, client_secret: secret } }).status)
      .toBe(401);
    expect(
      ask("POST", PINTEREST, { form: { ...form(first), redirect_uri: "x" }, headers: basic(id, secret) })
        .status,
    )
      .toBe(400);
    expect(ask("POST", PINTEREST, { form: form(first), headers: basic(id, secret) }).status, "used").toBe(
      400,
    );
    const late = code("pinterest", "/www.pinterest.com/oauth/", query);
    now += 601_000;
    expect(ask("POST", PINTEREST, { form: form(late), headers: basic(id, secret) }).status).toBe(400);
    const { value } = ask("POST", PINTEREST, {
      form: form(code("pinterest", "/www.pinterest.com/oauth/", query)),
      headers: basic(id, secret),
    });
    expect(value).toMatchObject({ expires_in: 2_592_000, refresh_token_expires_in: 5_184_000 });
    const again = { grant_type: "refresh_token", refresh_token: value.refresh_token };
    const next = ask("POST", PINTEREST, { form: again, headers: basic(id, secret) });
    expect(next.value.refresh_token).not.toBe(value.refresh_token);
    expect(ask("POST", PINTEREST, { form: again, headers: basic(id, secret) }).status).toBe(401);
  });

  test("of TikTok takes JSON and says 200 whatever happened", () => {
    const client = loginClient("tiktok");
    const path = "/business-api.tiktok.com/open_api/v1.3/oauth2/access_token/";
    const auth_code = code("tiktok", "/business-api.tiktok.com/portal/auth", { app_id: client.id });
    const body = { app_id: client.id, secret: client.secret, auth_code };
    expect(ask("POST", path, { form: body })).toMatchObject({ status: 200, value: { code: 40002 } });
    expect(ask("POST", path, { json: body })).toMatchObject({ status: 200, value: { code: 0 } });
    expect(ask("POST", path, { json: body })).toMatchObject({ status: 200, value: { code: 40110 } });
  });

  test("of Meta holds a code to its challenge, and trades no token that is over", () => {
    const client = loginClient("meta");
    const path = "/graph.facebook.com/v25.0/oauth/access_token";
    const challenged = () =>
      code("meta", "/www.facebook.com/v25.0/dialog/oauth", {
        client_id: client.id,
        response_type: "code",
        scope: "ads_management",
        code_challenge: createHash("sha256").update("verifier").digest("base64url"),
        code_challenge_method: "S256",
      });
    const form = (more: Record<string, string>) => ({
      client_id: client.id,
      client_secret: client.secret,
      ...more,
    });
    const redeem = (verifier: string) =>
      ask("POST", path, {
        form: form({ code: challenged(), redirect_uri: redirect("meta"), code_verifier: verifier }),
      });
    expect(redeem("another")).toMatchObject({ status: 400, value: { error: { code: 100 } } });
    const { value } = redeem("verifier");
    expect(value.expires_in).toBe(3_600);
    const exchange = form({ grant_type: "fb_exchange_token", fb_exchange_token: value.access_token });
    expect(ask("GET", path, { query: exchange }).value.expires_in).toBe(5_183_944);
    now += 3_600_000;
    expect(logins.over(value.access_token)).toBe(true);
    expect(ask("POST", path, { form: exchange })).toMatchObject({
      status: 400,
      value: { error: { code: 190 } },
    });
  });
});

describe("a token endpoint", () => {
  const PATHS: Record<LoginPlatform, string> = {
    meta: "/graph.facebook.com/v25.0/oauth/access_token",
    tiktok: "/business-api.tiktok.com/open_api/v1.3/oauth2/access_token/",
    pinterest: PINTEREST,
    snapchat: "/accounts.snapchat.com/login/oauth2/access_token",
  };
  const NAMES = ["app_id", "secret", "auth_code", "code", "client_id", "client_secret", "grant_type"];
  const odd = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>({ toString: "" }, [{ valueOf: "" }]));

  test.each(Object.entries(PATHS))("of %s refuses anything that is no grant", (platform, path) => {
    const client = loginClient(platform as LoginPlatform);
    fc.assert(fc.property(fc.dictionary(fc.constantFrom(...NAMES), odd), fc.string(), (fields, text) => {
      const sent = { app_id: client.id, secret: client.secret, ...fields };
      for (
        const answer of [
          ask("POST", path, { json: sent, headers: basic(client.id, client.secret) }),
          ask("POST", path, { form: text, headers: { authorization: `Basic ${btoa("a%:%zz")}` } }),
          ask("POST", path, { form: { [text]: text, client_id: client.id, client_secret: client.secret } }),
        ]
      ) {
        expect(answer.value.access_token).toBeUndefined();
        expect(answer.status).toBeLessThan(500);
      }
    }));
  });
});
