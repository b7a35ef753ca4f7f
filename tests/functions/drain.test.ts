import { describe, expect, test } from "vitest";
import { type DrainDependencies, drainHandler } from "../../functions/drain/handler.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import {
  absentDatabase,
  expectUnlogged,
  pipelineKit,
  PLATFORMS,
  SECRET,
  webhookRequest,
} from "../support/pipeline.ts";
import { fixtureText } from "../unit/shopify/fixture.ts";

const kit = await pipelineKit();
const OPERATOR = "the-operator-key-of-the-tests-0001";
const ORDER = fixtureText("order-web-guest");

async function drain(
  {
    key = `Bearer ${OPERATOR}` as string | null,
    method = "POST",
    change = {} as Partial<DrainDependencies>,
  } = {},
) {
  const handle = drainHandler({
    ...kit.deps(),
    operatorKey: OPERATOR,
    pause: () => Promise.resolve(),
    shopify: null,
    ...change,
  });
  const response = await handle(
    new Request("http://edge.test/drain", {
      method,
      headers: key === null ? {} : { authorization: key },
    }),
  );
  return {
    status: response.status,
    headers: response.headers,
    body: await response.json() as Record<string, unknown>,
  };
}

/** Stores an order and loses the process before anything of it is sent. */
async function storedAndLost(domain: string): Promise<void> {
  const silent = webhooksHandler({
    ...kit.deps({ send: () => new Promise(() => {}) }),
    secrets: [SECRET],
    waitUntil: () => {},
  });
  expect((await silent(webhookRequest(domain, ORDER))).status).toBe(200);
}

describe("the drain", () => {
  test("sends what a killed process stored and did not send, once its lease ran out", async () => {
    const shop = await kit.shop();
    await storedAndLost(shop.domain);
    expect((await drain()).body).toMatchObject({ sent: 0, remaining: false });
    expect(kit.requests()).toEqual({});

    kit.pass(31);
    const { status, body } = await drain();
    expect(status).toBe(200);
    expect(body).toMatchObject({ sent: 5, outcomes: { delivered: 5 }, remaining: false });
    expect(Object.keys(kit.requests()).sort()).toEqual([...PLATFORMS].sort());
    for (const row of await kit.deliveries(shop.id)) {
      // the first holder may have sent it: nobody knows
      expect(row).toMatchObject({ state: "delivered", attempts: 2, doubts: 1, lease: null });
    }
    expect((await drain()).body).toMatchObject({ sent: 0 });
  });

  test("sends a vendor's backlog once the vendor is back, and leaves the others alone", async () => {
    const shop = await kit.shop();
    await kit.fault("meta", { kind: "status", status: 503 });
    const handle = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });
    await handle(webhookRequest(shop.domain, ORDER));
    await kit.settled();
    const states = async () =>
      Object.fromEntries((await kit.deliveries(shop.id)).map((row) => [row.platform, row.state]));
    expect(await states()).toMatchObject({ meta: "pending", tiktok: "delivered", google: "delivered" });

    kit.pass(11);
    expect((await drain()).body).toMatchObject({ sent: 1, outcomes: { retry: 1 } });
    await kit.fault("meta", null);
    kit.pass(21);
    expect((await drain()).body).toMatchObject({ sent: 1, outcomes: { delivered: 1 } });
    expect(await states()).toMatchObject({ meta: "delivered" });
  });

  test("gives up what is past its time and says how many", async () => {
    const shop = await kit.shop();
    await storedAndLost(shop.domain);
    kit.pass(24 * 3600 + 60);
    const { body } = await drain();
    expect(body).toMatchObject({ sent: 0, expired: 5 });
    for (const row of await kit.deliveries(shop.id)) {
      expect(row).toMatchObject({ state: "failed", reason: "expired" });
    }
    expect(kit.requests()).toEqual({});
  });

  test("that has no time left sends nothing and says that something remains", async () => {
    const shop = await kit.shop();
    await storedAndLost(shop.domain);
    kit.pass(31);
    let calls = 0;
    // the first look at the clock sets the deadline a minute ahead; every later one is past it
    const now = () => kit.now() + (calls++ === 0 ? 0 : 61_000);
    const { status, body } = await drain({ change: { now } });
    expect(status).toBe(200);
    expect(body).toMatchObject({ sent: 0, remaining: true });
    expect(kit.requests()).toEqual({});
    expect((await drain()).body).toMatchObject({ sent: 5 });
  });
});

describe("the operator's key", () => {
  test.each([
    ["missing", null],
    ["empty", "Bearer "],
    ["wrong", "Bearer the-operator-key-of-the-tests-0002"],
    ["a part of it", `Bearer ${OPERATOR.slice(0, -1)}`],
    ["with something behind", `Bearer ${OPERATOR}x`],
  ])("%s is 401, and nothing is sent", async (_, key) => {
    const shop = await kit.shop();
    await storedAndLost(shop.domain);
    kit.pass(31);
    const answer = await drain({ key });
    expect(answer).toMatchObject({ status: 401, body: { code: "bad_operator_key" } });
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    expect(kit.requests()).toEqual({});
    expectUnlogged(kit.lines, ["operator-key"]);
    await drain();
  });

  test("is not asked of a wrong method: 405 with what is allowed", async () => {
    const answer = await drain({ method: "GET", key: null });
    expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    expect(answer.headers.get("allow")).toBe("POST, OPTIONS");
  });
});

test("a database out of reach is 503, and the caller may come again", async () => {
  const db = absentDatabase();
  try {
    const answer = await drain({ change: kit.deps({ db }) });
    expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  } finally {
    await db.close();
  }
});
