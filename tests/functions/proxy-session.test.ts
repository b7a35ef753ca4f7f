import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { RETURNED_NAMES } from "@trakit/core/identifiers.ts";
import { shopPublicKey } from "@trakit/core/storefront-keys.ts";
import { EVENING, KEYS, pipelineKit } from "../support/pipeline.ts";
import { NO, pageView, proxyKit, signed, YES } from "../support/storefront.ts";

const kit = await pipelineKit();
const proxy = proxyKit(kit);
const DAY = 86_400;
const FBP = "fb.1.1792998010123.1234567890";
const FBC = "fb.1.1792998009000.IwZXh0bgNhZW0CMTEAAR0click";
const EMPTY = Object.fromEntries(RETURNED_NAMES.map((name) => [name, null]));

const visitorId = () => randomBytes(16).toString("hex");

/** A visit that leaves identifiers in the vault. */
async function visit(domain: string, visitor: Record<string, unknown>, options = {}, consent: unknown = YES) {
  const { body } = await proxy.session(domain, { consent }, options);
  const event = pageView({ id: visitorId(), timestamp: kit.now() });
  return await proxy.send(domain, {
    events: [signed(body.session, event, { at: kit.now() })],
    visitor,
    consent,
  }, options);
}

describe("a session", () => {
  test("gives a key for a day, the server's clock and the shop's settings", async () => {
    const shop = await kit.shop({ browser_tags: { meta: "fire", tiktok: "off" }, cookie_lifetime_days: 400 });
    const { status, body, headers } = await proxy.session(shop.domain, {}, { host: "blue-mugs.example" });
    expect(status).toBe(200);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body.session).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      key: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      now: EVENING,
      expires_at: EVENING + DAY * 1_000,
    });
    expect(body.config).toEqual({
      cookie_lifetime_days: 400,
      cookie_domain: "blue-mugs.example",
      first_party: null,
      public_key: shopPublicKey(KEYS, shop.domain),
      unsigned: true,
      tags: {
        meta: { mode: "fire", id: expect.any(String) },
        pinterest: { mode: "share", id: expect.any(String) },
        snapchat: { mode: "share", id: expect.any(String) },
        google: { mode: "share", id: expect.any(String) },
      },
    });
  });

  test("asked for with GET, is the same", async () => {
    const shop = await kit.shop();
    const { status, body } = await proxy.session(shop.domain, "", { method: "GET" });
    expect(status).toBe(200);
    expect(body.visitor).toEqual(EMPTY);
  });

  test("differs each time, and is of no use in another shop", async () => {
    const [shop, other] = [await kit.shop(), await kit.shop()];
    const keys = [
      await proxy.session(shop.domain),
      await proxy.session(shop.domain),
      await proxy.session(other.domain),
    ]
      .map(({ body }) => body.session.key);
    expect(new Set(keys).size).toBe(3);
  });

  test("refuses what is no request of its shape, and counts it", async () => {
    const shop = await kit.shop();
    expect(await proxy.session(shop.domain, "{")).toMatchObject({
      status: 400,
      body: { code: "malformed_json" },
    });
    expect(await proxy.session(shop.domain, { consent: { marketing: "no" } })).toMatchObject({
      status: 400,
      body: { code: "malformed_batch", issues: ["consent.marketing: invalid_type"] },
    });
    expect(await proxy.session(shop.domain, " ".repeat(65 * 1024))).toMatchObject({ status: 413 });
    expect(await kit.refusals(shop.id)).toEqual({ malformed_json: 1, malformed_batch: 1, body_too_large: 1 });
    expect(await proxy.session("nobody.myshopify.com")).toMatchObject({
      status: 404,
      body: { code: "unknown_shop" },
    });
  });
});

