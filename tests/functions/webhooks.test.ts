import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { open, quarantineSubject } from "@trakit/runtime/seal.ts";
import { type WebhooksDependencies, webhooksHandler } from "../../functions/webhooks/handler.ts";
import {
  absentDatabase,
  expectUnlogged,
  KEYS,
  pipelineKit,
  PLATFORMS,
  PREVIOUS_SECRET,
  SECRET,
  type WebhookOptions,
  webhookRequest,
} from "../support/pipeline.ts";
import { fixture, fixtureText } from "../unit/shopify/fixture.ts";

const kit = await pipelineKit();
const ORDER = fixtureText("order-web-guest");
const CHECKOUT = "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3";

function handler(change: Partial<WebhooksDependencies> = {}) {
  return webhooksHandler({
    ...kit.deps(),
    secrets: [SECRET, PREVIOUS_SECRET],
    waitUntil: kit.waitUntil,
    ...change,
  });
}

/** One handler for the file, as one isolate. */
const handle = handler();

/** Posts a webhook, lets the sends end, and gives the answer. */
async function post(domain: string, body: string | Uint8Array, options?: WebhookOptions, via = handle) {
  const response = await via(webhookRequest(domain, body, options));
  await kit.settled();
  return {
    status: response.status,
    headers: response.headers,
    body: await response.json() as Record<string, unknown>,
  };
}

async function quarantined(shopId: string) {
  return await kit.database.query<
    { reason: string; webhook_id: string; issues: string[]; sealed_body: string; row: string }
  >(
    "postgres",
    "select q.*, to_jsonb(q)::text as row from trakit.quarantine q where shop_id = $1 order by id",
    [shopId],
  );
}

function requestCounts(): Record<string, number> {
  return Object.fromEntries(Object.entries(kit.requests()).map(([vendor, all]) => [vendor, all.length]));
}

const ONE_EACH = Object.fromEntries(PLATFORMS.map((platform) => [platform, 1]));

