import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { EVENING, expectUnlogged, pipelineKit } from "../support/pipeline.ts";
import { pageView, proxyKit, signed, YES } from "../support/storefront.ts";

const kit = await pipelineKit();
const proxy = proxyKit(kit);
const HOUR = 3_600;

async function begin(domain: string) {
  const opened = await proxy.session(domain, { consent: YES });
  expect(opened.status).toBe(200);
  return opened.body.session as { id: string; key: string; now: number; expires_at: number };
}

function fresh(change: Record<string, unknown> = {}) {
  return pageView({ id: randomBytes(16).toString("hex"), timestamp: kit.now(), ...change });
}

function checkout(domain: string, token: string, change: Record<string, unknown> = {}) {
  return {
    name: "checkout_started",
    timestamp: kit.now(),
    page: { url: "https://blue-mugs.example/checkouts/cn/abcdefghij" },
    data: {
      checkout: {
        token,
        currencyCode: "USD",
        totalPrice: { amount: 12, currencyCode: "USD" },
        lineItems: [],
      },
    },
    id: conversionEventId(domain, "checkout_started", token),
    ...change,
  };
}

describe("a signed event", () => {
  test("is taken, marked signed, and sent", async () => {
    const shop = await kit.shop({ unsigned_events: false });
    const session = await begin(shop.domain);
    const event = fresh();
    const answer = await proxy.send(shop.domain, { events: [signed(session, event)], consent: YES });
    expect(answer).toMatchObject({
      status: 202,
      body: { results: [{ event_id: event.id, name: "page_viewed", status: "accepted" }] },
    });
    expect(await kit.events(shop.id)).toMatchObject([{ event_id: event.id, signed: true }]);
  });

  test("sent again under the same token, is a duplicate and stored once", async () => {
    const shop = await kit.shop();
    const batch = { events: [signed(await begin(shop.domain), fresh())], consent: YES };
    await proxy.send(shop.domain, batch);
    const again = await proxy.send(shop.domain, batch);
    expect(again.body.results).toMatchObject([{ status: "duplicate" }]);
    expect(await kit.events(shop.id)).toHaveLength(1);
    expect(await kit.refusals(shop.id)).toEqual({});
  });

  test("keeps its body: a second one of its session is refused and counted, one of anybody else's is dropped without a word", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const event = fresh();
    await proxy.send(shop.domain, { events: [signed(session, event)], consent: YES });
    const changed = { ...event, page: { url: "https://blue-mugs.example/else" } };
    const answer = await proxy.send(shop.domain, {
      events: [signed(session, changed), changed, signed(session, event), signed(session, fresh())],
      consent: YES,
    });
    expect(answer.body.results).toMatchObject([
      { event_id: event.id, status: "refused", reason: "second_body" },
      { event_id: event.id, status: "accepted" },
      { status: "duplicate" },
      { status: "accepted" },
    ]);
    const [first] = await kit.database.query<{ page: { url: string } }>(
      "postgres",
      "select page from trakit.events where shop_id = $1 and event_id = $2",
      [shop.id, event.id],
    );
    expect(first!.page.url).toBe(event.page.url);
    expect(await kit.events(shop.id)).toHaveLength(2);
    expect(await kit.refusals(shop.id)).toEqual({ second_body: 1 });
  });

  test("keeps its body within one request too", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const event = fresh();
    const answer = await proxy.send(shop.domain, {
      events: [
        signed(session, event),
        signed(session, { ...event, data: { x: 1 } }),
        signed(session, event),
        fresh(),
      ],
      consent: YES,
    });
    expect(
      answer.body.results.map((result: { reason?: string; status: string }) =>
        result.reason ?? result.status
      ),
    )
      .toEqual(["accepted", "second_body", "duplicate", "accepted"]);
    expect(await kit.refusals(shop.id)).toEqual({ second_body: 1 });
  });

  test("of a conversion has the id its checkout gives, or is refused", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const right = checkout(shop.domain, "a".repeat(32));
    const { id: _, ...withoutId } = right;
    const other = checkout(shop.domain, "b".repeat(32));
    const answer = await proxy.send(shop.domain, {
      events: [
        signed(session, withoutId, { eventId: right.id }),
        signed(session, other, { eventId: right.id }),
        signed(session, other, { eventId: "c".repeat(32) }),
        signed(session, fresh(), { eventId: "d".repeat(32) }),
      ],
      consent: YES,
    });
    expect(answer.body.results).toMatchObject([
      { event_id: right.id, status: "accepted" },
      { event_id: right.id, status: "refused", reason: "wrong_event_id" },
      { event_id: "c".repeat(32), status: "refused", reason: "wrong_event_id" },
      { event_id: "d".repeat(32), status: "refused", reason: "wrong_event_id" },
    ]);
    expect(await kit.refusals(shop.id)).toEqual({ wrong_event_id: 3 });
  });
});

