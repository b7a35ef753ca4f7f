/** The local stack as `npm start` runs it: embedded Postgres, the functions in Deno, worker, vendor sandbox, demo shop. */
import { connect as connectSocket } from "node:net";
import { networkInterfaces } from "node:os";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { shopPublicKey } from "@trakit/core/storefront-keys.ts";
import type { TailEvent } from "@trakit/db/calls/tail-deliveries.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import type { ProcessName } from "@trakit/cli/stack/stack.ts";
import {
  dataFolder,
  DEMO_VENDORS,
  type PlacedOrder,
  type TestStack,
  testStack,
  until,
} from "../support/stack.ts";
import { runCli } from "../unit/cli/run-cli.ts";

const PROCESSES: readonly ProcessName[] = ["postgres", "functions", "worker", "sandbox", "shop"];
const ALL = [...DEMO_VENDORS].sort();

let data: Awaited<ReturnType<typeof dataFolder>>;
let running: TestStack;

beforeAll(async () => {
  data = await dataFolder();
  running = await testStack(data.path);
});

afterAll(async () => {
  await running?.close();
  await data?.remove();
});

/** The purchase as `trakit tail` shows it; undefined when it shows none. */
async function tailed({ event_id }: PlacedOrder): Promise<TailEvent | undefined> {
  const { code, out, err } = await runCli(["tail", "--once", "--json"], {
    environment: running.stack.environment,
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const events = out.split("\n").filter(Boolean).map((line) => JSON.parse(line) as TailEvent);
  const found = events.filter((event) => event.event_id === event_id && event.name === "checkout_completed");
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0];
}

/** Platforms of the purchase's deliveries in a state, sorted. */
async function platforms(order: PlacedOrder, state: string): Promise<string[]> {
  const event = await tailed(order);
  return (event?.deliveries ?? []).filter((one) => one.state === state).map((one) => one.platform).sort();
}

function allDelivered(order: PlacedOrder, ms: number): Promise<true> {
  const all = async () => (await platforms(order, "delivered")).join() === ALL.join();
  return until(all, "five delivered deliveries", ms);
}

/** How often each vendor took the purchase. GA4 knows a purchase by its transaction id, the others by the event id. */
async function acceptedCopies(order: PlacedOrder): Promise<Record<string, number>> {
  const ours = (await running.copies()).filter(({ vendor, event_id }) =>
    event_id === (vendor === "google" ? order.order_id : order.event_id)
  );
  return Object.fromEntries(ours.map(({ vendor, copies }) => [vendor, copies]));
}

const ONCE_EACH = Object.fromEntries(DEMO_VENDORS.map((vendor) => [vendor, 1]));

describe("a purchase in the demo shop", () => {
  test("reaches the five vendors once, under one event id, and tail shows its five deliveries", async () => {
    const order = await running.order();
    await allDelivered(order, 15_000);

    const sent = (await running.requests()).filter(({ events }) =>
      events.some(({ event_id }) => event_id === order.event_id || event_id === order.order_id)
    );
    expect(sent.map(({ vendor }) => vendor).sort()).toEqual(ALL);
    for (const { accepted, problems, vendor } of sent) {
      expect({ vendor, accepted, problems }).toEqual({ vendor, accepted: true, problems: [] });
    }
    expect(await acceptedCopies(order)).toEqual(ONCE_EACH);
    expect(await tailed(order)).toMatchObject({
      webhook: true,
      order_name: order.order_name,
      currency: "USD",
    });
  });

  test("waits for a vendor that fails and reaches it by itself once it is back", async () => {
    await running.fault("snapchat", { kind: "status", status: 503 });
    const order = await running.order();
    await until(
      async () => (await tailed(order))?.deliveries.some((one) => one.http_status === 503),
      "the vendor's 503 at the delivery",
    );
    const others = ALL.filter((vendor) => vendor !== "snapchat");
    await until(
      async () => (await platforms(order, "delivered")).join() === others.join(),
      "four deliveries",
    );
    expect(await platforms(order, "pending")).toEqual(["snapchat"]);

    await running.fault("snapchat", null);
    await allDelivered(order, 40_000);
    expect(await acceptedCopies(order)).toEqual(ONCE_EACH);
  });

  test("survives kill -9 of the functions between store and send", async () => {
    const { stack } = running;
    for (const vendor of DEMO_VENDORS) await running.fault(vendor, { kind: "hang" });
    const order = await running.order();
    const deliveries = () =>
      running.rows<{ platform: string; state: string; leased: boolean; attempts: number }>(
        `select d.platform, d.state, d.lease is not null as leased, d.attempts
         from trakit.deliveries d join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
         where e.event_id = $1 order by d.platform`,
        [order.event_id],
      );
    const hits = async () => (await running.requests()).filter(({ fault }) => fault === "hang").length;
    await until(
      async () => (await deliveries()).filter(({ leased }) => leased).length === 5 && await hits() === 5,
      "five sends in flight",
    );
    const before = stack.pid("functions");
    await stack.kill("functions", "SIGKILL");
    // nobody lived to settle them
    expect(await deliveries()).toEqual(
      ALL.map((platform) => ({ platform, state: "pending", leased: true, attempts: 1 })),
    );
    for (const vendor of DEMO_VENDORS) await running.fault(vendor, null);

    const health = async () => (await fetch(`${stack.urls.api}/health`)).status === 200;
    await until(health, "healthy functions");
    expect(stack.pid("functions")).not.toBe(before);
    const drained = await fetch(`${stack.urls.api}/drain`, {
      method: "POST",
      headers: { authorization: `Bearer ${stack.environment["TRAKIT_OPERATOR_KEY"]}` },
    });
    expect(drained.status).toBe(200);
    // a lease is for 30 s
    await allDelivered(order, 60_000);
    expect((await deliveries()).map(({ attempts }) => attempts)).toEqual([2, 2, 2, 2, 2]);
    expect(await acceptedCopies(order)).toEqual(ONCE_EACH);
  });
});

describe("the shop's app proxy", () => {
  const event = {
    name: "page_viewed",
    id: "0123456789abcdef0123456789abcdef",
    page: { url: "https://trakit-demo.myshopify.com/", referrer: "", title: "Home" },
    data: {},
  };
  const visitor = { visitor_id: "00112233445566778899aabbccddeeff", fbp: "fb.1.1795480000000.1234567890" };
  const consent = { analytics: true, marketing: true, preferences: true, sale_of_data: true };
  const post = (events: unknown[]) =>
    fetch(`${running.stack.urls.shop}/apps/trakit/event`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ events, visitor, consent, user_agent: "Mozilla/5.0 Test", language: "en-US" }),
    });

  test("takes browser events with 202 and says what became of each", async () => {
    const answer = await post([{ ...event, timestamp: new Date().toISOString() }]);
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({
      results: [{ event_id: event.id, name: "page_viewed", status: "accepted" }],
      visitor: { visitor_id: visitor.visitor_id, fbp: visitor.fbp },
    });
    await until(
      async () =>
        (await running.copies()).some((copy) => copy.vendor === "meta" && copy.event_id === event.id),
      "the page view at Meta",
    );
  });

  test("is the only one here whose word on an address counts: what a visitor writes passes the gateway, and is believed by nobody", async () => {
    const { TRAKIT_ENCRYPTION_KEYS: keys } = readSettings(running.stack.environment, [
      "TRAKIT_ENCRYPTION_KEYS",
    ]);
    const key = shopPublicKey(keys, "trakit-demo.myshopify.com");
    const id = "fedcba9876543210fedcba9876543210";
    const direct = await fetch(`${running.stack.urls.api}/proxy/event?key=${key}`, {
      method: "POST",
      headers: {
        "x-forwarded-for": "203.0.113.66",
        "x-real-ip": "203.0.113.67",
        "cf-connecting-ip": "203.0.113.68",
        "x-forwarded-host": "t.evil.example",
      },
      body: JSON.stringify({
        events: [{ ...event, id, timestamp: Date.now() }],
        visitor,
        consent,
        user_agent: "Mozilla/5.0 Test",
      }),
    });
    expect(direct.status).toBe(202);
    expect(direct.headers.getSetCookie()).toEqual([]);
    const clients = await running.rows(
      `select c.ip, c.user_agent from trakit.events e
       join trakit.event_clients c on c.captured_at = e.captured_at and c.event_row = e.id where e.event_id = $1`,
      [id],
    );
    expect(clients).toEqual([{ ip: null, user_agent: "Mozilla/5.0 Test" }]);
  });

  test("does not pass for the app without Shopify's signature", async () => {
    const direct = await fetch(`${running.stack.urls.api}/proxy/event`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ events: [{ ...event, timestamp: Date.now() }], consent }),
    });
    expect(direct.status).toBe(401);
  });
});