describe("an order", () => {
  test("signed, is stored, answered 200, sent to five platforms under one event id, and settled", async () => {
    const shop = await kit.shop();
    const answer = await post(shop.domain, ORDER);
    const eventId = conversionEventId(shop.domain, "checkout_completed", CHECKOUT);
    expect(answer).toMatchObject({ status: 200, body: { status: "accepted", event_id: eventId } });
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);

    const events = await kit.events(shop.id);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      name: "checkout_completed",
      event_id: eventId,
      commerce: { order_id: "5890123456781", total: "102.25", currency: "USD" },
    });
    const deliveries = await kit.deliveries(shop.id);
    expect(deliveries.map((row) => row.platform)).toEqual([...PLATFORMS].sort());
    for (const row of deliveries) {
      expect(row).toMatchObject({ state: "delivered", attempts: 1, lease: null, next_attempt_at: null });
    }

    expect(requestCounts()).toEqual(ONE_EACH);
    for (const [vendor, [request]] of Object.entries(kit.requests())) {
      expect(request).toMatchObject({ accepted: true, problems: [] });
      // Google deduplicates purchases by transaction, the others by our id
      expect(request!.events.map((event) => event.event_id)).toEqual([
        vendor === "google" ? "5890123456781" : eventId,
      ]);
    }
  });

  test("is answered before any platform was asked", async () => {
    const shop = await kit.shop();
    let release = () => {};
    const gate = new Promise<void>((resolve) => release = resolve);
    const slow = handler({
      ...kit.deps({
        fetch: async (...request: Parameters<typeof fetch>) => {
          await gate;
          return await fetch(...request);
        },
      }),
    });
    const response = await slow(webhookRequest(shop.domain, ORDER));
    expect(response.status).toBe(200);
    expect(requestCounts()).toEqual({});
    expect((await kit.deliveries(shop.id)).map((row) => row.state)).toEqual(Array(5).fill("pending"));
    release();
    await kit.settled();
    expect(requestCounts()).toEqual(ONE_EACH);
    expect((await kit.deliveries(shop.id)).map((row) => row.state)).toEqual(Array(5).fill("delivered"));
  });

  test("delivered again under its webhook id, is one event and five requests", async () => {
    const shop = await kit.shop();
    await post(shop.domain, ORDER, { webhookId: "w-1" });
    const again = await post(shop.domain, ORDER, { webhookId: "w-1" });
    expect(again).toMatchObject({ status: 200, body: { status: "duplicate" } });
    expect(await kit.events(shop.id)).toHaveLength(1);
    expect(requestCounts()).toEqual(ONE_EACH);
  });

  test("delivered again under another webhook id, is one event and five requests", async () => {
    const shop = await kit.shop();
    await post(shop.domain, ORDER, { webhookId: "w-1" });
    const again = await post(shop.domain, ORDER, { webhookId: "w-2" });
    expect(again.body.status).toBe("duplicate");
    expect(await kit.events(shop.id)).toHaveLength(1);
    expect(requestCounts()).toEqual(ONE_EACH);
  });

  test.each([["orders/create", "orders/paid"], ["orders/paid", "orders/create"]])(
    "counted by %s, is ignored by %s, in either order: one event and five requests",
    async (counted, other) => {
      const shop = await kit.shop({ order_topic: counted });
      const before = await post(shop.domain, ORDER, { topic: other });
      expect(before).toMatchObject({ status: 200, body: { status: "ignored", reason: "other_topic" } });
      expect(requestCounts()).toEqual({});
      expect((await post(shop.domain, ORDER, { topic: counted })).body.status).toBe("accepted");
      expect((await post(shop.domain, ORDER, { topic: other })).body.reason).toBe("other_topic");
      expect(await kit.events(shop.id)).toHaveLength(1);
      expect(requestCounts()).toEqual(ONE_EACH);
    },
  );

  test("delivered ten times at once, is one event and five requests", async () => {
    const shop = await kit.shop();
    const answers = await Promise.all(
      Array.from(
        { length: 10 },
        (_, i) => handle(webhookRequest(shop.domain, ORDER, { webhookId: `w-${i}` })),
      ),
    );
    const states = await Promise.all(
      answers.map(async (one) => ((await one.json()) as { status: string }).status),
    );
    await kit.settled();
    expect(states.sort()).toEqual(["accepted", ...Array(9).fill("duplicate")]);
    expect(await kit.events(shop.id)).toHaveLength(1);
    expect(requestCounts()).toEqual(ONE_EACH);
  });

  test("of another shop with the same numbers, is another event", async () => {
    const [one, other] = [await kit.shop(), await kit.shop()];
    const first = await post(one.domain, ORDER, { webhookId: "w-1" });
    const second = await post(other.domain, ORDER, { webhookId: "w-1" });
    expect([first.body.status, second.body.status]).toEqual(["accepted", "accepted"]);
    expect(first.body.event_id).not.toBe(second.body.event_id);
  });
});

describe("a signature", () => {
  test.each<[string, WebhookOptions, string]>([
    ["made with another secret", { secret: "somebody-else's-secret" }, "bad_signature"],
    ["missing", { headers: { "x-shopify-hmac-sha256": null } }, "missing_header"],
    ["empty", { headers: { "x-shopify-hmac-sha256": "" } }, "missing_header"],
    ["of another body", { headers: { "x-shopify-hmac-sha256": "AAAA" } }, "bad_signature"],
  ])("%s is 401 and nothing is stored", async (_, options, code) => {
    const shop = await kit.shop();
    const answer = await post(shop.domain, ORDER, options);
    expect(answer).toMatchObject({ status: 401, body: { code, status: 401 } });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await kit.events(shop.id)).toEqual([]);
    expect(await quarantined(shop.id)).toEqual([]);
    expect(await kit.refusals(shop.id)).toEqual({});
    expect(requestCounts()).toEqual({});
  });

  test("is checked before the body is read as JSON", async () => {
    const shop = await kit.shop();
    const answer = await post(shop.domain, "{", { secret: "somebody-else's-secret" });
    expect(answer.status).toBe(401);
    expect(await quarantined(shop.id)).toEqual([]);
  });

  test("made with the previous secret is accepted while it is being rotated, and no longer after", async () => {
    const shop = await kit.shop();
    const rotated = handler({ secrets: [SECRET] });
    expect((await post(shop.domain, ORDER, { secret: PREVIOUS_SECRET }, rotated)).status).toBe(401);
    expect((await post(shop.domain, ORDER, { secret: PREVIOUS_SECRET })).body.status).toBe("accepted");
  });
});

