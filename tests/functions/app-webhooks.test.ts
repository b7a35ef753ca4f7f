import { describe, expect, test } from "vitest";
import { drainHandler } from "../../functions/drain/handler.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import {
  EVENING,
  expectUnlogged,
  pipelineKit,
  SECRET,
  type WebhookOptions,
  webhookRequest,
} from "../support/pipeline.ts";
import { proxyKit, YES } from "../support/storefront.ts";
import { fixture } from "../unit/shopify/fixture.ts";

/** Webhooks beside orders: refunds, customers, opt-ins, the app's own life, and Shopify's compliance topics. */
const kit = await pipelineKit();
const handle = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });

async function post(domain: string, topic: string, body: unknown, options: WebhookOptions = {}) {
  const response = await handle(webhookRequest(domain, JSON.stringify(body), { topic, ...options }));
  await kit.settled();
  return { status: response.status, body: await response.json() as Record<string, unknown> };
}

/** A sample payload as that shop's. */
function payload(name: string, domain: string) {
  const body = fixture(name);
  if ("shop_domain" in body) body.shop_domain = domain;
  if ("myshopify_domain" in body) body.myshopify_domain = domain;
  return body;
}

/** The guest order, its visitor having agreed to everything. */
function order() {
  const body = fixture("order-web-guest");
  body.note_attributes = [
    ...body.note_attributes.filter((one: { name: string }) => one.name !== "__trk_consent"),
    { name: "__trk_consent", value: "a1m1p1s1" },
  ];
  return body;
}

const rows = (table: string, shopId: string) =>
  kit.database.query<Record<string, unknown>>(
    "postgres",
    `select * from trakit.${table} where shop_id = $1`,
    [shopId],
  );
const states = async (shopId: string, event: number) =>
  Object.fromEntries(
    (await kit.deliveries(shopId)).filter((_, at) => Math.floor(at / 5) === event)
      .map((row) => [row.platform, row.reason]),
  );

describe("a refund", () => {
  test("goes where its order went, as the order's person, once however often it comes", async () => {
    const shop = await kit.shop();
    await post(shop.domain, "orders/create", order());
    kit.vendors.reset();
    kit.pass(60);
    const first = await post(shop.domain, "refunds/create", fixture("refund-create"));
    expect(first).toMatchObject({ status: 200, body: { status: "accepted" } });
    expect((await post(shop.domain, "refunds/create", fixture("refund-create"))).body.status).toBe(
      "duplicate",
    );
    const [purchase, refunded] = await kit.events(shop.id);
    expect(refunded).toMatchObject({
      name: "order_refunded",
      digests: purchase!.digests,
      identifiers: purchase!.identifiers,
      commerce: { order_id: "5890123456781", order_name: "#1042", total: "34.84" },
    });
    expect(await states(shop.id, 1)).toMatchObject({ google: "accepted", meta: "no_such_event" });
    const [request] = kit.requests().google!;
    expect(request).toMatchObject({ accepted: true, problems: [] });
    expect(request!.events[0]!.event_id).toBe("5890123456781");
  });

  test("of an order that was not sent is not sent either", async () => {
    const shop = await kit.shop({ unknown_consent: "send" });
    const refused = order();
    refused.note_attributes = [{ name: "__trk_consent", value: "a0m0" }];
    await post(shop.domain, "orders/create", refused);
    await post(shop.domain, "refunds/create", fixture("refund-create"));
    expect(new Set(Object.values(await states(shop.id, 1)))).toEqual(new Set(["consent_denied"]));
  });

  test("of an order nobody captured subtracts from nothing: it is stored and not sent", async () => {
    const shop = await kit.shop({ unknown_consent: "send" });
    expect((await post(shop.domain, "refunds/create", fixture("refund-create"))).body.status).toBe(
      "accepted",
    );
    expect(new Set(Object.values(await states(shop.id, 0)))).toEqual(new Set(["source_excluded"]));
    expect(kit.requests()).toEqual({});
  });

  test("without money going back is nothing", async () => {
    const shop = await kit.shop();
    const restock = { ...fixture("refund-create"), transactions: [] };
    expect((await post(shop.domain, "refunds/create", restock)).body).toEqual({
      status: "ignored",
      reason: "nothing_refunded",
    });
    expect(await kit.events(shop.id)).toEqual([]);
  });
});

