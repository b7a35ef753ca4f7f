import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import { type GrantAnswer, readCallback, redeemCode, renewGrant } from "@trakit/runtime/platform-login.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const CLIENT = { id: "our-id", secret: "our secret: & +" };
const SERVERS = Object.values(DESTINATIONS).flatMap((one) =>
  one.oauth ? [[one.platform, one.oauth] as const] : []
);
const [pinterest, snapchat, tiktok, meta] = ["pinterest", "snapchat", "tiktok", "meta"].map((name) =>
  DESTINATIONS[name]!.oauth!
) as [typeof SERVERS[0][1], typeof SERVERS[0][1], typeof SERVERS[0][1], typeof SERVERS[0][1]];

interface Asked {
  url: string;
  init: RequestInit;
}
function world(answer: (asked: Asked) => Response | Promise<Response>) {
  const asked: Asked[] = [];
  const doing = (async (url: string, init: RequestInit) => {
    asked.push({ url, init });
    return await answer({ url, init });
  }) as typeof fetch;
  return { asked, world: { fetch: doing, now: () => NOW } };
}
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const TOKEN = { access_token: "access-token", token_type: "bearer" };

async function redeem(server: typeof pinterest, answer: (asked: Asked) => Response | Promise<Response>) {
  const { asked, world: one } = world(answer);
  const back = readCallback(
    server,
    CLIENT,
    new URLSearchParams({ [server.codeName]: "the-code", state: "s" }),
    "s",
  );
  if (!back.ok) throw new Error(back.reason);
  const given: GrantAnswer = await redeemCode(one, server, CLIENT, {
    parameters: back.parameters,
    redirectUri: "https://app.example/callback",
    verifier: "v".repeat(43),
  });
  return { asked, given };
}

test.each(SERVERS)(
  "%s: grants and tokens are asked for over TLS, at hosts that are written here",
  (_, server) => {
    for (const url of [server.authorizationEndpoint, server.tokenEndpoint]) {
      expect(new URL(url).protocol).toBe("https:");
    }
  },
);

test("a code goes with our client as each platform wants it, and a secret never into an address", async () => {
  for (const [platform, server] of SERVERS) {
    const { asked } = await redeem(
      server,
      () => platform === "tiktok" ? json({ code: 0, data: { access_token: "access-token" } }) : json(TOKEN),
    );
    const [{ url, init }] = asked as [Asked];
    expect(url, platform).toBe(server.tokenEndpoint);
    expect(init.redirect).toBe("manual");
    const headers = new Headers(init.headers);
    const sent = `${init.body}`;
    expect(sent).toContain("the-code");
    if (server.clientAuth === "basic") expect(headers.get("authorization")).toMatch(/^Basic /);
    else expect(sent).toContain(server.clientAuth === "json" ? "our secret" : "our+secret");
    expect(sent.includes("code_verifier"), platform).toBe(server.pkce);
  }
  const { asked } = await redeem(pinterest, () => json(TOKEN));
  expect(`${asked[0]!.init.body}`).toContain("continuous_refresh=true");
});