describe("a request", () => {
  test.each(["GET", "PUT", "DELETE", "PATCH"])("by %s is 405 and told what is allowed", async (method) => {
    const response = await handle(new Request("http://edge.test/webhooks", { method }));
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST, OPTIONS");
    expect(((await response.json()) as { code: string }).code).toBe("method_not_allowed");
  });

  test("by OPTIONS is 204 with what is allowed", async () => {
    const response = await handle(new Request("http://edge.test/webhooks", { method: "OPTIONS" }));
    expect(response.status).toBe(204);
    expect(response.headers.get("allow")).toBe("POST, OPTIONS");
  });

  test("over 5 MiB is 413, also where no length was announced, and nothing is stored", async () => {
    const shop = await kit.shop();
    const body = new Uint8Array(5 * 1024 * 1024 + 1).fill(0x20);
    for (const headers of [{}, { "content-length": String(body.byteLength) }]) {
      const answer = await post(shop.domain, body, { headers });
      expect(answer).toMatchObject({ status: 413, body: { code: "body_too_large" } });
    }
    expect(await quarantined(shop.id)).toEqual([]);
  });

  test("of exactly 5 MiB is read", async () => {
    const shop = await kit.shop();
    const body = new TextEncoder().encode(ORDER.padEnd(5 * 1024 * 1024, " "));
    const answer = await post(shop.domain, body.slice(0, 5 * 1024 * 1024));
    expect(answer).toMatchObject({ status: 200, body: { status: "accepted" } });
  });

  test("on a topic nobody here reads is 200 and ignored", async () => {
    const shop = await kit.shop();
    const answer = await post(shop.domain, "{}", { topic: "products/update" });
    expect(answer).toMatchObject({ status: 200, body: { status: "ignored", reason: "unhandled_topic" } });
    expect(await kit.events(shop.id)).toEqual([]);
  });
});

describe("a payload nobody can read", () => {
  test.each([
    ["is no JSON", '{"email":"maya.okafor@example.com"', "malformed_json"],
    ["has no id", JSON.stringify({ ...fixture("order-web-guest"), id: null }), null],
    [
      "has a price that is none",
      JSON.stringify({ ...fixture("order-web-guest"), total_price: "maya.okafor" }),
      "unreadable_payload",
    ],
    ["is a list", JSON.stringify([fixture("order-web-guest")]), "unreadable_payload"],
  ])("because it %s is 200, kept sealed and opens again", async (_, body, reason) => {
    const shop = await kit.shop();
    const answer = await post(shop.domain, body, { webhookId: "w-1" });
    if (reason === null) {
      // the gid beside it says the same
      expect(answer.body.status).toBe("accepted");
      return;
    }
    expect(answer).toMatchObject({ status: 200, body: { status: "quarantined", reason } });
    expect(await kit.events(shop.id)).toEqual([]);
    const rows = await quarantined(shop.id);
    expect(rows).toHaveLength(1);
    expect(rows[0]!.reason).toBe(reason);
    for (const secret of ["maya", "okafor", "Linden", "7185550123"]) {
      expect(rows[0]!.row.toLowerCase()).not.toContain(secret.toLowerCase());
    }
    const opened = open(KEYS, rows[0]!.sealed_body, quarantineSubject(shop.domain, "w-1"));
    expect(opened.ok && new TextDecoder().decode(opened.bytes)).toBe(body);
    // bound to its row: moved to another shop's or webhook's it does not open
    expect(open(KEYS, rows[0]!.sealed_body, quarantineSubject(shop.domain, "w-2")).ok).toBe(false);
    expectUnlogged(kit.lines, ["maya", "okafor", "Linden"]);
  });

  test("is kept once, however often Shopify repeats it", async () => {
    const shop = await kit.shop();
    for (const _ of [1, 2]) {
      expect((await post(shop.domain, "{", { webhookId: "w-1" })).body.status).toBe("quarantined");
    }
    expect(await quarantined(shop.id)).toHaveLength(1);
  });

  test("of a shop we do not know is ignored, not kept", async () => {
    const answer = await post("nobody-knows.myshopify.com", "{");
    expect(answer).toMatchObject({ status: 200, body: { status: "ignored", reason: "unknown_shop" } });
    const rows = await kit.database.query(
      "postgres",
      "select from trakit.quarantine where shop_domain = $1",
      [
        "nobody-knows.myshopify.com",
      ],
    );
    expect(rows).toEqual([]);
  });
});

