import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { pipelineKit } from "../support/pipeline.ts";
import { pageView, proxyKit, type Session, signed, YES } from "../support/storefront.ts";

/** Who sends, how much, and for which host: believed only of who may say it. */
const kit = await pipelineKit();
/** Nothing is known of what stands in front, as on a platform that was not asked. */
const proxy = proxyKit(kit, { gatewayHeaders: [] });
/** Cloudflare in front: it writes cf-connecting-ip whatever the visitor wrote. */
const behind = proxyKit(kit, { gatewayHeaders: ["cf-connecting-ip", "x-forwarded-host"] });
const LIMIT = 60;

const random = () => randomBytes(16).toString("hex");
const event = (change: Record<string, unknown> = {}) =>
  pageView({ id: random(), timestamp: kit.now(), ...change });
const batch = (count: number) => ({ events: Array.from({ length: count }, () => event()), consent: YES });
const checkout = (name = "checkout_started") => {
  const data = { checkout: { token: `cc${random()}`, currencyCode: "USD", lineItems: [] } };
  return { ...event(), name, data };
};

const idOf = (domain: string, one: ReturnType<typeof checkout>) =>
  conversionEventId(domain, one.name as "checkout_started", one.data.checkout.token);

/** Every header in which somebody could claim an address or a host. */
const claimed = (n: number) => ({
  "x-forwarded-for": `203.0.${n}.7, 198.51.${n}.7`,
  "x-real-ip": `203.0.${n}.8`,
  "true-client-ip": `203.0.${n}.9`,
  "cf-connecting-ip": `203.0.${n}.10`,
  "x-client-ip": `203.0.${n}.11`,
  "forwarded": `for=203.0.${n}.12`,
});

async function addresses(shopId: string) {
  const rows = await kit.database.query<{ ip: string | null }>(
    "postgres",
    "select distinct ip from trakit.event_clients where shop_id = $1 order by 1",
    [shopId],
  );
  return rows.map(({ ip }) => ip);
}

async function hosts(shopId: string): Promise<string[]> {
  const [shop] = await kit.database.query<{ hosts: string[] }>(
    "postgres",
    "select hosts from trakit.shops where id = $1",
    [shopId],
  );
  return shop!.hosts;
}

async function counted(shopId: string): Promise<number> {
  const [rate] = await kit.database.query<{ most: number }>(
    "postgres",
    `select max(events)::integer as most from (
       select sum(events) as events from trakit.sender_rates where shop_id = $1 group by sender) x`,
    [shopId],
  );
  return rate!.most;
}

describe("an address", () => {
  test("that a visitor wrote is nobody's: a new one with each call passes no limit, and none is kept", async () => {
    const shop = await kit.shop({ events_per_minute: LIMIT });
    const statuses: number[] = [];
    for (let n = 0; n < 10; n++) {
      statuses.push((await proxy.direct(shop.domain, batch(10), { headers: claimed(n) })).status);
    }
    expect(statuses).toEqual([202, 202, 202, 202, 202, 202, 429, 429, 429, 429]);
    expect(await addresses(shop.id)).toEqual([]);
    expect(await kit.events(shop.id)).toHaveLength(60);
  });

  test("that the gateway in front wrote is believed, whatever else the visitor wrote", async () => {
    const shop = await kit.shop({ events_per_minute: LIMIT });
    const send = (n: number, seen: string) =>
      behind.direct(shop.domain, batch(10), { headers: { ...claimed(n), "cf-connecting-ip": seen } });
    const statuses: number[] = [];
    for (let n = 0; n < 7; n++) statuses.push((await send(n, "192.0.2.77")).status);
    expect(statuses).toEqual([202, 202, 202, 202, 202, 202, 429]);
    expect((await send(1, "198.51.100.1")).status).toBe(202);
    expect(await addresses(shop.id)).toEqual(["192.0.2.77", "198.51.100.1"]);
  });

  test("in a list is the gateway's own: the last, not those it was handed", async () => {
    const shop = await kit.shop();
    const appending = proxyKit(kit, { gatewayHeaders: ["x-forwarded-for"] });
    await appending.direct(shop.domain, batch(1), {
      headers: { "x-forwarded-for": "203.0.113.1, 192.0.2.5" },
    });
    expect(await addresses(shop.id)).toEqual(["192.0.2.5"]);
  });
});