describe("identifiers", () => {
  test("are made where consent was given: our id and a browser id in Meta's form, each once", async () => {
    const shop = await kit.shop();
    const { body } = await proxy.session(shop.domain, { consent: YES });
    expect(body.visitor).toEqual({
      ...EMPTY,
      visitor_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      fbp: `fb.1.${EVENING}.1073741824`,
    });
  });

  test("a click is read from the page's address; it replaces an older one, and nothing else does", async () => {
    const shop = await kit.shop();
    const url = "https://blue-mugs.example/?fbclid=AbC-new&ttclid=tt1&gclid=g1";
    const first = await proxy.session(shop.domain, { consent: YES, url, visitor: { fbp: FBP, fbc: FBC } });
    expect(first.body.visitor).toMatchObject({
      fbp: FBP,
      fbc: `fb.1.${EVENING}.AbC-new`,
      ttclid: "tt1",
      gclid: "g1",
    });
    kit.pass(60);
    const again = await proxy.session(shop.domain, {
      consent: YES,
      url,
      visitor: { fbc: first.body.visitor.fbc },
    });
    expect(again.body.visitor.fbc).toBe(first.body.visitor.fbc);
    const none = await proxy.session(shop.domain, { consent: YES, visitor: { fbc: FBC } });
    expect(none.body.visitor.fbc).toBe(FBC);
  });

  test("a click the vault has seen before keeps the time it was first seen", async () => {
    const shop = await kit.shop();
    const id = visitorId();
    const url = "https://blue-mugs.example/?fbclid=AbC";
    const first = await proxy.session(shop.domain, { consent: YES, url, visitor: { visitor_id: id } });
    await visit(shop.domain, { visitor_id: id, fbc: first.body.visitor.fbc });
    kit.pass(3_600);
    // the landing page again, cookies lost but our own id
    const again = await proxy.session(shop.domain, { consent: YES, url, visitor: { visitor_id: id } });
    expect(again.body.visitor.fbc).toBe(`fb.1.${EVENING}.AbC`);
    const other = await proxy.session(shop.domain, {
      consent: YES,
      url: `${url}D`,
      visitor: { visitor_id: id },
    });
    expect(other.body.visitor.fbc).toBe(`fb.1.${EVENING + 3_600_000}.AbCD`);
  });

  test("of an earlier visit come back by our visitor id, the pixel's client id and the signed customer, months later", async () => {
    const shop = await kit.shop();
    const id = visitorId();
    const client = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";
    await visit(shop.domain, { visitor_id: id, client_id: client, fbp: FBP, fbc: FBC, ga: "GA1.1.12.34" }, {
      customerId: "7012345678901",
    });
    kit.pass(200 * DAY);
    const known = { visitor_id: id, fbp: FBP, fbc: FBC, ga_client_id: "12.34" };
    for (
      const [visitor, options] of [
        [{ visitor_id: id }, {}],
        [{ client_id: client }, {}],
        [{}, { customerId: "7012345678901" }],
      ] as const
    ) {
      const { body } = await proxy.session(shop.domain, { visitor, consent: YES }, options);
      expect(body.visitor).toMatchObject(known);
    }
    expect((await proxy.session(shop.domain, { visitor: {}, consent: YES })).body.visitor).not.toMatchObject({
      fbp: FBP,
    });
  });

  test("of a key that led to more than twenty visitors come back to nobody", async () => {
    const shop = await kit.shop();
    const client = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";
    await visit(shop.domain, { visitor_id: visitorId(), client_id: client, fbp: FBP });
    const joined = (count: number) =>
      kit.database.query(
        "postgres",
        "update trakit.visitor_links set joined = $2 where shop_id = $1 and kind = 'client'",
        [
          shop.id,
          count,
        ],
      );
    const restored = async () =>
      (await proxy.session(shop.domain, { visitor: { client_id: client }, consent: YES })).body.visitor.fbp;
    await joined(20);
    expect(await restored()).toBe(FBP);
    await joined(21);
    expect(await restored()).not.toBe(FBP);
  });

  test("what the browser has stays; only gaps are filled", async () => {
    const shop = await kit.shop();
    const id = visitorId();
    await visit(shop.domain, { visitor_id: id, fbp: FBP, fbc: FBC });
    const own = "fb.1.1793000000000.77";
    const { body } = await proxy.session(shop.domain, {
      visitor: { visitor_id: id, fbp: own },
      consent: YES,
    });
    expect(body.visitor).toMatchObject({ fbp: own, fbc: FBC });
  });

  test("are not given for an email, a cart or a checkout somebody names", async () => {
    const shop = await kit.shop();
    const secret = { visitor_id: visitorId(), fbp: FBP };
    const data = { checkout: { token: "f".repeat(32), email: "ann@example.com", lineItems: [] } };
    const named = {
      name: "checkout_contact_info_submitted",
      data,
      page: { url: "https://x.example/checkouts/cn/cartcartcartcart" },
    };
    const { body } = await proxy.session(shop.domain, { consent: YES });
    await proxy.send(shop.domain, {
      events: [signed(body.session, pageView({ ...named, id: visitorId() }))],
      visitor: secret,
      consent: YES,
    });
    const thief = await proxy.send(shop.domain, {
      events: [signed(body.session, pageView({ ...named, id: visitorId() }))],
      visitor: { visitor_id: visitorId() },
      consent: YES,
    });
    expect(thief.body.results).toMatchObject([{ status: "accepted" }]);
    expect(thief.body.visitor).toMatchObject({ fbp: null });
    expect(JSON.stringify(thief.body)).not.toContain(secret.visitor_id);
    // and with no key of its own at all
    const nobody = await proxy.send(shop.domain, {
      events: [signed(body.session, pageView({ ...named, id: visitorId() }))],
      visitor: {},
      consent: YES,
    });
    expect(JSON.stringify(nobody.body)).not.toContain(secret.visitor_id);
    expect(nobody.body.visitor).toEqual(EMPTY);
  });

  test("that are none are dropped and counted", async () => {
    const shop = await kit.shop();
    const absurd = {
      visitor_id: "'; drop table",
      fbp: "fb.1.x.y",
      ttp: "x".repeat(5_000),
      ga: "{}",
      scid: 7,
    };
    const { status, body } = await proxy.session(shop.domain, {
      visitor: absurd,
      consent: { analytics: true },
    });
    expect(status).toBe(200);
    expect(JSON.stringify(body.visitor)).not.toContain("drop");
    const counts = {
      unusable_visitor_id: 1,
      unusable_fbp: 1,
      unusable_ttp: 1,
      unusable_ga: 1,
      unusable_scid: 1,
    };
    expect(await kit.refusals(shop.id)).toEqual(counts);
    const event = await proxy.send(shop.domain, { events: [pageView()], visitor: absurd, consent: YES });
    expect(event.body.results).toMatchObject([{ status: "accepted" }]);
    expect(await kit.refusals(shop.id)).toEqual(
      Object.fromEntries(Object.keys(counts).map((name) => [name, 2])),
    );
  });
});

