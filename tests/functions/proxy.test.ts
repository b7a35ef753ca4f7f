import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { ProxyDependencies } from "../../functions/proxy/dependencies.ts";
import { proxyHandler } from "../../functions/proxy/handler.ts";
import {
  absentDatabase,
  EVENING,
  expectUnlogged,
  pipelineKit,
  PREVIOUS_SECRET,
  type ProxyOptions,
  proxyRequest,
  SECRET,
} from "../support/pipeline.ts";

const kit = await pipelineKit();
const CONSENT = { analytics: true, marketing: true, preferences: true, sale_of_data: true };
const VISITOR = {
  visitor_id: "00112233445566778899aabbccddeeff",
  fbp: "fb.1.1761490000000.1234567890",
  ga: "GA1.1.1414213562.1700000000",
};

function handler(change: Partial<ProxyDependencies> = {}) {
  return proxyHandler({
    ...kit.deps(),
    secrets: [SECRET, PREVIOUS_SECRET],
    waitUntil: kit.waitUntil,
    chance: (bytes) => randomBytes(bytes),
    scripts: {},
    ...change,
  });
}
const handle = handler();

interface Answer {
  status: number;
  headers: Headers;
  body: {
    code?: string;
    results: { event_id: string | null; status: string; reason?: string; issues?: string[] }[];
    visitor: Record<string, string | null>;
  };
}

async function send(domain: string, body: unknown, options?: ProxyOptions, via = handle): Promise<Answer> {
  const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await via(proxyRequest(domain, text, options));
  await kit.settled();
  return {
    status: response.status,
    headers: response.headers,
    body: await response.json() as Answer["body"],
  };
}

let serial = 0;
const nextId = () => (++serial).toString(16).padStart(32, "0");

function pageView(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "page_viewed",
    id: nextId(),
    timestamp: new Date(EVENING).toISOString(),
    page: { url: "https://demo.example/products/beanie?fbclid=abc", referrer: "", title: "Beanie" },
    data: {},
    ...change,
  };
}

const batch = (...events: unknown[]) => ({ events, visitor: VISITOR, consent: CONSENT });
const vendorsAsked = () => Object.keys(kit.requests()).sort();

describe("a batch of browser events", () => {
  test("is stored, answered 202 with the visitor's identifiers, and sent", async () => {
    const shop = await kit.shop();
    const event = pageView();
    const answer = await send(shop.domain, batch(event), { customerId: "7012345678801" });
    expect(answer.status).toBe(202);
    expect(answer.body.results).toEqual([{ event_id: event.id, name: "page_viewed", status: "accepted" }]);
    expect(answer.body.visitor).toMatchObject({ visitor_id: VISITOR.visitor_id, fbp: VISITOR.fbp });
    const [stored] = await kit.events(shop.id);
    expect(stored).toMatchObject({ name: "page_viewed", event_id: event.id, webhook_at: null });
    expect(stored!.identifiers).toMatchObject({
      ga_client_id: "1414213562.1700000000",
    });
    expect(vendorsAsked()).toEqual(["google", "meta", "pinterest", "snapchat", "tiktok"]);
  });

  test("answers for each event by itself: accepted, known or not, or refused and why", async () => {
    const shop = await kit.shop();
    const good = pageView();
    const answer = await send(
      shop.domain,
      batch(
        good,
        pageView({ name: "no_such_event" }),
        good,
        pageView({ timestamp: "the day before" }),
        "not an object",
        pageView(),
      ),
    );
    expect(answer.status).toBe(202);
    expect(answer.body.results.map(({ status }) => status)).toEqual([
      "accepted",
      "refused",
      "accepted",
      "refused",
      "refused",
      "accepted",
    ]);
    for (const { reason } of answer.body.results.filter(({ status }) => status === "refused")) {
      expect(reason).toMatch(/^[a-z_]+$/);
    }
    expect(await kit.events(shop.id)).toHaveLength(2);
    const counted = await kit.refusals(shop.id);
    expect(Object.values(counted).reduce((sum, count) => sum + count, 0)).toBe(3);
  });

  test("of fifty events is taken whole; of fifty-one, or of none, it is 400 and counted", async () => {
    const shop = await kit.shop();
    const fifty = Array.from({ length: 50 }, () => pageView());
    expect((await send(shop.domain, batch(...fifty))).body.results).toHaveLength(50);
    expect(await kit.events(shop.id)).toHaveLength(50);
    for (const events of [[...fifty, pageView()], []]) {
      expect(await send(shop.domain, batch(...events))).toMatchObject({
        status: 400,
        body: { code: "malformed_batch" },
      });
    }
    expect(await kit.events(shop.id)).toHaveLength(50);
    expect(await kit.refusals(shop.id)).toEqual({ malformed_batch: 2 });
  });

  test("of a visitor who refused everything is stored without the person and sent to nobody", async () => {
    const shop = await kit.shop();
    const refused = { analytics: false, marketing: false, preferences: false, sale_of_data: false };
    const answer = await send(shop.domain, { events: [pageView()], visitor: VISITOR, consent: refused });
    expect(answer.status).toBe(202);
    const [stored] = await kit.events(shop.id);
    expect(stored).toMatchObject({ identifiers: {}, digests: {} });
    expect((await kit.deliveries(shop.id)).map(({ state, reason }) => [state, reason]))
      .toEqual(Array(5).fill(["skipped", "consent_denied"]));
    expect(vendorsAsked()).toEqual([]);
  });

  test("that invents a purchase sends nothing: it waits for Shopify's own copy", async () => {
    const shop = await kit.shop();
    const answer = await send(
      shop.domain,
      batch(pageView({
        name: "checkout_completed",
        data: {
          checkout: {
            token: "deadbeefdeadbeefdeadbeefdeadbeef",
            currencyCode: "USD",
            totalPrice: { amount: 9999, currencyCode: "USD" },
            lineItems: [],
          },
        },
      })),
    );
    expect(answer.body.results[0]!.status).toBe("accepted");
    expect((await kit.deliveries(shop.id)).map(({ state, waits_for }) => [state, waits_for]))
      .toEqual(Array(5).fill(["pending", "order"]));
    expect(vendorsAsked()).toEqual([]);
  });
});

