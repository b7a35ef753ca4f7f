import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import { pipelineKit, SECRET, type WebhookOptions, webhookRequest } from "../support/pipeline.ts";
import { fixture } from "../unit/shopify/fixture.ts";

/** Orders that lack what an order has, people who are two, shops that are not there: each has a defined end. */
const kit = await pipelineKit();
const handle = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });

async function post(domain: string, topic: string, body: unknown, options: WebhookOptions = {}) {
  const response = await handle(webhookRequest(domain, JSON.stringify(body), { topic, ...options }));
  await kit.settled();
  return { status: response.status, body: await response.json() as Record<string, unknown> };
}

const AGREED = { name: "__trk_consent", value: "a1m1p1s1" };
let ids = 820_982_911_000_000_000n;
/** The guest order under an id of its own, its visitor having agreed to everything. */
function order(change: Record<string, unknown> = {}) {
  ids += 1n;
  const body = fixture("order-web-guest");
  return {
    ...body,
    id: Number(ids % 1_000_000_000n),
    admin_graphql_api_id: `gid://shopify/Order/${Number(ids % 1_000_000_000n)}`,
    checkout_token: ids.toString(16).padStart(32, "0"),
    note_attributes: [
      ...body.note_attributes.filter((one: { name: string }) => one.name !== AGREED.name),
      AGREED,
    ],
    ...change,
  };
}
const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const states = async (shopId: string) =>
  Object.fromEntries((await kit.deliveries(shopId)).map((row) => [row.platform, row.reason]));
const customers = (shopId: string) =>
  kit.database.query<
    { customer_id: string; digests: Record<string, string[]>; orders: number; spent: string }
  >(
    "postgres",
    "select customer_id, digests, orders, spent::text from trakit.customers where shop_id = $1 order by customer_id",
    [shopId],
  );
const ACCEPTED = { meta: "accepted", tiktok: "accepted", pinterest: "accepted", snapchat: "accepted" };

describe("an order", () => {
  test("without a customer goes out by what else it has, and nobody's history is written", async () => {
    const shop = await kit.shop();
    expect((await post(shop.domain, "orders/create", order({ customer: null }))).body.status).toBe(
      "accepted",
    );
    expect(await states(shop.id)).toMatchObject(ACCEPTED);
    expect(await customers(shop.id)).toEqual([]);
  });

  test("without anybody in it (a till's walk-in) is one event with its value, and says what it lacks", async () => {
    const shop = await kit.shop();
    const nobody = order({
      customer: null,
      email: null,
      contact_email: null,
      phone: null,
      billing_address: null,
      shipping_address: null,
      browser_ip: null,
      client_details: null,
    });
    expect((await post(shop.domain, "orders/create", nobody)).body.status).toBe("accepted");
    const [event] = await kit.events(shop.id);
    expect(event!.commerce).toMatchObject({ total: "102.25", currency: "USD" });
    // each platform's end is a reason, none an exception
    for (const reason of Object.values(await states(shop.id))) expect(reason).toMatch(/^[a-z_]+$/);
    expect(kit.lines.filter((line) => line.includes("failed"))).toEqual([]);
  });

  test("without a currency is a purchase without a value: no amount is guessed at, and none is sent", async () => {
    const shop = await kit.shop();
    const body = order();
    const bare = JSON.parse(
      JSON.stringify(
        body,
        (key, value) =>
          key === "currency" || key === "presentment_currency" || key === "currency_code" ? null : value,
      ),
    );
    expect((await post(shop.domain, "orders/create", bare)).body.status).toBe("accepted");
    const [event] = await kit.events(shop.id);
    expect(event!.commerce["currency"] ?? null).toBeNull();
    for (const requests of Object.values(kit.requests())) {
      expect(JSON.stringify(requests)).not.toContain("102.25");
    }
    for (const reason of Object.values(await states(shop.id))) expect(reason).toMatch(/^[a-z_]+$/);
  });

  test.each<[string, unknown]>([["none", []], ["null", null], ["left out", undefined]])(
    "whose lines are %s keeps its total",
    async (_, line_items) => {
      const shop = await kit.shop();
      const { body } = await post(shop.domain, "orders/create", order({ line_items }));
      expect(body.status).toBe("accepted");
      const [event] = await kit.events(shop.id);
      expect(event!.commerce).toMatchObject({ total: "102.25", currency: "USD" });
      expect(event!.commerce["items"] ?? []).toEqual([]);
      expect(await states(shop.id)).toMatchObject(ACCEPTED);
    },
  );

  test("of exactly five hundred lines loses none, at any platform", async () => {
    const shop = await kit.shop();
    const [line] = fixture("order-web-guest").line_items;
    const line_items = Array.from(
      { length: 500 },
      (_, i) => ({ ...line, id: i + 1, variant_id: 40_000 + i }),
    );
    await post(shop.domain, "orders/create", order({ line_items }));
    const [event] = await kit.events(shop.id);
    expect(event!.commerce.items).toHaveLength(500);
    expect(await kit.refusals(shop.id)).toEqual({});
    expect(await states(shop.id)).toMatchObject(ACCEPTED);
  });
});