describe("consent", () => {
  test("for analytics alone gives our id and Google's, nothing of advertising", async () => {
    const shop = await kit.shop();
    const id = visitorId();
    await visit(shop.domain, { visitor_id: id, fbp: FBP, fbc: FBC, ga: "GA1.1.12.34" });
    const consent = { analytics: true, marketing: false };
    const opened = await proxy.session(shop.domain, { visitor: { visitor_id: id, fbc: FBC }, consent });
    expect(opened.body.visitor).toEqual({ ...EMPTY, visitor_id: id, ga_client_id: "12.34" });
    expect(opened.cookies.join()).not.toContain("_fbp");
  });

  test("refused, or unknown where unknown means no: nothing is made, read or given back", async () => {
    const shop = await kit.shop({ unknown_consent: "skip" });
    const id = visitorId();
    await visit(shop.domain, { visitor_id: id, fbp: FBP });
    const unknown = await proxy.session(shop.domain, { visitor: { visitor_id: id, fbc: FBC } }, {
      host: "a.example",
    });
    expect(unknown).toMatchObject({ status: 200, cookies: [], body: { visitor: EMPTY } });
    const refused = await proxy.send(shop.domain, {
      events: [pageView()],
      visitor: { visitor_id: id, fbp: FBP },
      consent: NO,
    });
    expect(refused).toMatchObject({ status: 202, cookies: [], body: { visitor: EMPTY } });
    const stored = (await kit.events(shop.id)).at(-1)!;
    expect(stored).toMatchObject({ identifiers: {}, digests: {} });
  });

  test("unknown where the shop sends anyway: what is known comes back, nothing new is made", async () => {
    const shop = await kit.shop({ unknown_consent: "send" });
    const id = visitorId();
    await visit(shop.domain, { visitor_id: id, fbp: FBP });
    expect((await proxy.session(shop.domain, { visitor: { visitor_id: id } })).body.visitor).toMatchObject({
      fbp: FBP,
    });
    expect((await proxy.session(shop.domain, { visitor: {} })).body.visitor).toEqual(EMPTY);
  });

  test("withdrawn for advertising: those identifiers leave the vault, Google's stays", async () => {
    const shop = await kit.shop();
    const id = visitorId();
    await visit(shop.domain, { visitor_id: id, fbp: FBP, fbc: FBC, ttclid: "tt", ga: "GA1.1.12.34" });
    await proxy.session(shop.domain, {
      visitor: { visitor_id: id },
      consent: { analytics: true, marketing: false },
    });
    const vault = await kit.database.query<{ identifiers: object; consent: object }>(
      "postgres",
      "select identifiers, consent from trakit.visitors where shop_id = $1",
      [shop.id],
    );
    expect(vault).toEqual([{
      identifiers: { visitor_id: id, ga_client_id: "12.34" },
      consent: { ...YES, marketing: false },
    }]);
  });

  test("withdrawn altogether: the visitor and the keys that led to it are gone, others are not", async () => {
    const shop = await kit.shop();
    const [id, other] = [visitorId(), visitorId()];
    await visit(shop.domain, { visitor_id: id, fbp: FBP });
    await visit(shop.domain, { visitor_id: other, fbp: "fb.1.1792998010123.2" });
    await proxy.session(shop.domain, { visitor: { visitor_id: id }, consent: NO });
    expect((await proxy.session(shop.domain, { visitor: { visitor_id: id }, consent: YES })).body.visitor.fbp)
      .not.toBe(FBP);
    const left = await kit.database.query<{ key: string }>(
      "postgres",
      "select key from trakit.visitor_links where shop_id = $1",
      [shop.id],
    );
    expect(left).toEqual([{ key: other }]);
  });
});
