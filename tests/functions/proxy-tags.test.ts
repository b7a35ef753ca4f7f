import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import { pipelineKit, SECRET, webhookRequest } from "../support/pipeline.ts";
import { pageView, proxyKit, type Session, signed, YES } from "../support/storefront.ts";
import { fixture, fixtureText } from "../unit/shopify/fixture.ts";

/**
 * What the page's own tags sent is heeded, so that nothing is counted twice for want of looking: as the word of the session
 * whose event it is, and never against what Shopify reported.
 */
const kit = await pipelineKit();
const proxy = proxyKit(kit);
const HOUR = 3_600;
const CHECKOUT = "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3";
const random = () => randomBytes(16).toString("hex");

const webhooks = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });

async function states(shopId: string) {
  return Object.fromEntries(
    (await kit.deliveries(shopId)).map((
      row,
    ) => [row.platform, row.reason ? `${row.state}: ${row.reason}` : row.state]),
  );
}

async function tags(shopId: string) {
  const [event] = await kit.database.query<{ tags: Record<string, string> }>(
    "postgres",
    "select tags from trakit.events where shop_id = $1",
    [shopId],
  );
  return event!.tags;
}

/** Sends whatever is due. */
const drained = () => drain(kit.deps(), { deadline: kit.now() + 1, lanesAtOnce: 5, batch: 100 });

async function begin(domain: string): Promise<Session> {
  return (await proxy.session(domain, { consent: YES })).body.session;
}

type Report = { name: string; event_id: string; platforms: string[]; at: number };
const report = (session: Session, change: Partial<Report> & { event_id: string }) => {
  const body = { name: "page_viewed", platforms: ["meta", "pinterest"], at: kit.now(), ...change };
  return signed(session, body, { eventId: body.event_id, name: "tag_fired", at: kit.now() });
};
const reported = (domain: string, ...fired: unknown[]) => proxy.send(domain, { events: [], fired });

/** A page view that Meta and Pinterest did not take yet. */
async function waiting(domain: string, session: Session) {
  await kit.fault("meta", { kind: "status", status: 503 });
  await kit.fault("pinterest", { kind: "status", status: 503 });
  const id = random();
  await proxy.send(domain, {
    events: [signed(session, pageView({ id }))],
    visitor: { ga: "GA1.1.12.34", fbp: "fb.1.1792998010123.1" },
    consent: YES,
  });
  await kit.fault("meta", null);
  await kit.fault("pinterest", null);
  return id;
}

test("what gtag sent goes to Google from us only if it is a purchase", async () => {
  const shop = await kit.shop();
  const tags = { google: kit.now(), meta: kit.now() };
  await proxy.send(shop.domain, {
    events: [pageView({ id: random(), tags })],
    visitor: { ga: "GA1.1.12.34", fbp: "fb.1.1792998010123.1" },
    consent: YES,
  });
  expect(await states(shop.id)).toMatchObject({
    google: "skipped: sent_by_tag",
    meta: "delivered: accepted",
  });
});

describe("a report of a tag that had an event later", () => {
  test("is taken from the session whose event it is: sent while the platform compares, failed instead of doubled after", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const id = await waiting(shop.domain, session);
    const answer = await reported(shop.domain, report(session, { event_id: id }));
    expect(answer).toMatchObject({ status: 202, body: { results: [] } });
    expect(await kit.refusals(shop.id)).toEqual({});
    kit.pass(2 * HOUR);
    await drained();
    expect(await states(shop.id)).toMatchObject({
      meta: "delivered: accepted",
      pinterest: "failed: past_dedup_window",
    });
  });

  test("of any other session, or of none, changes nothing", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const id = await waiting(shop.domain, session);
    const unsigned = random();
    await proxy.send(shop.domain, { events: [pageView({ id: unsigned })], consent: YES });
    const stranger = await begin(shop.domain);
    const plain = { name: "page_viewed", event_id: id, platforms: ["meta"], at: kit.now() };
    await reported(
      shop.domain,
      report(stranger, { event_id: id }),
      report(session, { event_id: unsigned }),
      plain,
      { event_id: "x", platforms: [], at: "now" },
      // a token of the event itself is none of a report
      signed(session, plain, { eventId: id }),
      report({ ...session, key: "A".repeat(43) }, { event_id: id }),
      signed(session, { ...plain, at: "now" }, { eventId: id, name: "tag_fired" }),
      signed(session, plain, { eventId: random(), name: "tag_fired" }),
      { token: "x", body: "{}" },
    );
    const rows = await kit.database.query("postgres", "select tags from trakit.events where shop_id = $1", [
      shop.id,
    ]);
    expect(rows).toEqual([{ tags: {} }, { tags: {} }]);
    expect(await kit.refusals(shop.id)).toEqual({
      unsigned_fired: 2,
      forged_token: 2,
      malformed_fired: 1,
      wrong_event_id: 1,
      malformed_token: 1,
    });
  });

  test.each([["of long ago", 1], ["ahead of the clock", 9e15]])(
    "%s counts as within the event's life",
    async (_, at) => {
      const shop = await kit.shop();
      const session = await begin(shop.domain);
      const id = await waiting(shop.domain, session);
      kit.pass(60);
      await reported(shop.domain, report(session, { event_id: id, at }));
      const heard = Date.parse((await tags(shop.id))["meta"]!);
      expect(heard).toBe(at === 1 ? kit.now() - 60_000 : kit.now());
      await drained();
      expect(await states(shop.id)).toMatchObject({ meta: "delivered: accepted" });
    },
  );
});