describe("a shop", () => {
  test("we do not know is 200, ignored and counted", async () => {
    const before = (await kit.refusals()).unknown_shop ?? 0;
    const answer = await post("not-installed.myshopify.com", ORDER);
    expect(answer).toMatchObject({ status: 200, body: { status: "ignored", reason: "unknown_shop" } });
    expect((await kit.refusals()).unknown_shop).toBe(before + 1);
    expect(requestCounts()).toEqual({});
  });

  test("that uninstalled the app is 200, ignored and counted under it", async () => {
    const shop = await kit.shop();
    await kit.database.query(
      "postgres",
      "update trakit.shops set status = 'uninstalled', uninstalled_at = now() where id = $1",
      [shop.id],
    );
    const answer = await post(shop.domain, ORDER);
    expect(answer).toMatchObject({ status: 200, body: { status: "ignored", reason: "uninstalled_shop" } });
    expect(await kit.refusals(shop.id)).toEqual({ uninstalled_shop: 1 });
    expect(await kit.events(shop.id)).toEqual([]);
    expect(requestCounts()).toEqual({});
  });
});

describe("a database out of reach", () => {
  test.each([["an order", ORDER], ["a payload nobody can read", "{"]])(
    "makes %s 503 with Retry-After, so that Shopify repeats",
    async (_, body) => {
      const db = absentDatabase();
      try {
        const away = handler(kit.deps({ db }));
        const answer = await post("any-shop.myshopify.com", body, {}, away);
        expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
        expectUnlogged(kit.lines, ["maya", "okafor", "nothing@"]);
      } finally {
        await db.close();
      }
    },
  );

  test("costs no sending slots", async () => {
    const db = absentDatabase();
    const deps = kit.deps({ db });
    try {
      const free = deps.slots.free;
      await post("any-shop.myshopify.com", ORDER, {}, handler(deps));
      expect(deps.slots.free).toBe(free);
    } finally {
      await db.close();
    }
  });
});

describe("an order that is no web sale", () => {
  test.each([
    ["a test order", "order-test", {}, "test_order"],
    ["a POS order", "order-pos", {}, "source_excluded"],
  ])("%s is stored and skipped by default", async (_, name, settings, reason) => {
    const shop = await kit.shop(settings);
    expect((await post(shop.domain, fixtureText(name))).body.status).toBe("accepted");
    expect((await kit.deliveries(shop.id)).map((row) => [row.state, row.reason]))
      .toEqual(Array(5).fill(["skipped", reason]));
    expect(requestCounts()).toEqual({});
  });

  test("a test order is sent where the shop wants it", async () => {
    const shop = await kit.shop({ test_orders: "send" });
    await post(shop.domain, fixtureText("order-test"));
    const rows = await kit.deliveries(shop.id);
    expect(rows.filter((row) => row.reason === "test_order")).toEqual([]);
    expect(requestCounts().meta).toBe(1);
    expect(rows.find((row) => row.platform === "meta")!.state).toBe("delivered");
  });

  test("a POS order is sent where the shop wants it, to who can take one", async () => {
    const shop = await kit.shop({ excluded_channels: [], unknown_consent: "send" });
    const order = fixture("order-pos");
    order.email = "counter.buyer@example.com";
    await post(shop.domain, JSON.stringify(order));
    const rows = await kit.deliveries(shop.id);
    expect(rows.filter((row) => row.reason === "source_excluded")).toEqual([]);
    expect(rows.find((row) => row.platform === "meta")!.state).toBe("delivered");
    expect(requestCounts().meta).toBe(1);
  });
});