describe("customers", () => {
  test("who open an account are a registration, sent once", async () => {
    const shop = await kit.shop({ unknown_consent: "send" });
    const created = fixture("customers-create");
    expect((await post(shop.domain, "customers/create", created)).body.status).toBe("accepted");
    expect((await post(shop.domain, "customers/create", created)).body.status).toBe("duplicate");
    expect((await kit.events(shop.id)).map((event) => event.name)).toEqual(["customer_registered"]);
    expect(await states(shop.id, 0)).toMatchObject({
      meta: "accepted",
      tiktok: "accepted",
      snapchat: "accepted",
    });
  });

  test.each(["the browser's copy first", "Shopify's copy first"])(
    "who registered in a form are one registration, sent once, and no visitor learns their id: %s",
    async (order) => {
      const shop = await kit.shop({ unknown_consent: "skip" });
      const created = fixture("customers-create");
      const visitor = { visitor_id: "0".repeat(31) + "7" };
      const event = {
        name: "customer_registered",
        id: "form-0001",
        timestamp: EVENING,
        page: { url: "https://blue-mugs.example/account/register" },
        data: {
          customer: { email: created.email.toUpperCase() },
        },
      };
      const form = () => proxyKit(kit).send(shop.domain, { events: [event], visitor, consent: YES });
      const account = () => post(shop.domain, "customers/create", created);
      for (const say of order.startsWith("the") ? [form, account] : [account, form]) await say();
      const events = await kit.events(shop.id);
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ name: "customer_registered", identifiers: visitor });
      expect(await states(shop.id, 0)).toMatchObject({ meta: "accepted", snapchat: "accepted" });
      expect(kit.requests()["meta"]).toHaveLength(1);
      const links = await rows("visitor_links", shop.id);
      expect(links.filter(({ kind }) => kind === "customer")).toEqual([]);
      kit.vendors.reset();
    },
  );

  test("are learnt in any order of their webhooks; what is older changes nothing", async () => {
    const shop = await kit.shop({ unknown_consent: "send" });
    const id = 7012345678999;
    const summary = (orders: number, amount: string, occurredAt: string) => ({
      customerId: `gid://shopify/Customer/${id}`,
      numberOfOrders: orders,
      amountSpent: { amount, currencyCode: "USD" },
      occurredAt,
    });
    const optIn = (state: string, at: string) => ({
      customer_id: id,
      email_address: "ines.duarte@example.com",
      email_marketing_consent: { state, consent_updated_at: at },
    });
    const topics: [string, unknown][] = [
      ["customers/purchasing_summary", summary(3, "90.00", "2026-10-26T10:00:00Z")],
      ["customers/purchasing_summary", summary(4, "120.50", "2026-10-26T11:00:00Z")],
      ["customers/purchasing_summary", summary(2, "60.00", "2026-10-26T09:00:00Z")],
      ["customers_email_marketing_consent/update", optIn("unsubscribed", "2026-10-26T11:00:00Z")],
      ["customers_email_marketing_consent/update", optIn("subscribed", "2026-10-26T10:00:00Z")],
      ["customers_marketing_consent/update", fixture("customers-marketing-consent-update")],
      ["orders/updated", { ...order(), customer: { id, email: "second@example.com" } }],
    ];
    for (const [topic, body] of topics) {
      expect(await post(shop.domain, topic, body), topic).toMatchObject({
        status: 200,
        body: { status: "done" },
      });
    }
    expect(await rows("customers", shop.id)).toEqual([
      expect.objectContaining({
        customer_id: String(id),
        orders: 4,
        spent: "120.50",
        currency: "USD",
        email_opt_in: "unsubscribed",
        sms_opt_in: "unsubscribed",
      }),
    ]);
    expect(await kit.events(shop.id)).toEqual([]);
  });

  test("of a shop whose policy is to skip the unasked leave figures and no digest", async () => {
    const shop = await kit.shop({ unknown_consent: "skip" });
    await post(shop.domain, "customers/create", { ...fixture("customers-create"), state: "disabled" });
    expect(await rows("customers", shop.id)).toEqual([expect.objectContaining({ digests: {} })]);
  });

  test("an opt-in to email is never consent to tracking", async () => {
    const shop = await kit.shop({ unknown_consent: "skip" });
    await post(
      shop.domain,
      "customers_email_marketing_consent/update",
      fixture("customers-email-marketing-consent-update"),
    );
    await post(shop.domain, "customers/create", fixture("customers-create"));
    expect(new Set(Object.values(await states(shop.id, 0)))).toEqual(new Set(["consent_unknown"]));
    expect(kit.requests()).toEqual({});
  });
});

describe("app/uninstalled", () => {
  test("destroys the tokens; later webhooks of that shop are ignored", async () => {
    const shop = await kit.shop();
    const gone = payload("app-uninstalled", shop.domain);
    for (let time = 0; time < 2; time++) {
      expect(await post(shop.domain, "app/uninstalled", gone)).toMatchObject({
        status: 200,
        body: { status: "done" },
      });
    }
    expect(await rows("destination_secrets", shop.id)).toEqual([]);
    for (
      const [topic, body] of [["orders/create", order()], [
        "customers/create",
        fixture("customers-create"),
      ]] as const
    ) {
      expect((await post(shop.domain, topic, body)).body).toEqual({
        status: "ignored",
        reason: "uninstalled_shop",
      });
    }
  });

  test("that comes after the shop was installed again does nothing", async () => {
    const shop = await kit.shop();
    const headers = { "x-shopify-triggered-at": new Date(EVENING - 3 * 86_400_000).toISOString() };
    expect(
      (await post(shop.domain, "app/uninstalled", payload("app-uninstalled", shop.domain), { headers })).body,
    )
      .toEqual({ status: "ignored", reason: "reinstalled" });
    expect(await rows("destination_secrets", shop.id)).toHaveLength(5);
  });

  test("signed for one shop is not taken for another, whatever the header says", async () => {
    const [victim, other] = [await kit.shop(), await kit.shop()];
    for (
      const [topic, name] of [["app/uninstalled", "app-uninstalled"], ["shop/redact", "shop-redact"]] as const
    ) {
      expect(await post(victim.domain, topic, payload(name, other.domain))).toMatchObject({
        status: 401,
        body: { code: "shop_mismatch" },
      });
    }
    expect(await rows("destination_secrets", victim.id)).toHaveLength(5);
  });
});