test("listens on 127.0.0.1 only", async () => {
  const reached = (host: string, port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connectSocket({ host, port });
      socket.once("error", () => resolve(false)).once("connect", () => {
        socket.destroy();
        resolve(true);
      });
    });
  const { api, sandbox, shop, database } = running.stack.urls;
  const ports = [api, sandbox, shop, database].map((url) => Number(new URL(url).port));
  // 127.0.0.2 leads to whoever listens on all addresses, and to nobody who listens on 127.0.0.1
  const others = ["127.0.0.2", "::1"].concat(
    Object.values(networkInterfaces()).flatMap((list) => list ?? []).filter((one) => !one.internal)
      .map((one) => one.scopeid ? `${one.address}%${one.scopeid}` : one.address),
  );
  for (const port of ports) {
    expect(await reached("127.0.0.1", port)).toBe(true);
    for (const host of others) expect(await reached(host, port), `${host}:${port}`).toBe(false);
  }
});

describe("a stack that was closed", () => {
  let before: PlacedOrder;
  let key: string | undefined;

  test("leaves no process and no open port", async () => {
    before = await running.order();
    await allDelivered(before, 15_000);
    const { stack } = running;
    key = stack.environment["TRAKIT_OPERATOR_KEY"];
    const pids = PROCESSES.map((name) => stack.pid(name));
    for (const pid of pids) expect(pid).toBeGreaterThan(1);
    await running.close();

    expect(PROCESSES.map((name) => stack.pid(name))).toEqual([null, null, null, null, null]);
    for (const pid of pids) {
      expect(() => process.kill(pid!, 0)).toThrow(expect.objectContaining({ code: "ESRCH" }));
    }
    for (const url of [`${stack.urls.api}/health`, stack.urls.sandbox, stack.urls.shop]) {
      await expect(fetch(url)).rejects.toThrow();
    }
    // repeating it is harmless
    await stack.close();
  });

  test("starts again on its data: the same key, the earlier purchase, tokens that still open", async () => {
    running = await testStack(data.path);
    expect(running.stack.environment["TRAKIT_OPERATOR_KEY"]).toBe(key);
    expect(await platforms(before, "delivered")).toEqual(ALL);
    const order = await running.order();
    await allDelivered(order, 15_000);
    expect(await acceptedCopies(order)).toEqual(ONCE_EACH);
  });

  test("does not start a second time while it runs", async () => {
    await expect(testStack(data.path)).rejects.toThrow(/already runs from this folder/);
    expect((await fetch(`${running.stack.urls.api}/health`)).status).toBe(200);
  });
});
