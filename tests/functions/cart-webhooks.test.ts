import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import { EVENING, pipelineKit, SECRET, webhookRequest } from "../support/pipeline.ts";
import { pageView, proxyKit, YES } from "../support/storefront.ts";
import { fixture } from "../unit/shopify/fixture.ts";

/** Carts and checkouts as Shopify tells of them, with and without the browser's own word. */
const kit = await pipelineKit();
const proxy = proxyKit(kit);
const handle = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });
const BEANIE = "44512345678901";

async function post(domain: string, topic: string, body: unknown, triggered = kit.now(), webhookId?: string) {
  const response = await handle(webhookRequest(domain, JSON.stringify(body), {
    topic,
    ...(webhookId ? { webhookId } : {}),
    headers: { "x-shopify-triggered-at": new Date(triggered).toISOString() },
  }));
  await kit.settled();
  return await response.json() as { status: string; reason?: string; event_id?: string };
}

function cart(quantity: number, token = "cartcartcartcart") {
  const sample = structuredClone(fixture("cart-update")) as { line_items: Record<string, unknown>[] };
  const [line] = sample.line_items;
  return {
    ...sample,
    id: token,
    token,
    created_at: new Date(kit.now() - 60_000).toISOString(),
    updated_at: new Date(kit.now()).toISOString(),
    line_items: quantity === 0 ? [] : [{ ...line, quantity }],
  };
}

/** A cart of many lines, each of another variant. */
function longCart(lines: number, change: (index: number) => number = () => 1) {
  const sample = cart(1, "longlonglong");
  const [line] = sample.line_items;
  return {
    ...sample,
    line_items: Array.from({ length: lines }, (_, i) => ({
      ...line,
      key: `${i}:line`,
      variant_id: 40_000 + i,
      quantity: change(i),
    })),
  };
}

function checkout(change: Record<string, unknown> = {}) {
  const at = new Date(kit.now()).toISOString();
  return { ...fixture("checkout-create") as object, created_at: at, updated_at: at, ...change };
}
const CHECKOUT = "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3";

const browserAdd = (quantity: number, token = "cartcartcartcart", id = randomBytes(16).toString("hex")) =>
  pageView({
    name: "product_added_to_cart",
    id,
    timestamp: kit.now(),
    data: {
      cart: { id: `${token}?key=abc` },
      cartLine: {
        quantity,
        merchandise: {
          id: BEANIE,
          price: { amount: 32, currencyCode: "USD" },
          product: { id: "8123456789012" },
        },
        cost: { totalAmount: { amount: 32 * quantity, currencyCode: "USD" } },
      },
    },
  });
const VISITOR = {
  visitor_id: "00112233445566778899aabbccddeeff",
  fbp: "fb.1.1761490000000.1234567890",
  ga: "GA1.1.1.2",
};

const requested = () =>
  Object.fromEntries(Object.entries(kit.requests()).map(([vendor, all]) => [vendor, all.length]));
const sentIds = () =>
  new Set(Object.values(kit.requests()).flat().flatMap(({ events }) => events.map((one) => one.event_id)));

describe("a cart", () => {
  test("added to in the browser and told of by Shopify is one add, sent once under the browser's id", async () => {
    const shop = await kit.shop();
    const add = browserAdd(2);
    await proxy.send(shop.domain, { events: [add], visitor: VISITOR, consent: YES });
    expect(requested()).toEqual({});
    expect(await post(shop.domain, "carts/create", cart(2))).toEqual({ status: "merged", event_id: add.id });
    const events = await kit.events(shop.id);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      event_id: add.id,
      identifiers: { fbp: VISITOR.fbp },
      commerce: { currency: "USD", items: [{ variant_id: BEANIE, quantity: 2, unit_price: "32.00" }] },
    });
    expect(requested()).toMatchObject({ meta: 1, tiktok: 1, google: 1 });
    expect([...sentIds()].filter((id) => id !== null)).toContain(add.id);
  });

  test("told of again, later in time but holding no more, or older than what is known, is ignored and says why", async () => {
    const shop = await kit.shop();
    expect(await post(shop.domain, "carts/create", cart(2), EVENING)).toMatchObject({ status: "accepted" });
    expect(await post(shop.domain, "carts/create", cart(2), EVENING)).toEqual({
      status: "ignored",
      reason: "nothing_added",
    });
    expect(await post(shop.domain, "carts/update", cart(1), EVENING + 2_000)).toEqual({
      status: "ignored",
      reason: "nothing_added",
    });
    expect(await post(shop.domain, "carts/update", cart(9), EVENING + 1_000)).toEqual({
      status: "ignored",
      reason: "older_cart",
    });
    const before = { ...cart(3, "oldoldoldold"), created_at: "2026-10-01T00:00:00Z" };
    expect(await post(shop.domain, "carts/update", before)).toEqual({
      status: "ignored",
      reason: "unknown_cart",
    });
    expect(await kit.events(shop.id)).toHaveLength(1);
  });

  test("of five hundred lines is compared line by line: what was added is told, what was there is not told again", async () => {
    const shop = await kit.shop();
    const lines = async () =>
      (await kit.events(shop.id)).flatMap((event) => event.commerce.items as unknown[]);
    expect(await post(shop.domain, "carts/create", longCart(500), EVENING)).toMatchObject({
      status: "accepted",
    });
    expect(await lines()).toHaveLength(500);
    // one unit more of one line, the others as they were
    const more = longCart(500, (i) => i === 321 ? 2 : 1);
    expect(await post(shop.domain, "carts/update", more, EVENING + 1_000)).toMatchObject({
      status: "accepted",
    });
    const all = await lines();
    expect(all).toHaveLength(501);
    expect(all.at(-1)).toMatchObject({ variant_id: "40321", quantity: 1 });
    expect(kit.lines.filter((line) => line.includes("failed"))).toEqual([]);
  });

  test("of a shop that is not set up, or that we cannot read, changes nothing", async () => {
    expect(await post("nobody.myshopify.com", "carts/create", cart(1))).toEqual({
      status: "ignored",
      reason: "unknown_shop",
    });
    const shop = await kit.shop();
    expect(await post(shop.domain, "carts/create", { token: "x" })).toEqual({
      status: "quarantined",
      reason: "unreadable_payload",
    });
  });

  test("of a visitor the cart is known by goes at once; of nobody known after ten seconds", async () => {
    const shop = await kit.shop();
    await proxy.send(shop.domain, {
      events: [
        pageView({
          name: "cart_viewed",
          id: randomBytes(16).toString("hex"),
          data: { cart: { id: "cartcartcartcart", lines: [] } },
        }),
      ],
      visitor: VISITOR,
      consent: YES,
    });
    const before = requested()["meta"] ?? 0;
    await post(shop.domain, "carts/create", cart(1));
    expect(requested()["meta"]).toBe(before + 1);
    await post(shop.domain, "carts/create", cart(1, "othercart123"));
    expect(requested()["meta"]).toBe(before + 1);
  });
});