describe("an answer to a code", () => {
  test.each<[string, () => Response | Promise<Response>, string]>([
    ["no connection", () => Promise.reject(new TypeError("fetch failed")), "unavailable"],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "https://evil.example" } }),
      "unavailable",
    ],
    ["503", () => new Response("<html>", { status: 503 }), "unavailable"],
    ["429", () => json({ error: "slow_down" }, 429), "unavailable"],
    ["200 with a page", () => new Response("<html>"), "unavailable"],
    ["200 with nothing", () => new Response(""), "unavailable"],
    ["200 without a token", () => json({ token_type: "bearer" }), "unavailable"],
    ["200 of a kind of token we cannot use", () => json({ ...TOKEN, token_type: "mac" }), "unavailable"],
    ["200 without end", () => new Response("x".repeat(100_000)), "unavailable"],
    ["invalid_grant", () => json({ error: "invalid_grant" }, 400), "refused"],
    ["invalid_client", () => json({ error: "invalid_client" }, 401), "client_refused"],
    ["unauthorized_client", () => json({ error: "unauthorized_client" }, 400), "client_refused"],
    [
      "400 in words of its own",
      () => json({ code: 1, message: "Invalid authorization code" }, 400),
      "refused",
    ],
    [
      "401 in words of its own",
      () => json({ code: 2, message: "Authentication failed." }, 401),
      "client_refused",
    ],
  ])("%s", async (_, answer, reason) => {
    const { asked, given } = await redeem(snapchat, answer);
    expect(given).toEqual({ ok: false, reason });
    // never again by itself: a code is good once
    expect(asked).toHaveLength(1);
  });

  test("of Meta blames our client by its own codes, the merchant's grant by all others", async () => {
    const error = (code: number) => () =>
      json({ error: { message: "no", type: "OAuthException", code } }, 400);
    for (
      const [code, reason] of [[1, "client_refused"], [101, "client_refused"], [190, "refused"], [
        100,
        "refused",
      ]]
    ) {
      expect((await redeem(meta, error(code as number))).given).toEqual({ ok: false, reason });
    }
  });

  test("of TikTok counts by its code, whatever the status says", async () => {
    const say = (code: unknown, status = 200) =>
      redeem(tiktok, () => json({ code, message: "x", data: {} }, status));
    expect((await say(40110)).given).toEqual({ ok: false, reason: "refused" });
    expect((await say(0)).given).toEqual({ ok: false, reason: "refused" });
    for (const [code, status] of [[40100, 200], [50000, 200], [40110, 500], ["x", 200], [40100, 401]]) {
      expect((await say(code, status as number)).given).toEqual({ ok: false, reason: "unavailable" });
    }
  });

  test("that is nonsense of any kind is a reason, never an exception", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SERVERS.map(([, server]) => server)),
        fc.integer({ min: 200, max: 599 }),
        fc.oneof(fc.json(), fc.string()),
        async (server, status, body) => {
          const empty = [204, 205, 304].includes(status);
          const { given } = await redeem(server, () => new Response(empty ? null : body, { status }));
          expect(typeof given.ok).toBe("boolean");
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("a renewal", () => {
  test("keeps the refresh token where no other comes, and takes the new one where one does", async () => {
    const renew = async (body: object) => {
      const answer = await renewGrant(
        world(() => json({ ...TOKEN, expires_in: 3_600, ...body })).world,
        snapchat,
        CLIENT,
        "old",
      );
      return answer.ok ? answer.grant : null;
    };
    expect(await renew({})).toEqual({
      access: "access-token",
      accessExpiresAt: new Date(NOW + 3_600_000).toISOString(),
      renewal: "old",
      renewalExpiresAt: null,
    });
    expect(await renew({ refresh_token: "new", refresh_token_expires_in: 60 })).toMatchObject({
      renewal: "new",
      renewalExpiresAt: new Date(NOW + 60_000).toISOString(),
    });
  });

  test("of Meta's trades the token itself; one that does not end needs none", async () => {
    const { asked, world: one } = world(() => json({ ...TOKEN, expires_in: 5_183_944 }));
    const answer = await renewGrant(one, meta, CLIENT, "the-token-before");
    expect(`${asked[0]!.init.body}`).toContain("fb_exchange_token=the-token-before");
    expect(answer).toMatchObject({ ok: true, grant: { renewal: "access-token" } });
    const lasting = await redeem(meta, () => json(TOKEN));
    expect(lasting.given).toMatchObject({ ok: true, grant: { accessExpiresAt: null, renewal: null } });
  });
});

test("a callback is read strictly: another state, issuer, or kind of answer is none", () => {
  const read = (query: Record<string, string>) =>
    readCallback(pinterest, CLIENT, new URLSearchParams(query), "s");
  expect(read({ code: "c", state: "s" }).ok).toBe(true);
  for (
    const query of [
      { code: "c" },
      { code: "c", state: "t" },
      { code: "c", state: "s", iss: "https://accounts.snapchat.com" },
      { code: "c", state: "s", response: "jwt" },
      { state: "s" },
    ]
  ) {
    expect(read(query as Record<string, string>), JSON.stringify(query)).toEqual({
      ok: false,
      reason: "bad_callback",
    });
  }
  expect(read({ error: "access_denied", state: "s" })).toEqual({ ok: false, reason: "declined" });
  // an error with another's state is not ours to hear
  expect(read({ error: "access_denied", state: "t" })).toEqual({ ok: false, reason: "bad_callback" });
});
