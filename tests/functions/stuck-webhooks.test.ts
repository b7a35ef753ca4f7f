import { Buffer } from "node:buffer";
import { afterEach, describe, expect, test, vi } from "vitest";
import { decodeRefund } from "@trakit/shopify/refund.ts";
import { open, quarantineSubject } from "@trakit/runtime/seal.ts";
import { expectUnlogged, KEYS, pipelineKit, webhookRequest } from "../support/pipeline.ts";
import { webhooks } from "../support/webhooks.ts";
import { fixture, fixtureText } from "../unit/shopify/fixture.ts";
import { runCli } from "../unit/cli/run-cli.ts";

/** Webhooks that stop us: by a bug of ours, or because Postgres will not hold what they say. */

vi.mock("@trakit/shopify/refund.ts", { spy: true });
afterEach(() => void vi.mocked(decodeRefund).mockRestore());

const kit = await pipelineKit();
const { handle, handler, post, quarantined } = webhooks(kit);
const RING = KEYS.map(({ id, key }) => `${id}:${Buffer.from(key).toString("base64")}`).join(",");

/** An order of a year Postgres has not. */
const IMPOSSIBLE = JSON.stringify({
  ...fixture("order-web-guest"),
  processed_at: "0000-01-01T00:00:00Z",
  created_at: "0000-01-01T00:00:00Z",
});

const cli = (...words: string[]) =>
  runCli(["quarantine", ...words], {
    environment: {
      TRAKIT_DB_SESSION_URL: kit.database.url("trakit_worker"),
      TRAKIT_ENCRYPTION_KEYS: RING,
    },
  });

const decoderFails = () =>
  vi.mocked(decodeRefund).mockImplementation(() => {
    throw new TypeError("cannot read 'maya.okafor@example.com'");
  });

/** While it lasts, no event of this shop can be stored, as after a mistake in a migration. */
async function forbidden(shopId: string): Promise<() => Promise<void>> {
  await kit.database.query(
    "postgres",
    `alter table trakit.events add constraint none_of_this_shop check (shop_id <> '${shopId}') not valid`,
  );
  return async () => {
    await kit.database.query("postgres", "alter table trakit.events drop constraint none_of_this_shop");
  };
}