describe("a customer", () => {
  test("with two emails is sent with both and teaches neither; the one Shopify told finds the order, one that was typed leaves it", async () => {
    const shop = await kit.shop();
    const body = order({ email: "first@example.com", contact_email: "first@example.com" });
    body.customer.email = "second@example.com";
    await post(shop.domain, "orders/create", body);
    const both = [digest("first@example.com"), digest("second@example.com")];
    const [event] = await kit.events(shop.id);
    expect(event!.digests["email.lower"]).toEqual(both);
    expect(JSON.stringify(kit.requests().meta)).toContain(both[0]);
    const [customer] = await customers(shop.id);
    expect(customer!.digests).toEqual({});
    await kit.database.query("postgres", "update trakit.shops set unknown_consent = 'send' where id = $1", [
      shop.id,
    ]);
    await post(shop.domain, "customers/create", {
      ...fixture("customers-create"),
      id: body.customer.id,
      email: "second@example.com",
      state: "disabled",
    });
    const redact = async (email: string) => {
      const asked = await post(shop.domain, "customers/redact", {
        shop_domain: shop.domain,
        customer: { id: null, email, phone: null },
        orders_to_redact: [],
      });
      expect(asked.body.status).toBe("accepted");
    };
    await redact("first@example.com");
    expect((await kit.events(shop.id)).map(({ digests }) => digests["email.lower"])).toEqual([[both[1]]]);
    await redact("second@example.com");
    expect(await kit.events(shop.id)).toEqual([]);
  });

  test("who changed their email is sent with the new one, as Shopify's newest word says and no order's", async () => {
    const shop = await kit.shop();
    const id = 7_012_345_678_901;
    const record = (email: string) => ({ ...fixture("customers-create"), id, email, state: "disabled" });
    await kit.database.query("postgres", "update trakit.shops set unknown_consent = 'send' where id = $1", [
      shop.id,
    ]);
    await post(shop.domain, "customers/create", record("old@example.com"));
    const updated = order();
    updated.customer = { ...updated.customer, id, email: "typed@example.com" };
    await post(shop.domain, "orders/updated", updated);
    const email = async () => (await customers(shop.id))[0]!.digests["email.lower"];
    expect(await email()).toEqual([digest("old@example.com")]);
    await post(shop.domain, "customers_email_marketing_consent/update", {
      ...fixture("customers-email-marketing-consent-update"),
      customer_id: id,
      email_address: "new@example.com",
    });
    expect(await email()).toEqual([digest("new@example.com")]);
  });

  test("merged into another at Shopify keeps what each had bought; from then on the one that is left counts", async () => {
    const shop = await kit.shop();
    const [gone, left] = [7_012_345_600_001, 7_012_345_600_002];
    const bought = (id: number) => {
      const body = order();
      body.customer = { ...body.customer, id, email: `c${id}@example.com` };
      return body;
    };
    await post(shop.domain, "orders/create", bought(gone));
    await post(shop.domain, "orders/create", bought(left));
    // Shopify tells of the merge only by the figures of the one that is left, and by later orders' customer
    await post(shop.domain, "customers/purchasing_summary", {
      ...fixture("customers-purchasing_summary"),
      customerId: `gid://shopify/Customer/${left}`,
      numberOfOrders: 2,
      amountSpent: { amount: "204.50", currencyCode: "USD" },
      occurredAt: new Date(kit.now() + 1_000).toISOString(),
    });
    const rows = await customers(shop.id);
    expect(rows.map((row) => [row.customer_id, row.orders, row.spent])).toEqual([
      [String(gone), 1, "102.25"],
      [String(left), 2, "204.50"],
    ]);
    // an update of the old order under the new customer is no second purchase and moves nobody's figures
    const moved = order();
    moved.customer = { ...moved.customer, id: left };
    await post(shop.domain, "orders/updated", moved);
    expect((await customers(shop.id)).map((row) => row.orders)).toEqual([1, 2]);
    kit.pass(5);
    const next = bought(left);
    next.created_at = next.processed_at = new Date(kit.now()).toISOString();
    await post(shop.domain, "orders/create", next);
    const events = await kit.events(shop.id);
    expect(events.at(-1)!.commerce).toMatchObject({ customer_type: "returning" });
    // both are redacted by name; a record that is gone at Shopify is no obstacle
    for (const id of [gone, left]) {
      const asked = await post(shop.domain, "customers/redact", {
        shop_domain: shop.domain,
        customer: { id, email: null, phone: null },
        orders_to_redact: [],
      });
      expect(asked.body.status).toBe("accepted");
    }
    expect(await customers(shop.id)).toEqual([]);
  });
});