describe("refused and counted, one by one, without harm to the rest of the batch:", () => {
  test("forged, malformed and renamed tokens", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const event = fresh();
    const good = signed(session, event);
    const stranger = { id: session.id, key: Buffer.alloc(32, 1).toString("base64url") };
    const answer = await proxy.send(shop.domain, {
      events: [
        { ...good, body: good.body.replace("Mug", "Jug") },
        signed(stranger, fresh()),
        signed({ ...session, id: "6b057c40" + "0".repeat(24) }, fresh()),
        signed(session, fresh(), { name: "product_viewed" }),
        { token: "nonsense", body: good.body },
        { token: good.token, body: { not: "a text" } },
        { token: good.token, body: "{" },
        { token: good.token },
        good,
      ],
      consent: YES,
    });
    expect(
      answer.body.results.map((result: { reason?: string; status: string }) =>
        result.reason ?? result.status
      ),
    )
      .toEqual([
        "forged_token",
        "forged_token",
        "forged_token",
        "forged_token",
        "malformed_token",
        "malformed_token",
        "invalid_event",
        "malformed_token",
        "accepted",
      ]);
    expect(await kit.events(shop.id)).toHaveLength(1);
    expect(await kit.refusals(shop.id)).toEqual({ forged_token: 4, malformed_token: 3, invalid_event: 1 });
    expectUnlogged([...kit.lines, "{}"], [session.key, session.id, good.token]);
  });

  test("another shop's session and tokens", async () => {
    const [shop, other] = [await kit.shop(), await kit.shop()];
    const session = await begin(other.domain);
    const answer = await proxy.send(shop.domain, { events: [signed(session, fresh())], consent: YES });
    expect(answer.body.results).toMatchObject([{ status: "refused", reason: "forged_token" }]);
    expect(await kit.refusals(shop.id)).toEqual({ forged_token: 1 });
    expect(await kit.refusals(other.id)).toEqual({});
  });

  test("tokens older than a day, from the future, and of a session that is over", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const old = signed(session, fresh(), { at: EVENING });
    const ahead = signed(session, fresh(), { at: EVENING + 6 * 60_000 });
    expect((await proxy.send(shop.domain, { events: [ahead], consent: YES })).body.results)
      .toMatchObject([{ reason: "stale_token" }]);
    kit.pass(24 * HOUR + 600);
    const late = signed(session, fresh(), { at: kit.now() });
    expect((await proxy.send(shop.domain, { events: [old, late], consent: YES })).body.results)
      .toMatchObject([{ reason: "stale_token" }, { reason: "stale_token" }]);
    expect(await kit.refusals(shop.id)).toEqual({ stale_token: 3 });
  });

  test("a clock a day off, unless the script corrects it by the session's", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const clock = kit.now() + 26 * HOUR * 1_000;
    const off = signed(session, fresh({ timestamp: clock }), { at: clock });
    const corrected = clock + (session.now - clock);
    const right = signed(session, fresh({ timestamp: corrected }), { at: corrected });
    const answer = await proxy.send(shop.domain, { events: [off, right], consent: YES });
    expect(answer.body.results).toMatchObject([{ reason: "stale_token" }, { status: "accepted" }]);
    expect(await kit.refusals(shop.id)).toEqual({ stale_token: 1 });
  });

  test("an event without a token where the shop wants one", async () => {
    const shop = await kit.shop({ unsigned_events: false });
    const session = await begin(shop.domain);
    const answer = await proxy.send(shop.domain, {
      events: [fresh(), signed(session, fresh())],
      consent: YES,
    });
    expect(answer.body.results).toMatchObject([
      { status: "refused", reason: "unsigned_event" },
      { status: "accepted" },
    ]);
    expect(await kit.refusals(shop.id)).toEqual({ unsigned_event: 1 });
  });
});

test("without a token, where the shop allows it, an event is taken and marked unsigned", async () => {
  const shop = await kit.shop();
  await proxy.send(shop.domain, { events: [fresh()], consent: YES });
  expect(await kit.events(shop.id)).toMatchObject([{ signed: false }]);
});

test("a script in a product's title stays in the database: nothing sent in comes back", async () => {
  const shop = await kit.shop();
  const evil = "<script>alert(1)</script>";
  const session = await begin(shop.domain);
  const variant = { id: "1", price: { amount: 1, currencyCode: "USD" }, product: { id: "2", title: evil } };
  const answer = await proxy.read(
    (await import("../support/storefront.ts")).proxied(shop.domain, {
      events: [
        signed(session, fresh({ name: "product_viewed", data: { productVariant: variant } })),
        { name: evil, id: evil, timestamp: kit.now() },
        { name: "page_viewed", id: `${evil}</script>`, timestamp: evil },
        { token: evil, body: evil },
      ],
      visitor: { visitor_id: evil, fbp: evil, fbc: `fb.1.1792998009000.${evil}`, ga: evil },
      consent: YES,
      user_agent: evil,
    }, kit.now()),
  );
  expect(answer.status).toBe(202);
  expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect(answer.body.results[0]).toMatchObject({ status: "accepted" });
  expect(JSON.stringify(answer.body.results)).not.toContain("<");
  expect(answer.cookies.join()).not.toContain("<");
});