describe("the app proxy's signature", () => {
  test.each<[string, ProxyOptions, string]>([
    ["made with another secret", { secret: "somebody-else's-secret" }, "bad_signature"],
    ["older than 90 s", { signedAt: EVENING - 91_000 }, "stale_timestamp"],
    ["more than 90 s ahead", { signedAt: EVENING + 91_000 }, "stale_timestamp"],
  ])("%s is 401 and nothing is stored", async (_, options, code) => {
    const shop = await kit.shop();
    const answer = await send(shop.domain, batch(pageView()), options);
    expect(answer).toMatchObject({ status: 401, body: { code } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await kit.events(shop.id)).toEqual([]);
    expect(await kit.refusals(shop.id)).toEqual({});
  });

  test("of a changed query is 401", async () => {
    const shop = await kit.shop();
    const other = await kit.shop();
    const genuine = proxyRequest(shop.domain, JSON.stringify(batch(pageView())));
    const url = new URL(genuine.url);
    url.searchParams.set("shop", other.domain);
    const response = await handle(
      new Request(url, { method: "POST", body: JSON.stringify(batch(pageView())) }),
    );
    expect(response.status).toBe(401);
    expect(await kit.events(other.id)).toEqual([]);
  });

  test("made with the previous secret is accepted while it is being rotated", async () => {
    const shop = await kit.shop();
    const rotated = handler({ secrets: [SECRET] });
    const old = { secret: PREVIOUS_SECRET };
    expect((await send(shop.domain, batch(pageView()), old, rotated)).status).toBe(401);
    expect((await send(shop.domain, batch(pageView()), old)).status).toBe(202);
  });
});

describe("a request", () => {
  test("over 1 MiB is 413 and nothing is stored", async () => {
    const shop = await kit.shop();
    const answer = await send(shop.domain, new Uint8Array(1024 * 1024 + 1).fill(0x20));
    expect(answer).toMatchObject({ status: 413, body: { code: "body_too_large" } });
    expect(await kit.refusals(shop.id)).toEqual({ body_too_large: 1 });
  });

  test("that is no JSON is 400 and counted", async () => {
    const shop = await kit.shop();
    expect(await send(shop.domain, "{")).toMatchObject({ status: 400, body: { code: "malformed_json" } });
    expect(await kit.refusals(shop.id)).toEqual({ malformed_json: 1 });
  });

  test("by another method is 405, OPTIONS is answered, another address is 404", async () => {
    const put = await handle(new Request("http://edge.test/proxy/event", { method: "PUT" }));
    expect([put.status, put.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
    expect((await handle(new Request("http://edge.test/proxy/event", { method: "OPTIONS" }))).status).toBe(
      204,
    );
    expect((await send("a.myshopify.com", batch(pageView()), { path: "/proxy/nothing" })).status).toBe(404);
  });

  test("signed for a shop we do not know is 404 and counted", async () => {
    const before = (await kit.refusals()).unknown_shop ?? 0;
    const answer = await send("not-installed-here.myshopify.com", batch(pageView()));
    expect(answer).toMatchObject({ status: 404, body: { code: "unknown_shop" } });
    expect((await kit.refusals()).unknown_shop).toBe(before + 1);
  });

  test("while the database is out of reach is 503", async () => {
    const db = absentDatabase();
    try {
      const answer = await send("any-shop.myshopify.com", batch(pageView()), {}, handler(kit.deps({ db })));
      expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
    } finally {
      await db.close();
    }
  });

  test("with hostile content is survived, and its neighbours with it", async () => {
    const shop = await kit.shop();
    const hostile = [
      '{"name":"page_viewed","__proto__":{"polluted":true},"timestamp":"2026-10-26T18:00:00Z"}',
      '{"name":"page_viewed","timestamp":1e400}',
      `{"name":"${"x".repeat(10_000)}","timestamp":0}`,
      '{"name":"search_submitted","timestamp":"2026-10-26T18:00:00Z","data":{"searchResult":{"query":"a\\u0000b\\ud800"}}}',
      '{"name":"product_viewed","timestamp":"2026-10-26T18:00:00Z","data":{"productVariant":{"id":"1","price":{"amount":-5}}}}',
      "null",
      "[[[[[[[[]]]]]]]]",
    ];
    const good = pageView();
    const text = `{"events":[${hostile.join(",")},${JSON.stringify(good)}],"consent":${
      JSON.stringify(CONSENT)
    }}`;
    const answer = await send(shop.domain, text);
    expect(answer.status).toBe(202);
    expect(answer.body.results).toHaveLength(8);
    expect(answer.body.results[7]).toMatchObject({ event_id: good.id, status: "accepted" });
    expect(answer.body.results[4]).toMatchObject({ status: "refused" });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

test("no log line holds an address, an identifier or what was searched", async () => {
  const shop = await kit.shop();
  await kit.fault("meta", { kind: "status", status: 500 });
  await send(
    shop.domain,
    batch(pageView({ name: "search_submitted", data: { searchResult: { query: "secret-wish" } } })),
  );
  await send(shop.domain, batch(pageView()), { secret: "somebody-else's-secret" });
  expectUnlogged(kit.lines, ["secret-wish", "203.0.113.77", VISITOR.visitor_id, VISITOR.fbp, "1414213562"]);
});