describe("hostile content", () => {
  test("an order id beyond 2^53 keeps all its digits, in the row and at the vendors", async () => {
    const shop = await kit.shop();
    const text = ORDER.replaceAll("5890123456781", "820982911946154508");
    expect(text).toContain('"id": 820982911946154508');
    await post(shop.domain, text);
    const [event] = await kit.events(shop.id);
    expect(event!.commerce.order_id).toBe("820982911946154508");
    const keys = await kit.database.query<{ key: string }>(
      "postgres",
      "select key from trakit.event_keys where shop_id = $1 and key like 'order:%'",
      [shop.id],
    );
    expect(keys).toEqual([{ key: "order:820982911946154508" }]);
    expect(JSON.stringify(kit.requests().meta)).toContain("820982911946154508");
    expect(JSON.stringify(kit.requests())).not.toContain("820982911946154500");
  });

  test("10,000 line items do not cost the purchase or its total", async () => {
    const shop = await kit.shop();
    const order = fixture("order-web-guest");
    const [line] = order.line_items;
    order.line_items = Array.from({ length: 10_000 }, (_, i) => ({
      ...{ id: i, sku: `S-${i}`, title: line.title, quantity: 1 },
      ...{ price: line.price, product_id: line.product_id, variant_id: line.variant_id },
    }));
    expect((await post(shop.domain, JSON.stringify(order))).body.status).toBe("accepted");
    const [event] = await kit.events(shop.id);
    expect(event!.commerce.total).toBe("102.25");
    expect(event!.commerce.items).toHaveLength(500);
    expect(await kit.refusals(shop.id)).toEqual({ unusable_line_items: 1 });
    expect((await kit.deliveries(shop.id)).map((row) => row.state)).toEqual(Array(5).fill("delivered"));
  });

  test.each([
    ["lone surrogates", "a\\ud800b\\udc00"],
    ["\\u0000", "a\\u0000b"],
    ["a right-to-left override", "a\\u202eb"],
    ["a megabyte of text", "x".repeat(20_000)],
  ])("%s in every text survives storage and sending", async (_, hostile) => {
    const shop = await kit.shop();
    const text = ORDER
      .replaceAll('"Merino Beanie"', `"${hostile}"`)
      .replaceAll('"Maya"', `"${hostile}"`)
      .replaceAll('"41 Linden Street"', `"${hostile}"`)
      .replaceAll('"#1042"', `"${hostile}"`)
      .replaceAll('"en-US"', `"${hostile}"`);
    expect(text).not.toBe(ORDER);
    const answer = await post(shop.domain, text);
    expect(answer).toMatchObject({ status: 200, body: { status: "accepted" } });
    expect((await kit.deliveries(shop.id)).map((row) => row.state)).toEqual(Array(5).fill("delivered"));
  });

  test("prototype keys and huge numbers change nothing and no prototype", async () => {
    const shop = await kit.shop();
    const text = ORDER.replace(
      "{",
      `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":null,` +
        `"huge":1e400,"tiny":1e-400,"digits":${"9".repeat(400)},`,
    );
    expect((await post(shop.domain, text)).body.status).toBe("accepted");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect((await kit.deliveries(shop.id)).map((row) => row.state)).toEqual(Array(5).fill("delivered"));
  });

  test.each(["1e400", '"NaN"', '"1,50"', "9".repeat(400)])(
    "a total of %s is never booked as a sum of money",
    async (total) => {
      const shop = await kit.shop();
      const text = ORDER.replace('"total_price": "102.25"', `"total_price": ${total}`)
        .replace(/"total_price_set": \{[^]*?\}[^]*?\}[^]*?\},/, "");
      expect(text).not.toContain('"total_price_set"');
      const answer = await post(shop.domain, text);
      expect(answer.status).toBe(200);
      expect(["quarantined", "accepted"]).toContain(answer.body.status);
      for (const event of await kit.events(shop.id)) expect(event.commerce.total ?? null).toBe(null);
    },
  );
});

test("no log line holds the buyer's email, phone, name, street, address, token or a digest", async () => {
  const shop = await kit.shop();
  await kit.fault("tiktok", { kind: "status", status: 500 });
  await kit.fault("meta", { kind: "bad_token" });
  await post(shop.domain, ORDER);
  await post(shop.domain, ORDER.slice(0, -20));
  await post(shop.domain, ORDER, { secret: "somebody-else's-secret" });
  const digests = Object.values((await kit.events(shop.id))[0]!.digests).flat();
  expect(digests.length).toBeGreaterThan(4);
  expectUnlogged(kit.lines, [
    "maya.okafor",
    "Maya",
    "Okafor",
    "7185550123",
    "Linden",
    "198.51.100.23",
    "demo-meta-access-token",
    SECRET,
    ...digests,
  ]);
});