describe("an event Postgres refuses", () => {
  test("is 200, kept sealed with the code and not the value, and listed", async () => {
    const shop = await kit.shop();
    const answer = await post(shop.domain, IMPOSSIBLE, { webhookId: "w-1" });
    expect(answer).toMatchObject({ status: 200, body: { status: "quarantined", reason: "event_refused" } });
    expect(await kit.events(shop.id)).toEqual([]);
    const [row, ...more] = await quarantined(shop.id);
    expect(more).toEqual([]);
    expect(row).toMatchObject({ reason: "event_refused", issues: ["sqlstate: 22008"] });
    const opened = open(KEYS, row!.sealed_body, quarantineSubject(shop.domain, "w-1"));
    expect(opened.ok && new TextDecoder().decode(opened.bytes)).toBe(IMPOSSIBLE);
    expect(await kit.refusals(shop.id)).toEqual({ event_refused: 1 });
    expect((await cli("list", shop.domain)).out).toContain("event_refused");
    expectUnlogged(kit.lines, ["maya", "okafor", "Linden", "0000-01-01"]);
  });

  test("by a constraint is told apart by its name, and read again once it may be", async () => {
    const shop = await kit.shop();
    const allow = await forbidden(shop.id);
    try {
      const answer = await post(shop.domain, fixtureText("order-web-guest"));
      expect(answer).toMatchObject({ status: 200, body: { reason: "event_refused" } });
      const [row] = await quarantined(shop.id);
      expect(row!.issues).toEqual(["sqlstate: 23514", "constraint: none_of_this_shop"]);
      expect((await cli("retry", shop.domain)).code).toBe(1);
    } finally {
      await allow();
    }
    const retried = await cli("retry", shop.domain);
    expect(retried).toMatchObject({ code: 0, err: "" });
    expect(retried.out).toContain("accepted");
    expect(await quarantined(shop.id)).toEqual([]);
    expect(await kit.events(shop.id)).toHaveLength(1);
  });

  test("is kept within the time its refusal left of the request's", async () => {
    const shop = await kit.shop();
    const { db } = kit.deps();
    const real = performance.now.bind(performance);
    let later = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => real() + later);
    let waited: number | undefined;
    try {
      const via = handler({
        db: {
          ...db,
          rows: (text, values, options) => {
            if (text.includes("quarantine_webhook")) waited = options?.waitedMs;
            else later = 3_000;
            return db.rows(text, values);
          },
        },
      });
      const answer = await post(shop.domain, IMPOSSIBLE, {}, via);
      expect(answer.body).toMatchObject({ status: "quarantined", reason: "event_refused" });
    } finally {
      clock.mockRestore();
    }
    expect(waited).toBeGreaterThanOrEqual(3_000);
  });

  test("does not stop the retry of the others in quarantine", async () => {
    const shop = await kit.shop();
    await post(shop.domain, IMPOSSIBLE, { webhookId: "w-1" });
    const allow = await forbidden(shop.id);
    await post(shop.domain, fixtureText("order-web-guest"), { webhookId: "w-2" });
    await allow();
    const retried = await cli("retry", shop.domain, "--json");
    expect(retried.code).toBe(1);
    expect(retried.out.split("\n").map((line) => JSON.parse(line) as object)).toMatchObject([
      { read: false, reason: "event_refused", issues: ["sqlstate: 22008"] },
      { read: true, status: "accepted" },
    ]);
    expect((await quarantined(shop.id)).map((row) => row.webhook_id)).toEqual(["w-1"]);
  });

  test("costs none of those that came with it", async () => {
    const shop = await kit.shop();
    const order = fixture("order-web-guest");
    const bodies = Array.from({ length: 12 }, (_, i) =>
      i === 5 ? IMPOSSIBLE : JSON.stringify({
        ...order,
        id: order.id + i + 1,
        admin_graphql_api_id: `gid://shopify/Order/${order.id + i + 1}`,
        checkout_token: `checkout-token-${i}`,
        cart_token: `cart-token-${i}`,
      }));
    const answers = await Promise.all(
      bodies.map((body, i) => handle(webhookRequest(shop.domain, body, { webhookId: `w-${i}` }))),
    );
    const states = await Promise.all(
      answers.map(async (one) => ((await one.json()) as { status: string }).status),
    );
    await kit.settled();
    expect(states.map((state, i) => [i, state])).toEqual(
      bodies.map((_, i) => [i, i === 5 ? "quarantined" : "accepted"]),
    );
    expect(await kit.events(shop.id)).toHaveLength(11);
  });
});

describe("a decoder of ours that throws", () => {
  test("costs Shopify no repetition: the webhook is kept, and read once the decoder is mended", async () => {
    const shop = await kit.shop();
    await post(shop.domain, fixtureText("order-web-guest"));
    decoderFails();
    const refund = fixtureText("refund-create");
    const answer = await post(shop.domain, refund, { topic: "refunds/create", webhookId: "w-1" });
    expect(answer).toMatchObject({ status: 200, body: { status: "quarantined", reason: "decoder_failed" } });
    const [row] = await quarantined(shop.id);
    expect(row).toMatchObject({ reason: "decoder_failed", issues: ["payload: TypeError"] });
    const said = kit.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      .find((line) => line.event === "webhook_failed");
    expect(said).toMatchObject({ level: "error", topic: "refunds/create", error: "TypeError" });
    expectUnlogged(kit.lines, ["maya", "okafor"]);

    vi.mocked(decodeRefund).mockRestore();
    expect((await cli("retry", shop.domain)).code).toBe(0);
    expect(await quarantined(shop.id)).toEqual([]);
  });
});
