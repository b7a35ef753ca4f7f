import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { forwardedSignature } from "@trakit/core/forwarded.ts";
import { forwarderSecret, shopPublicKey, visitorProof } from "@trakit/core/storefront-keys.ts";
import { absentDatabase, EVENING, KEYS, pipelineKit } from "../support/pipeline.ts";
import {
  directRequest,
  NO,
  pageView,
  proxied,
  type ProxiedOptions,
  proxyKit,
  signed,
  YES,
} from "../support/storefront.ts";

const kit = await pipelineKit();
const proxy = proxyKit(kit);
const FBP = "fb.1.1792998010123.1234567890";
const STORE = "blue-mugs.example";

const event = (change: Record<string, unknown> = {}) =>
  pageView({ id: randomBytes(16).toString("hex"), timestamp: kit.now(), ...change });
const batch = (change: Record<string, unknown> = {}) => ({ events: [event()], consent: YES, ...change });

/** A shop whose storefront has been seen on its own domain. */
async function known(settings: Record<string, unknown> = {}) {
  const shop = await kit.shop(settings);
  await proxy.session(shop.domain, {}, { host: STORE });
  return shop;
}

describe("with the shop's public key", () => {
  test("a session and a signed event are taken without Shopify: so does the web pixel, which sends no Origin", async () => {
    const shop = await known({ unsigned_events: false });
    const opened = await proxy.direct(shop.domain, { consent: YES, url: `https://www.${STORE}/` }, {
      place: "session",
    });
    expect(opened).toMatchObject({ status: 200, body: { config: { cookie_domain: STORE } } });
    expect(opened.headers.get("access-control-allow-origin")).toBeNull();
    const answer = await proxy.direct(shop.domain, batch({ events: [signed(opened.body.session, event())] }));
    expect(answer).toMatchObject({ status: 202, body: { results: [{ status: "accepted" }] } });
    const [client] = await kit.database.query<{ ip: string }>(
      "postgres",
      "select ip from trakit.event_clients where shop_id = $1",
      [shop.id],
    );
    expect(client!.ip).toBe("198.51.100.7");
  });

  test("of another shop, of none, or made up, nothing is done", async () => {
    const [shop, other] = [await known(), await known()];
    const handle = shopPublicKey(KEYS, shop.domain).split(".")[0]!;
    const before = await kit.refusals();
    for (const key of [null, "", "x", `${handle}.${shopPublicKey(KEYS, other.domain).split(".")[1]}`]) {
      const answer = await proxy.direct(shop.domain, batch(), { key });
      expect(answer.status).toBe(401);
      expect(answer.body.code).toBe(key === null ? "missing_parameter" : "bad_key");
    }
    expect(await kit.events(shop.id)).toEqual([]);
    await kit.settled();
    // counted under nobody: a made-up key is no shop's
    const after = await kit.refusals();
    expect((after["bad_key"] ?? 0) - (before["bad_key"] ?? 0)).toBe(3);
    expect((after["missing_parameter"] ?? 0) - (before["missing_parameter"] ?? 0)).toBe(1);
    expect(await kit.refusals(shop.id)).toEqual({});
  });

  test("a session of one shop signs for no other", async () => {
    const [shop, other] = [await known(), await known()];
    const opened = await proxy.direct(other.domain, {}, { place: "session" });
    const answer = await proxy.direct(shop.domain, batch({ events: [signed(opened.body.session, event())] }));
    expect(answer.body.results).toMatchObject([{ reason: "forged_token" }]);
  });
});