describe("a webhook for a shop", () => {
  const TOPICS: [string, () => unknown][] = [
    ["orders/create", () => order()],
    ["orders/updated", () => order()],
    ["refunds/create", () => fixture("refund-create")],
    ["customers/create", () => fixture("customers-create")],
    ["customers/purchasing_summary", () => fixture("customers-purchasing_summary")],
    ["checkouts/create", () => fixture("checkout-create")],
    ["carts/update", () => fixture("cart-update")],
  ];

  test.each(TOPICS)(
    "%s: half installed, uninstalled, or redacted is 200, counted, and stores nothing",
    async (topic, make) => {
      // half installed: Shopify sends, and no token was ever exchanged, so there is no row
      const half = await post("half-installed.myshopify.com", topic, make());
      expect(half).toMatchObject({ status: 200, body: { status: "ignored", reason: "unknown_shop" } });

      const shop = await kit.shop();
      await kit.database.query("trakit_edge", "select trakit.uninstall_shop($1, $2, $2)", [
        shop.domain,
        new Date(kit.now() + 1),
      ]);
      const uninstalled = await post(shop.domain, topic, make());
      expect(uninstalled).toMatchObject({
        status: 200,
        body: { status: "ignored", reason: "uninstalled_shop" },
      });
      expect(await kit.refusals(shop.id)).toEqual({ uninstalled_shop: 1 });
      expect(await kit.events(shop.id)).toEqual([]);
      expect(await customers(shop.id)).toEqual([]);

      // redacted: gone, and a webhook that was on its way does not bring it back
      await kit.database.query("postgres", "delete from trakit.shops where id = $1", [shop.id]);
      const redacted = await post(shop.domain, topic, make());
      expect(redacted).toMatchObject({ status: 200, body: { status: "ignored", reason: "unknown_shop" } });
      expect(await kit.events(shop.id)).toEqual([]);
      expect(await customers(shop.id)).toEqual([]);
    },
  );
});