describe("compliance", () => {
  const drain = drainHandler({
    ...kit.deps(),
    operatorKey: "the-operator-key-of-the-tests",
    pause: () => Promise.resolve(),
    shopify: null,
  });
  const runDrain = () =>
    drain(
      new Request("http://edge.test/drain", {
        method: "POST",
        headers: { authorization: "Bearer the-operator-key-of-the-tests" },
      }),
    );

  test("customers/data_request leaves an export ready, and its log names nobody", async () => {
    const shop = await kit.shop();
    const asked = payload("customers-data_request", shop.domain);
    expect((await post(shop.domain, "customers/data_request", asked)).body).toEqual({ status: "accepted" });
    expect(await rows("privacy_requests", shop.id)).toEqual([
      expect.objectContaining({ kind: "export", state: "pending" }),
    ]);
    expectUnlogged(kit.lines, ["7012345678901", "zoe.muller", "+492214710187"]);
  });

  test("customers/redact is done when the answer is out; again under its id it is a duplicate", async () => {
    const shop = await kit.shop();
    const bought = order();
    await post(shop.domain, "orders/create", bought);
    expect(await kit.events(shop.id)).toHaveLength(1);
    const asked = payload("customers-redact", shop.domain);
    expect((await post(shop.domain, "customers/redact", asked, { webhookId: "r-1" })).body).toEqual({
      status: "accepted",
    });
    expect((await post(shop.domain, "customers/redact", asked, { webhookId: "r-1" })).body).toEqual({
      status: "duplicate",
    });
    for (
      const table of ["events", "event_clients", "deliveries", "event_keys", "visitor_links", "visitors"]
    ) {
      expect(await rows(table, shop.id), table).toEqual([]);
    }
    expect(await rows("privacy_requests", shop.id)).toEqual([
      expect.objectContaining({ state: "done", subject: null, reference: "r-1" }),
    ]);
    expectUnlogged(kit.lines, ["7012345678801", "maya.okafor", "5890123456781"]);
  });

  test("shop/redact takes what there is at once, and the shop itself with the next drain", async () => {
    const shop = await kit.shop();
    await post(shop.domain, "orders/create", order());
    await post(shop.domain, "app/uninstalled", payload("app-uninstalled", shop.domain));
    kit.pass(2 * 86_400);
    await post(shop.domain, "shop/redact", payload("shop-redact", shop.domain), { webhookId: "r-2" });
    expect(await rows("events", shop.id)).toEqual([]);
    kit.pass(61);
    expect((await runDrain()).status).toBe(200);
    expect(await kit.database.query("postgres", "select from trakit.shops where id = $1", [shop.id])).toEqual(
      [],
    );
    expect((await post(shop.domain, "shop/redact", payload("shop-redact", shop.domain))).body).toEqual({
      status: "ignored",
      reason: "unknown_shop",
    });
    expectUnlogged(kit.lines, [shop.domain]);
  });

  test("a request we cannot read is kept, sealed, for a look: it is not answered and forgotten", async () => {
    const shop = await kit.shop();
    expect((await post(shop.domain, "customers/redact", { customer: [] })).body).toEqual({
      status: "quarantined",
      reason: "unreadable_payload",
    });
    expect(await rows("quarantine", shop.id)).toHaveLength(1);
  });

  test("for a shop we never knew, or half installed, nothing is done and Shopify need not repeat", async () => {
    const domain = "nobody-here.myshopify.com";
    for (const name of ["customers-redact", "customers-data_request", "shop-redact", "app-uninstalled"]) {
      const topic = name === "app-uninstalled" ? "app/uninstalled" : name.replace("-", "/");
      expect(await post(domain, topic, payload(name, domain)), topic).toMatchObject({
        status: 200,
        body: { status: "ignored", reason: "unknown_shop" },
      });
    }
  });

  test.each(["customers/data_request", "customers/redact", "shop/redact"])(
    "%s badly signed is 401",
    async (topic) => {
      const answer = await post("x.myshopify.com", topic, {}, { secret: "not-the-apps-secret" });
      expect(answer).toMatchObject({ status: 401, body: { code: "bad_signature" } });
    },
  );
});