describe("Origin", () => {
  test("of the shop is answered for its pages, credentials included", async () => {
    const shop = await known();
    for (const origin of [`https://${STORE}`, `https://${shop.domain}`]) {
      const answer = await proxy.direct(shop.domain, batch(), { headers: { origin } });
      expect(answer.status).toBe(202);
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
      expect(answer.headers.get("vary")).toBe("origin");
    }
  });

  test("that is opaque (a sandboxed pixel) is taken, without credentials", async () => {
    const shop = await known();
    const answer = await proxy.direct(shop.domain, batch(), { headers: { origin: "null" } });
    expect(answer.status).toBe(202);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test("of anybody else is refused with 403, readable by nobody, and counted", async () => {
    const shop = await known();
    const foreign = [
      "https://evil.example",
      `https://${STORE}.evil.example`,
      "https://not a url",
      "file:///etc",
    ];
    for (const origin of foreign) {
      const answer = await proxy.direct(shop.domain, batch(), { headers: { origin } });
      expect(answer).toMatchObject({ status: 403, body: { code: "foreign_origin" } });
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
    const session = await proxy.direct(shop.domain, {}, {
      place: "session",
      headers: { origin: foreign[0]! },
    });
    expect(session.status).toBe(403);
    expect(await kit.events(shop.id)).toEqual([]);
    expect(await kit.refusals(shop.id)).toEqual({ foreign_origin: foreign.length + 1 });
  });

  /** A page's request by way of the app proxy, which passes its Origin on. */
  const fromPage = (domain: string, origin: string | null, body: unknown, options: ProxiedOptions = {}) => {
    const request = proxied(domain, body, kit.now(), options);
    if (origin !== null) request.headers.set("origin", origin);
    return proxy.read(request);
  };

  test.each(["event", "session"])(
    "of another site is refused through the app proxy as well: %s",
    async (place) => {
      const shop = await known();
      const [body, options] = [place === "event" ? batch() : {}, {
        place,
        host: STORE,
        customerId: "7012345678901",
      }];
      for (const origin of ["https://evil.example", `https://${STORE}.evil.example`, "https://not a url"]) {
        const answer = await fromPage(shop.domain, origin, body, options);
        expect(answer).toMatchObject({ status: 403, body: { code: "foreign_origin" } });
        expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      }
      expect(await kit.events(shop.id)).toEqual([]);
      expect(await kit.refusals(shop.id)).toEqual({ foreign_origin: 3 });
    },
  );

  test("of the shop's page is taken through the app proxy, also on a domain that is not known yet, and none proves nothing", async () => {
    const shop = await kit.shop();
    for (const origin of [`https://new.${STORE}`, `https://${shop.domain}`, "null", null]) {
      expect((await fromPage(shop.domain, origin, batch(), { host: `new.${STORE}` })).status).toBe(202);
    }
  });

  test("of another site, or none, takes back no consent for the customer who is logged in", async () => {
    const shop = await known();
    const customerId = "7012345678901";
    const opened = await proxy.session(shop.domain, { consent: YES }, { customerId });
    await proxy.send(shop.domain, {
      events: [signed(opened.body.session, event())],
      visitor: { fbp: FBP },
      consent: YES,
    }, {
      customerId,
    });
    const left = async () =>
      (await kit.database.query("postgres", "select from trakit.visitors where shop_id = $1", [shop.id]))
        .length;
    expect(await left()).toBe(1);
    const options = { place: "session", customerId, host: STORE };
    for (const origin of ["null", null]) await fromPage(shop.domain, origin, { consent: NO }, options);
    expect(await left()).toBe(1);
    await fromPage(shop.domain, `https://${STORE}`, { consent: NO }, options);
    expect(await left()).toBe(0);
  });

  test("a preflight is answered, and promises no more than the request keeps", async () => {
    const shop = await known();
    const origin = `https://${STORE}`;
    const answer = await proxy.direct(shop.domain, null, { method: "OPTIONS", headers: { origin } });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-allow-methods")).toBe("POST, OPTIONS");
    expect(answer.headers.get("access-control-allow-headers")).toBe("content-type");
  });

  test("is learnt only from what Shopify signed", async () => {
    const shop = await kit.shop();
    const headers = {
      origin: "https://other.example",
      "x-forwarded-host": "other.example",
      host: "other.example",
    };
    expect((await proxy.direct(shop.domain, {}, { place: "session", headers })).status).toBe(403);
    await proxy.session(shop.domain, {}, { host: "other.example:443" });
    expect((await proxy.direct(shop.domain, {}, { place: "session", headers })).status).toBe(200);
    const rows = await kit.database.query<{ hosts: string[] }>(
      "postgres",
      "select hosts from trakit.shops where id = $1",
      [shop.id],
    );
    expect(rows).toEqual([{ hosts: ["other.example"] }]);
  });
});

describe("on a first-party host", () => {
  const first = { origin: `https://www.${STORE}`, host: `t.${STORE}`, "x-forwarded-host": `t.${STORE}` };

  test("cookies are read, and set again for two years on the registrable domain", async () => {
    const shop = await known({ hosts: [STORE, `www.${STORE}`] });
    const id = randomBytes(16).toString("hex");
    const cookie =
      `_tk_v=${id}; _fbp=${FBP}; _ga=GA1.2.12.34; _ga_ABC=GS1.1.55.1; _ga_DEF=GS1.1.66.1; _ttp=tt-1; other="x"; _fbp=second; __Host-tk_p=${
        visitorProof(KEYS, shop.domain, id)
      }`;
    const answer = await proxy.direct(shop.domain, { consent: YES }, {
      place: "session",
      headers: { ...first, cookie },
    });
    expect(answer.status).toBe(200);
    expect(answer.body.visitor).toMatchObject({
      visitor_id: id,
      fbp: FBP,
      ttp: "tt-1",
      ga_client_id: "12.34",
    });
    const attributes = `Path=/; Max-Age=63072000; SameSite=Lax; Secure; Domain=${STORE}`;
    expect(answer.cookies).toEqual([
      `_tk_v=${id}; ${attributes}`,
      `_fbp=${FBP}; ${attributes}`,
      `_ttp=tt-1; ${attributes}`,
      `_ga=GA1.2.12.34; ${attributes}`,
      `__Host-tk_p=${
        visitorProof(KEYS, shop.domain, id)
      }; Path=/; Max-Age=63072000; SameSite=Lax; Secure; HttpOnly`,
    ]);
    const sent = await proxy.direct(shop.domain, batch(), { headers: { ...first, cookie } });
    expect(sent.cookies).toContain(`_tk_v=${id}; ${attributes}`);
    expect((await kit.events(shop.id))[0]).toMatchObject({
      identifiers: { visitor_id: id, fbp: FBP, ga_client_id: "12.34", ga_session_id: "55" },
    });
  });

  test("the lifetime is the shop's setting", async () => {
    const shop = await known({ hosts: [STORE, `www.${STORE}`], cookie_lifetime_days: 30 });
    const { cookies } = await proxy.direct(shop.domain, { consent: YES }, {
      place: "session",
      headers: first,
    });
    expect(cookies[0]).toContain("Max-Age=2592000;");
  });

  test("restored identifiers are set where the browser lost them", async () => {
    const shop = await known({ hosts: [STORE, `www.${STORE}`] });
    const id = randomBytes(16).toString("hex");
    await proxy.direct(shop.domain, batch({ visitor: { visitor_id: id, fbp: FBP } }), { headers: first });
    const { cookies } = await proxy.direct(shop.domain, { consent: YES }, {
      place: "session",
      headers: { ...first, cookie: `_tk_v=${id}; __Host-tk_p=${visitorProof(KEYS, shop.domain, id)}` },
    });
    expect(cookies.some((cookie) => cookie.startsWith(`_fbp=${FBP};`))).toBe(true);
  });

  test.each([
    ["a host of somebody else", { host: "t.elsewhere.example", "x-forwarded-host": "t.elsewhere.example" }],
    ["our own address, which is a third party's", {
      host: "x.supabase.co",
      "x-forwarded-host": "x.supabase.co",
    }],
    ["an address without a host", { host: "", "x-forwarded-host": "" }],
  ])("%s gets no cookies", async (_, headers) => {
    const shop = await known({ hosts: [STORE, `www.${STORE}`] });
    const { status, cookies } = await proxy.direct(shop.domain, { consent: YES }, {
      place: "session",
      headers: { ...first, ...headers },
    });
    expect({ status, cookies }).toEqual({ status: 200, cookies: [] });
  });

  test("a shared suffix is nobody's domain: cookies stay with the host", async () => {
    const shop = await kit.shop();
    const { cookies, body } = await proxy.session(shop.domain, { consent: YES }, { host: shop.domain });
    expect(body.config.cookie_domain).toBe(shop.domain);
    expect(cookies[0]).toContain(`Domain=${shop.domain}`);
    const other = await proxy.session(shop.domain, { consent: YES }, { host: "mugs.github.io" });
    expect(other.body.config.cookie_domain).toBe("mugs.github.io");
    const ip = await proxy.session(shop.domain, { consent: YES }, { host: "127.0.0.1:54340" });
    expect(ip.body.config.cookie_domain).toBeNull();
    expect(ip.cookies[0]).not.toContain("Domain=");
  });

  test("a click id that would end the cookie is not set", async () => {
    const shop = await known({ hosts: [STORE, `www.${STORE}`] });
    const fbc = "fb.1.1792998009000.a;Domain=evil.example";
    const { cookies } = await proxy.direct(shop.domain, { consent: YES, visitor: { fbc } }, {
      place: "session",
      headers: first,
    });
    expect(cookies.join("\n")).not.toContain("evil");
  });

  test("absurd cookies are read no further than 32 KiB, and harm nothing", async () => {
    const shop = await known({ hosts: [STORE, `www.${STORE}`] });
    const noise = Array.from({ length: 150 }, (_, n) => `c${n}=${"x".repeat(20)}`).join("; ");
    const broken = `${noise}; =; ;;; _tk_c=%E0%A4%A; _fbp=fb.1.1.1; _ga=; _ttp=${"y".repeat(600)}`;
    for (const cookie of [broken, `${broken}; ${"z".repeat(40_000)}`, "\u0001=\u0002"]) {
      const answer = await proxy.direct(shop.domain, batch(), { headers: { ...first, cookie } });
      expect(answer).toMatchObject({ status: 202, body: { results: [{ status: "accepted" }] } });
    }
  });
});

describe("the shop's own reverse proxy", () => {
  const forward = (
    domain: string,
    change: { secret?: string; time?: number; ip?: string; cookie?: string; host?: string } = {},
    sent: Record<string, string> = {},
  ) => {
    const parts = {
      method: "POST",
      place: "event",
      time: String(Math.floor((change.time ?? kit.now()) / 1000)),
      ip: change.ip ?? "2001:db8::77",
      host: change.host ?? `www.${STORE}`,
      cookie: change.cookie ?? `_fbp=${FBP}`,
    };
    const headers = {
      "x-trakit-time": parts.time,
      "x-trakit-ip": parts.ip,
      "x-trakit-host": parts.host,
      cookie: parts.cookie,
      origin: `https://${parts.host}`,
      "x-trakit-signature": forwardedSignature(change.secret ?? forwarderSecret(KEYS, domain), parts),
      ...sent,
    };
    return proxy.direct(domain, batch(), { headers });
  };

  test("speaks for the visitor's address and cookies", async () => {
    const shop = await known({ hosts: [`www.${STORE}`] });
    const answer = await forward(shop.domain);
    expect(answer.status).toBe(202);
    expect(
      answer.cookies.some((cookie) =>
        cookie.startsWith(`_fbp=${FBP};`) && cookie.endsWith(`Domain=${STORE}`)
      ),
    )
      .toBe(true);
    const [client] = await kit.database.query<{ ip: string }>(
      "postgres",
      "select ip from trakit.event_clients where shop_id = $1",
      [shop.id],
    );
    expect(client!.ip).toBe("2001:db8::77");
  });

  test.each([
    ["another shop's secret", { secret: forwarderSecret(KEYS, "other.myshopify.com") }, {}, "bad_forwarder"],
    ["another address", {}, { "x-trakit-ip": "203.0.113.1" }, "bad_forwarder"],
    ["other cookies", {}, { cookie: "_fbp=fb.1.1792998010123.2" }, "bad_forwarder"],
    ["another host", {}, { "x-trakit-host": "evil.example" }, "bad_forwarder"],
    ["no signature worth the name", {}, { "x-trakit-signature": "x" }, "bad_forwarder"],
    ["a signature 91 seconds old", { time: EVENING - 91_000 }, {}, "stale_forwarder"],
  ])("with %s is refused", async (_, change, sent, reason) => {
    const shop = await known({ hosts: [`www.${STORE}`] });
    expect(await forward(shop.domain, change, sent)).toMatchObject({ status: 401, body: { code: reason } });
    expect(await kit.events(shop.id)).toEqual([]);
    await kit.settled();
    expect(await kit.refusals(shop.id)).toEqual({ [reason]: 1 });
  });
});

describe("a flood", () => {
  test("of made-up keys is counted in full by few statements, and stays counted nobody's", async () => {
    const shop = await known();
    const before = (await kit.refusals())["bad_key"] ?? 0;
    let statements = 0;
    const db = {
      ...kit.deps().db,
      rows: ((text: string, values: unknown[]) => {
        if (text.includes("count_refused_calls")) statements++;
        return kit.deps().db.rows(text, values);
      }) as never,
    };
    const flooded = proxyKit(kit, { db });
    await Promise.all(
      Array.from({ length: 500 }, () => flooded.direct(shop.domain, batch(), { key: "made.up" })),
    );
    await kit.settled();
    expect(((await kit.refusals())["bad_key"] ?? 0) - before).toBe(500);
    expect(statements).toBeLessThan(100);
  });

  test("10,000 events in a minute from one address are cut off with 429; neighbours, other shops and isolates agree", async () => {
    const shop = await known({ events_per_minute: 120 });
    const other = await known({ events_per_minute: 120 });
    const isolates = [proxy, proxyKit(kit)];
    const many = (count: number) => Array.from({ length: count }, () => event());
    const send = (n: number) =>
      isolates[n % 2]!.send(shop.domain, { events: many(50), consent: YES }, { ip: `203.0.113.${n % 250}` });
    const statuses: Awaited<ReturnType<typeof send>>[] = [];
    // twenty at a time: two hundred at once wait longer for a connection than a caller would
    for (let n = 0; n < 200; n += 20) {
      statuses.push(...await Promise.all(Array.from({ length: 20 }, (_, one) => send(n + one))));
    }
    const refused = statuses.filter(({ status }) => status === 429);
    const accepted = statuses.filter(({ status }) => status === 202).length;
    // calls under way at the same moment do not see each other's count: one more for each connection at most
    expect(accepted).toBeGreaterThanOrEqual(2);
    expect(accepted).toBeLessThanOrEqual(2 + 4);
    expect(refused).toHaveLength(200 - accepted);
    expect(refused[0]).toMatchObject({ body: { code: "rate_limited" } });
    expect(Number(refused[0]!.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(Number(refused[0]!.headers.get("retry-after"))).toBeLessThanOrEqual(60);
    expect(await kit.refusals(shop.id)).toEqual({ rate_limited: refused.length * 50 });
    expect(await kit.events(shop.id)).toHaveLength(accepted * 50);

    // a session, and a bad body, are cut off too; everybody else goes on
    expect((await proxy.session(shop.domain, {}, { ip: "203.0.113.9" })).status).toBe(429);
    expect((await proxy.send(shop.domain, "{", { ip: "203.0.113.9" })).status).toBe(429);
    expect((await proxy.send(shop.domain, batch(), { ip: "203.0.114.9" })).status).toBe(202);
    expect((await proxy.send(other.domain, batch(), { ip: "203.0.113.9" })).status).toBe(202);
    kit.pass(60);
    expect((await proxy.send(shop.domain, batch(), { ip: "203.0.113.9" })).status).toBe(202);
  });
});

describe("scripts", () => {
  test("are served to anybody, the same to all, and not again where they are known", async () => {
    const get = (headers: Record<string, string> = {}) =>
      proxy.handle(new Request("http://edge.test/proxy/trakit.js?shop=<script>", { headers }));
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe("void 0;");
    expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await get({ "if-none-match": '"v1"' })).status).toBe(304);
    expect((await proxy.handle(new Request("http://edge.test/proxy/other.js"))).status).toBe(404);
    expect((await proxy.handle(new Request("http://edge.test/proxy/trakit.js", { method: "POST" }))).status)
      .toBe(405);
  });
});

test("while the database is away, the answer is 503 and readable by the page, so that it sends again", async () => {
  const away = proxyKit(kit, { db: absentDatabase() });
  const shop = await known();
  for (const place of ["session", "event"]) {
    const request = directRequest(shop.domain, place === "event" ? batch() : {}, {
      place,
      headers: { origin: `https://${STORE}` },
    });
    const answer = await away.read(request);
    expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(answer.headers.get("access-control-allow-origin")).toBe(`https://${STORE}`);
  }
});