describe("a flood", () => {
  test("from many addresses, each within its own limit, ends at the shop's ceiling; who is signed for goes on", async () => {
    const shop = await kit.shop({ events_per_minute: LIMIT });
    const send = (n: number) =>
      behind.direct(shop.domain, batch(50), { headers: { "cf-connecting-ip": `198.51.${n}.1` } });
    const statuses: number[] = [];
    for (let n = 0; n < 14; n++) statuses.push((await send(n)).status);
    expect(statuses).toEqual([...Array(12).fill(202), 429, 429]);
    expect((await behind.send(shop.domain, batch(10), { ip: "192.0.2.1" })).status).toBe(202);
    kit.pass(60);
    expect((await send(99)).status).toBe(202);
  });

  test("turns no copy of a checkout away, nor the beginning of a visit; of the rest each event says so", async () => {
    const shop = await kit.shop({ events_per_minute: LIMIT });
    const other = await kit.shop();
    for (let n = 0; n < 8; n++) await proxy.direct(shop.domain, batch(10), { headers: claimed(n) });
    expect((await proxy.direct(shop.domain, batch(1))).status).toBe(429);

    const opened = await proxy.direct(shop.domain, { consent: YES }, { place: "session" });
    expect(opened.status).toBe(200);
    const session = opened.body.session as Session;
    const copies = [checkout(), checkout("checkout_completed")].map((one) =>
      signed(session, one, { eventId: idOf(shop.domain, one) })
    );
    const mixed = { events: [event(), copies[0], event(), copies[1]], consent: YES };
    const answer = await proxy.direct(shop.domain, mixed);
    expect(answer.status).toBe(202);
    expect(answer.body.results.map((one: { status: string; reason?: string }) => one.reason ?? one.status))
      .toEqual(["rate_limited", "accepted", "rate_limited", "accepted"]);
    expect((await kit.refusals(shop.id))["rate_limited"]).toBe(20 + 1 + 2);
    expect((await proxy.direct(other.domain, batch(1))).status).toBe(202);
  });

  test("of copies of checkouts cuts off the session it comes from, and no other", async () => {
    const shop = await kit.shop({ events_per_minute: LIMIT });
    const { body } = await proxy.direct(shop.domain, { consent: YES }, { place: "session" });
    const copy = (session: Session) => {
      const one = checkout();
      return signed(session, one, { eventId: idOf(shop.domain, one) });
    };
    const flood = { events: Array.from({ length: 50 }, () => copy(body.session)), consent: YES };
    const reasons = async (sent: unknown) =>
      new Set(
        (await proxy.direct(shop.domain, sent)).body.results.map((one: { status: string; reason?: string }) =>
          one.reason ?? one.status
        ),
      );
    expect(await reasons(flood)).toEqual(new Set(["accepted"]));
    expect(await reasons({ events: Array.from({ length: 50 }, () => copy(body.session)) })).toEqual(
      new Set(["rate_limited"]),
    );
    const honest = await proxy.direct(shop.domain, { consent: YES }, { place: "session" });
    expect(await reasons({ events: [copy(honest.body.session)], consent: YES })).toEqual(
      new Set(["accepted"]),
    );
  });

  test("of reports of tags counts each platform of each, taken or not", async () => {
    const shop = await kit.shop();
    const session = (await proxy.session(shop.domain, { consent: YES })).body.session as Session;
    const platforms = ["meta", "tiktok", "pinterest", "snapchat", "google"];
    const report = (n: number) => {
      const body = { name: "page_viewed", event_id: random(), platforms, at: kit.now() };
      return n % 2 === 0 ? body : signed(session, body, { eventId: body.event_id, name: "tag_fired" });
    };
    const fired = Array.from({ length: 50 }, (_, n) => report(n));
    for (let n = 0; n < 3; n++) await proxy.direct(shop.domain, { events: [], fired });
    expect(await counted(shop.id)).toBe(750);
  });
});

describe("a host", () => {
  test("that a visitor wrote gets no cookies, and is no host of the shop", async () => {
    const shop = await kit.shop({ hosts: ["blue-mugs.example"] });
    const headers = { host: "x.supabase.co", "x-forwarded-host": "t.blue-mugs.example" };
    const answer = await proxy.direct(shop.domain, { consent: YES }, { place: "session", headers });
    expect(answer.cookies).toEqual([]);
    const told = await behind.direct(shop.domain, { consent: YES }, { place: "session", headers });
    expect(told.cookies.length).toBeGreaterThan(0);
    expect(await hosts(shop.id)).toEqual(["blue-mugs.example"]);
  });

  const learn = (domain: string, host: string) => proxy.session(domain, {}, { host });
  const invented = async (domain: string, count = 60) => {
    for (let n = 0; n < count; n++) await learn(domain, `made-up-${n}.example`);
  };
  const open = async (domain: string, host: string) =>
    (await proxy.direct(domain, {}, { place: "session", headers: { origin: `https://${host}` } })).status;

  test("of the shop is learnt however many were invented before, and forgotten however many are after", async () => {
    const shop = await kit.shop();
    await invented(shop.domain);
    expect(await hosts(shop.id)).toHaveLength(50);
    await learn(shop.domain, "blue-mugs.example");
    expect(await open(shop.domain, "blue-mugs.example")).toBe(200);
    expect(await hosts(shop.id)).toHaveLength(50);

    const early = await kit.shop();
    await learn(early.domain, "blue-mugs.example");
    kit.pass(60);
    await invented(early.domain);
    expect(await open(early.domain, "blue-mugs.example")).toBe(200);
    expect(await hosts(early.id)).toHaveLength(50);
  });

  test("that no visit came from for a day makes room before those of today", async () => {
    const shop = await kit.shop();
    await invented(shop.domain);
    kit.pass(86_400);
    await learn(shop.domain, "blue-mugs.example");
    kit.pass(60);
    for (let n = 0; n < 60; n++) await learn(shop.domain, `new-made-up-${n}.example`);
    expect(await hosts(shop.id)).toContain("blue-mugs.example");
  });

  test("that the operator set, or Shopify names, never makes room", async () => {
    const shop = await kit.shop({ hosts: ["set.example"] });
    await invented(shop.domain);
    await kit.database.query("trakit_edge", "select trakit.note_setup($1, null, $2, null, null, null, $3)", [
      shop.domain,
      "primary.example",
      new Date(kit.now()),
    ]);
    kit.pass(86_400);
    for (let n = 0; n < 60; n++) await learn(shop.domain, `new-made-up-${n}.example`);
    expect(await hosts(shop.id)).toEqual(expect.arrayContaining(["set.example", "primary.example"]));
    expect(await hosts(shop.id)).toHaveLength(50);
  });
});