test("the times an event itself gives its tags are not before it happened", async () => {
  const shop = await kit.shop();
  await kit.fault("meta", { kind: "status", status: 503 });
  const event = pageView({ id: random(), tags: { meta: 1 } });
  await proxy.send(shop.domain, { events: [signed(await begin(shop.domain), event)], consent: YES });
  expect(Date.parse((await tags(shop.id))["meta"]!)).toBe(event.timestamp);
});

describe("what Shopify reported", () => {
  const checkout = (name: string, change: Record<string, unknown> = {}) =>
    pageView({
      name,
      data: { checkout: { token: CHECKOUT, currencyCode: "USD", lineItems: [] } },
      ...change,
    });

  test("is sent whatever a browser says its tags had, the session that owns the event included", async () => {
    const shop = await kit.shop();
    const id = conversionEventId(shop.domain, "checkout_completed", CHECKOUT);
    const platforms = ["meta", "pinterest", "tiktok", "snapchat", "google"] as const;
    for (const platform of platforms) await kit.fault(platform, { kind: "status", status: 503 });
    await webhooks(webhookRequest(shop.domain, fixtureText("order-web-guest")));
    await kit.settled();
    const session = await begin(shop.domain);
    const had = Object.fromEntries(platforms.map((platform) => [platform, 1]));
    await proxy.send(shop.domain, {
      events: [signed(session, checkout("checkout_completed", { tags: had }), { eventId: id })],
      visitor: { ga: "GA1.1.12.34" },
      consent: YES,
    });
    await reported(
      shop.domain,
      report(session, { name: "checkout_completed", event_id: id, platforms: [...platforms], at: 1 }),
    );
    expect(Object.keys(await tags(shop.id)).sort()).toEqual([...platforms].sort());
    for (const platform of platforms) await kit.fault(platform, null);
    kit.pass(3 * HOUR);
    await drained();
    const ends = await states(shop.id);
    for (const platform of platforms) expect(ends[platform]).toBe("delivered: accepted");
  });

  test("is sent also where the browser's copy alone had ended by its tag", async () => {
    const shop = await kit.shop();
    const session = await begin(shop.domain);
    const id = conversionEventId(shop.domain, "checkout_started", CHECKOUT);
    await kit.fault("pinterest", { kind: "status", status: 503 });
    await proxy.send(shop.domain, {
      events: [
        signed(session, checkout("checkout_started", { tags: { google: kit.now(), pinterest: kit.now() } }), {
          eventId: id,
        }),
      ],
      visitor: { ga: "GA1.1.12.34" },
      consent: YES,
    });
    kit.pass(60);
    await drained();
    expect(await states(shop.id)).toMatchObject({ google: "skipped: sent_by_tag" });
    await kit.fault("pinterest", null);
    kit.pass(2 * HOUR);
    await drained();
    expect(await states(shop.id)).toMatchObject({ pinterest: "failed: past_dedup_window" });
    const at = new Date(kit.now()).toISOString();
    const began = { ...fixture("checkout-create") as object, created_at: at, updated_at: at };
    await webhooks(webhookRequest(shop.domain, JSON.stringify(began), { topic: "checkouts/create" }));
    await kit.settled();
    // Pinterest's lane has a trouble of its own, and is tried again
    kit.pass(60);
    await drained();
    expect(await states(shop.id)).toMatchObject({
      google: "delivered: accepted",
      pinterest: "delivered: accepted",
    });
  });
});
