import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { quarantineWebhook } from "@trakit/db/calls/quarantine-webhook.ts";
import { quarantineSubject, seal } from "@trakit/runtime/seal.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import { KEYS, pipelineKit, SECRET, webhookRequest } from "../support/pipeline.ts";
import { fixture, fixtureText } from "../unit/shopify/fixture.ts";
import { runCli } from "../unit/cli/run-cli.ts";

const kit = await pipelineKit();
const ORDER = fixtureText("order-web-guest");
const RING = KEYS.map(({ id, key }) => `${id}:${Buffer.from(key).toString("base64")}`).join(",");

/** Keeps a webhook as an earlier version did that could not read it. */
async function keep(domain: string, body: string, webhookId = "w-1", keys = KEYS): Promise<void> {
  await quarantineWebhook(kit.deps().db, {
    shop: domain,
    topic: "orders/create",
    webhookId,
    reason: "unreadable_payload",
    issues: ["customer: invalid_type"],
    sealedBody: seal(keys, new TextEncoder().encode(body), quarantineSubject(domain, webhookId)),
  }, new Date(kit.now()));
}

function retry(domain: string, ...more: string[]) {
  return runCli(["quarantine", "retry", domain, ...more], {
    environment: {
      TRAKIT_DB_SESSION_URL: kit.database.url("trakit_worker"),
      TRAKIT_ENCRYPTION_KEYS: RING,
    },
  });
}

const inQuarantine = (shopId: string) =>
  kit.database.query<{ webhook_id: string; tries: number }>(
    "postgres",
    "select webhook_id, tries from trakit.quarantine where shop_id = $1 order by webhook_id",
    [shopId],
  );

describe("trakit quarantine retry", () => {
  test("stores what can be read now for the queue to send, and takes it out of quarantine", async () => {
    const shop = await kit.shop();
    await keep(shop.domain, ORDER);
    const ran = await retry(shop.domain);
    expect(ran).toMatchObject({ code: 0, err: "" });
    expect(ran.out).toContain("accepted");
    expect(await inQuarantine(shop.id)).toEqual([]);
    const deliveries = await kit.database.query(
      "postgres",
      "select state, lease from trakit.deliveries where shop_id = $1",
      [shop.id],
    );
    // not leased to the command: a worker sends it
    expect(deliveries).toEqual(Array(5).fill({ state: "pending", lease: null }));
    expect(kit.requests()).toEqual({});
  });

  test("of an order that came by other ways meanwhile counts nothing twice", async () => {
    const shop = await kit.shop();
    await keep(shop.domain, ORDER);
    const handle = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });
    await handle(webhookRequest(shop.domain, ORDER));
    await kit.settled();
    expect((await retry(shop.domain)).out).toContain("duplicate");
    expect(await inQuarantine(shop.id)).toEqual([]);
    expect(await kit.events(shop.id)).toHaveLength(1);
  });

  test("leaves what still cannot be read, counts the try and ends with exit code 1", async () => {
    const shop = await kit.shop();
    await keep(shop.domain, ORDER, "w-good");
    await keep(shop.domain, '{"email":"maya.okafor@example.com"', "w-bad");
    const ran = await retry(shop.domain, "--json");
    expect(ran.code).toBe(1);
    expect(ran.out.split("\n").map((line) => JSON.parse(line) as object)).toMatchObject([
      { read: true, status: "accepted" },
      { read: false, reason: "malformed_json" },
    ]);
    expect(await inQuarantine(shop.id)).toEqual([{ webhook_id: "w-bad", tries: 1 }]);
    expect(ran.out + ran.err).not.toContain("maya");
  });

  test("of one number leaves the others alone, and an unknown number is said", async () => {
    const shop = await kit.shop();
    await keep(shop.domain, ORDER, "w-1");
    await keep(shop.domain, "{", "w-2");
    const [{ id }] = await kit.database.query<{ id: string }>(
      "postgres",
      "select id from trakit.quarantine where shop_id = $1 and webhook_id = 'w-1'",
      [shop.id],
    ) as [{ id: string }];
    expect((await retry(shop.domain, id)).code).toBe(0);
    expect(await inQuarantine(shop.id)).toEqual([{ webhook_id: "w-2", tries: 0 }]);
    const unknown = await retry(shop.domain, "999999999");
    expect(unknown).toMatchObject({ code: 1, out: "" });
    expect(unknown.err).toContain("trakit quarantine list");
  });

  test("says so where the key that sealed it is gone, and keeps it", async () => {
    const shop = await kit.shop();
    await keep(shop.domain, ORDER, "w-1", [{ id: "k0", key: new Uint8Array(32).fill(9) }]);
    const ran = await retry(shop.domain);
    expect(ran.code).toBe(1);
    expect(ran.out).toContain("seal_unreadable");
    expect(await inQuarantine(shop.id)).toEqual([{ webhook_id: "w-1", tries: 1 }]);
  });
});

test.each([
  ["total", (order: ReturnType<typeof fixture>) => order.total_price = "-102.25", "total_price: negative"],
  [
    "total in the buyer's currency",
    (order: ReturnType<typeof fixture>) => order.total_price_set.presentment_money.amount = "-102.25",
    "total_price_set.presentment_money.amount: negative",
  ],
  [
    "price of a line",
    (order: ReturnType<typeof fixture>) => order.line_items[0].price = "-1.00",
    "line_items.0.price: negative",
  ],
])(
  "an order whose %s is below zero is kept to be looked at, not sent as a purchase",
  async (_, spoil, issue) => {
    const shop = await kit.shop();
    const order = fixture("order-web-guest");
    spoil(order);
    const handle = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });
    const answer = await handle(webhookRequest(shop.domain, JSON.stringify(order)));
    expect(await answer.json()).toMatchObject({ status: "quarantined" });
    expect(await kit.events(shop.id)).toEqual([]);
    const rows = await kit.database.query(
      "postgres",
      "select issues from trakit.quarantine where shop_id = $1",
      [
        shop.id,
      ],
    );
    expect(rows).toEqual([{ issues: [issue] }]);
  },
);
