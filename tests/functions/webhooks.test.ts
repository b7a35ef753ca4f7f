import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import {
  absentDatabase,
  expectUnlogged,
  pipelineKit,
  PLATFORMS,
  SECRET,
  webhookRequest,
} from "../support/pipeline.ts";
import { webhooks } from "../support/webhooks.ts";
import { fixture, fixtureText } from "../unit/shopify/fixture.ts";

const kit = await pipelineKit();
const { handler, handle, post, requestCounts } = webhooks(kit);
const ORDER = fixtureText("order-web-guest");
const CHECKOUT = "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3";
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
        send: async (request) => {
          await gate;
          return await kit.deps().send(request);
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