describe("a checkout", () => {
  const id = (domain: string) => conversionEventId(domain, "checkout_started", CHECKOUT);
  const started = {
    name: "checkout_started",
    timestamp: EVENING,
    page: { url: "https://x.example/checkouts/cn/cartcartcartcart" },
    data: {
      checkout: {
        token: CHECKOUT,
        lineItems: [],
        totalPrice: { amount: 1, currencyCode: "USD" },
        currencyCode: "USD",
      },
    },
  };

  test("started in the browser and told of by Shopify is one event: Shopify's money, the browser's cookies", async () => {
    const shop = await kit.shop();
    await proxy.send(shop.domain, { events: [started], visitor: VISITOR, consent: YES });
    expect(requested()).toEqual({});
    expect(await post(shop.domain, "checkouts/create", checkout())).toEqual({
      status: "merged",
      event_id: id(shop.domain),
    });
    expect(await kit.events(shop.id)).toMatchObject([{
      commerce: { total: "88.50" },
      identifiers: { fbp: VISITOR.fbp },
    }]);
    expect(requested()).toMatchObject({ meta: 1 });
  });

  test("overtaken by its update begins once, and its create is a duplicate", async () => {
    const shop = await kit.shop();
    expect(await post(shop.domain, "checkouts/update", checkout({ email: "ann@example.com" }))).toMatchObject(
      { status: "accepted" },
    );
    expect(await post(shop.domain, "checkouts/create", checkout())).toMatchObject({ status: "duplicate" });
    expect(await kit.events(shop.id)).toHaveLength(1);
  });

  test("an update fills what the create left open, and changes nothing else", async () => {
    const shop = await kit.shop();
    await post(shop.domain, "checkouts/create", checkout());
    const update = checkout({ email: "ann@example.com", total_price: "99.00" });
    expect(await post(shop.domain, "checkouts/update", update)).toMatchObject({ status: "duplicate" });
    const [event] = await kit.events(shop.id);
    expect(Object.keys(event!.digests)).toContain("email.lower");
    expect(event!.commerce).toMatchObject({ total: "88.50" });
  });

  test("over, or from before yesterday, begins nothing", async () => {
    const shop = await kit.shop();
    const done = checkout({ completed_at: new Date(kit.now()).toISOString() });
    expect(await post(shop.domain, "checkouts/update", done)).toEqual({
      status: "ignored",
      reason: "checkout_completed",
    });
    const old = checkout({ created_at: new Date(kit.now() - 25 * 3_600_000).toISOString() });
    expect(await post(shop.domain, "checkouts/update", old)).toEqual({
      status: "ignored",
      reason: "stale_checkout",
    });
    expect(await kit.events(shop.id)).toEqual([]);
  });

  test("named by an email somebody typed gives nobody that person's identifiers", async () => {
    const shop = await kit.shop();
    const typed = { ...started, data: { checkout: { ...started.data.checkout, email: "ann@example.com" } } };
    await proxy.send(shop.domain, { events: [typed], visitor: VISITOR, consent: YES });
    const thief = { visitor_id: "f".repeat(32) };
    const other = { ...typed, data: { checkout: { ...typed.data.checkout, token: "9e".repeat(16) } } };
    const answer = await proxy.send(shop.domain, { events: [other], visitor: thief, consent: YES });
    expect(answer.body.visitor).toMatchObject({ visitor_id: thief.visitor_id, fbp: null });
    const session = await proxy.session(shop.domain, { visitor: thief, consent: YES });
    expect(session.body.visitor.fbp).not.toBe(VISITOR.fbp);
  });
});
