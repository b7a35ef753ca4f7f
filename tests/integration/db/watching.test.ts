/** What operators are told: alerts and figures. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { queueMetrics } from "@trakit/db/calls/queue-metrics.ts";
import { type Alert, sendAlerts } from "@trakit/pipeline/upkeep/alerts.ts";
import { backlogWorld } from "../../support/backlog.ts";
import { at, DAY, fromBrowser, fromShopify, NOON } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();
const edge = connect({ url: db.url("trakit_edge"), max: 1 });
const received: Alert[] = [];
let answer = 200;
const hook = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => body += chunk);
  request.on("end", () => {
    if (answer < 300) received.push(JSON.parse(body));
    response.writeHead(answer).end();
  });
});
let url: string;
let shop: Shop;

beforeAll(async () => {
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`;
});
afterAll(async () => {
  await edge.close();
  await new Promise((resolve) => hook.close(resolve));
});
beforeEach(async () => {
  received.length = 0;
  answer = 200;
  await db.query("postgres", "delete from trakit.deliveries");
  await db.query("postgres", "delete from trakit.lanes");
  shop = await newShop(db, { platforms: ["meta", "google"] });
});

const tell = (seconds: number, alertUrl: string | undefined = url) =>
  sendAlerts(backlogWorld(edge, "http://nowhere", { alertUrl, databaseNow: () => at(seconds) }).deps);

async function settled(platform: string, kind: string, reason: string, seconds: number) {
  const { items } = await shop.claim(platform, { now: at(seconds) });
  expect(items.length).toBeGreaterThan(0);
  await shop.settle(items, { kind, reason, lane: kind !== "delivered", delay_ms: 1_000 }, at(seconds));
}

test("a lane that opens or is held is told of once, in words and in fields, and names no person", async () => {
  await shop.ingest([fromShopify("checkout_completed", { commerce: { order_id: "1" } })], {
    slots: 0,
    now: NOON,
  });
  expect(await tell(0)).toBe(0);
  await settled("meta", "retry", "server_error", 1);
  await settled("google", "auth", "token_refused", 2);
  expect(await tell(3)).toBe(2);
  expect(received).toMatchObject([
    { kind: "lane_open", shop: shop.domain, platform: "meta", reason: "server_error", expired: 0 },
    { kind: "lane_held", shop: shop.domain, platform: "google", reason: "token_refused", expired: 0 },
  ]);
  for (const { text, shop: domain } of received) expect(text).toContain(domain);
  expect(await tell(4)).toBe(0);
  expect(await tell(DAY)).toBe(0);
});

test("a lane that comes and goes is told of every ten minutes at most", async () => {
  await shop.ingest([
    fromShopify("checkout_completed", { commerce: { order_id: "1" } }),
    fromShopify("checkout_completed", { commerce: { order_id: "2" } }),
  ], { slots: 0, now: NOON });
  await settled("meta", "retry", "server_error", 1);
  expect(await tell(2)).toBe(1);
  await settled("meta", "delivered", "accepted", 20);
  await settled("meta", "retry", "server_error", 40);
  expect(await tell(41)).toBe(0);
  expect(await tell(601)).toBe(0);
  expect(await tell(602)).toBe(1);
});

test("what the hook does not take is told again; without an address nothing is asked", async () => {
  await shop.ingest([fromShopify("checkout_completed", { commerce: { order_id: "1" } })], {
    slots: 0,
    now: NOON,
  });
  await settled("meta", "retry", "server_error", 1);
  answer = 500;
  expect(await tell(2)).toBe(0);
  expect(await tell(2, "http://127.0.0.1:1/")).toBe(0);
  answer = 200;
  expect(await tell(3)).toBe(1);
  expect(await sendAlerts(backlogWorld(edge, "http://nowhere").deps)).toBe(0);
});

test("deliveries that expire are counted and told of; a purchase without its order is not one of them", async () => {
  await shop.ingest([
    fromShopify("checkout_completed", { commerce: { order_id: "1" } }),
    fromShopify("checkout_completed", { commerce: { order_id: "2" } }),
    fromBrowser("checkout_completed"),
  ], { slots: 0, now: NOON });
  expect(await shop.expire(at(DAY + 1))).toBe(6);
  expect(await tell(DAY + 2)).toBe(2);
  expect(received.map(({ kind, expired, platform }) => ({ kind, expired, platform }))).toEqual(
    expect.arrayContaining(
      ["meta", "google"].map((platform) => ({ kind: "deliveries_expired", expired: 2, platform })),
    ),
  );
  expect(received[0]!.text).toContain("trakit replay");
  expect(await tell(DAY + 1_000)).toBe(0);
});

test("the figures: what waits by platform, the last five minutes, lanes, what expired", async () => {
  const answer = await shop.ingest([
    fromShopify("checkout_completed", { commerce: { order_id: "1" } }),
    fromBrowser("checkout_completed"),
  ], { slots: 1, now: NOON });
  await shop.settle([answer.sends[0]!], { kind: "delivered" }, at(2));
  const sent = answer.sends[0]!.destination_id === shop.lanes["meta"] ? "meta" : "google";
  const other = sent === "meta" ? "google" : "meta";
  const metrics = await queueMetrics(edge, at(60));
  expect(metrics.waiting).toEqual([
    { platform: other, pending: 2, due: 1, sending: 0, oldest_due_seconds: 60 },
    { platform: sent, pending: 1, due: 0, sending: 0, oldest_due_seconds: 0 },
  ].sort((left, right) => left.platform.localeCompare(right.platform)));
  expect(metrics.recent).toEqual(expect.arrayContaining([
    { platform: sent, state: "delivered", count: 1, latency: [2, 2] },
    { platform: other, state: "pending", count: 2, latency: null },
  ]));
  expect(metrics.lanes).toEqual([
    { platform: "google", state: "closed", count: 1 },
    { platform: "meta", state: "closed", count: 1 },
  ]);
  // beyond five minutes nothing is counted as recent
  expect((await queueMetrics(edge, at(400))).recent).toEqual([]);
});
