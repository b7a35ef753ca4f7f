import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, DAY, fromBrowser, HOUR, NOON } from "../../support/captured.ts";
import type { Lease } from "../../support/rows.ts";
import { newShop, PLATFORMS, type Shop } from "../../support/shop.ts";

const db = await testDatabase();

function views(shop: Shop, count: number, now = NOON) {
  return shop.ingest(Array.from({ length: count }, () => fromBrowser("page_viewed")), { now });
}

describe("a claim", () => {
  test("gives all that is needed to send, once", async () => {
    const shop = await newShop(db);
    const copy = fromBrowser("page_viewed", {
      page: { url: "https://shop.example/" },
      identifiers: { fbp: "fb.1" },
      client: { ip: "203.0.113.7" },
    });
    await shop.ingest([copy]);
    const claimed = await shop.claim("meta");
    expect(claimed).toMatchObject({ lane: "closed", destination: { version: 1 } });
    expect(claimed.items).toHaveLength(1);
    const { keys: _keys, ...stored } = copy;
    expect(claimed.items[0]).toMatchObject({
      attempts: 1,
      doubts: 0,
      event: { ...stored.event, occurred_at: expect.anything() },
    });
    expect(new Date(claimed.items[0]!.event["occurred_at"] as string)).toEqual(NOON);
    expect((await shop.claim("meta")).items).toEqual([]);
  });

  test("takes the longest due first, as many as asked for", async () => {
    const shop = await newShop(db);
    for (const second of [3, 1, 2]) await views(shop, 1, at(second));
    const { items } = await shop.claim("meta", { limit: 2, now: at(10) });
    expect(items.map((item) => new Date(item.captured_at)).sort((a, b) => +a - +b)).toEqual([at(1), at(2)]);
    expect((await shop.claim("meta", { limit: 5, now: at(10) })).items).toHaveLength(1);
    expect((await shop.claim("meta", { limit: 0, now: at(10) })).items).toEqual([]);
    expect((await shop.claim("meta", { limit: -1, now: at(10) })).items).toEqual([]);
  });

  test("of a lane nobody knows gives nothing", async () => {
    const rows = await db.query<{ claimed: unknown }>(
      "trakit_edge",
      "select trakit.claim_deliveries('00000000-0000-0000-0000-000000000001', 5) as claimed",
    );
    expect(rows[0]!.claimed).toEqual({ lane: "unknown", items: [] });
  });

  test("of two open transactions never gives the same delivery twice, and neither waits", async () => {
    const shop = await newShop(db);
    await views(shop, 10);
    const [one, two] = [await db.connect("trakit_edge"), await db.connect("trakit_edge")];
    await one.query("begin");
    await two.query("begin");
    const first = await shop.claim("meta", { limit: 6, on: one });
    // the first has not committed: its rows are locked, not yet leased for others to see
    const second = await shop.claim("meta", { limit: 6, on: two });
    await two.query("commit");
    await one.query("commit");
    const rows = [...first.items, ...second.items].map((item) => item.event_row);
    expect(first.items).toHaveLength(6);
    expect(second.items).toHaveLength(4);
    expect(new Set(rows).size).toBe(10);
  });

  test("by twenty claimers at once gives every delivery to exactly one", async () => {
    const shop = await newShop(db);
    await views(shop, 100);
    const connections = await Promise.all(Array.from({ length: 20 }, () => db.connect("trakit_edge")));
    const all = await Promise.all(connections.map((on) => shop.claim("meta", { limit: 7, on })));
    await Promise.all(connections.map((on) => on.end()));
    const rows = all.flatMap((claimed) => claimed.items.map((item) => item.event_row));
    expect(new Set(rows).size).toBe(rows.length);
    expect(rows.length + (await shop.claim("meta", { limit: 100 })).items.length).toBe(100);
  });

  test("looks back eight days and no further", async () => {
    const shop = await newShop(db, { platforms: [], tokenless: ["meta"] });
    await views(shop, 1);
    await shop.set("meta", { now: at(6 * DAY) });
    expect((await shop.claim("meta", { now: at(9 * DAY) })).items).toEqual([]);
    expect((await shop.claim("meta", { now: at(6 * DAY) })).items).toHaveLength(1);
  });
});

describe("a lease", () => {
  test("that runs out is a doubt: the next claimer is told", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    const [mine] = (await shop.claim("meta", { seconds: 30 })).items;
    expect((await shop.claim("meta", { now: at(29) })).items).toEqual([]);
    const [theirs] = (await shop.claim("meta", { now: at(30) })).items;
    expect(theirs).toMatchObject({ attempts: 2, doubts: 1 });
    expect(theirs!.lease).not.toBe(mine!.lease);
    const [third] = (await shop.claim("meta", { now: at(60) })).items;
    expect(third).toMatchObject({ attempts: 3, doubts: 2 });
  });

  test("taken by ingest runs out the same way", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("page_viewed")], { slots: 1 });
    expect((await shop.claim("meta", { now: at(29) })).items).toEqual([]);
    expect((await shop.claim("meta", { now: at(30) })).items[0]).toMatchObject({ attempts: 2, doubts: 1 });
  });

  test("a late delivered is believed whoever holds the lease now", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    const first = (await shop.claim("meta")).items;
    await shop.claim("meta", { now: at(30) });
    expect(await shop.settle(first, { kind: "delivered", reason: "accepted" }, at(31))).toEqual({
      settled: 1,
      late: 0,
    });
    expect(await shop.delivery()).toMatchObject({
      state: "delivered",
      reason: "accepted",
      settled_at: at(31),
      lease: null,
    });
  });

  test("a late delivered corrects a delivery that was given up", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    const first = (await shop.claim("meta")).items;
    await shop.expire(at(25 * HOUR));
    expect(await shop.delivery()).toMatchObject({ state: "failed", reason: "expired" });
    expect(await shop.settle(first, { kind: "delivered" }, at(25 * HOUR))).toEqual({ settled: 1, late: 0 });
    expect(await shop.delivery()).toMatchObject({ state: "delivered" });
  });

  test.each(["retry", "permanent", "auth", "in_doubt", "skipped", "released"])(
    "a late %s changes nothing, neither the delivery nor its lane",
    async (kind) => {
      const shop = await newShop(db);
      await views(shop, 1);
      const first = (await shop.claim("meta")).items;
      await shop.claim("meta", { now: at(30) });
      const before = [await shop.delivery(), await shop.lane()];
      expect(await shop.settle(first, { kind, lane: true, delay_ms: 1_000 }, at(31))).toEqual({
        settled: 0,
        late: 1,
      });
      expect([await shop.delivery(), await shop.lane()]).toEqual(before);
    },
  );

  test.each(["retry", "permanent", "auth", "in_doubt", "skipped", "released", "delivered"])(
    "a word of kind %s on a delivered one changes nothing",
    async (kind) => {
      const shop = await newShop(db);
      await views(shop, 1);
      const items = (await shop.claim("meta")).items;
      await shop.settle(items, { kind: "delivered" }, at(1));
      const before = [await shop.delivery(), await shop.lane()];
      expect(await shop.settle(items, { kind, lane: true, delay_ms: 1_000 }, at(2))).toEqual({
        settled: 0,
        late: 1,
      });
      expect([await shop.delivery(), await shop.lane()]).toEqual(before);
    },
  );

  test("of another shop cannot be settled", async () => {
    const [one, two] = [await newShop(db), await newShop(db)];
    await views(one, 1);
    const { items } = await one.claim("meta");
    expect(await two.settle(items, { kind: "permanent" })).toEqual({ settled: 0, late: 1 });
    expect((await one.delivery()).state).toBe("pending");
  });
});

describe("what became of a send", () => {
  test.each([
    ["delivered", "delivered"],
    ["permanent", "failed"],
    ["skipped", "skipped"],
  ])("%s ends it as %s", async (kind, state) => {
    const shop = await newShop(db);
    await views(shop, 1);
    const { items } = await shop.claim("meta");
    await shop.settle(items, { kind, reason: "words", detail: "x".repeat(900), status: 200 }, at(2));
    const row = await shop.delivery();
    expect(row).toMatchObject({
      state,
      reason: "words",
      settled_at: at(2),
      next_attempt_at: null,
      lease: null,
      http_status: 200,
    });
    expect((row as unknown as { detail: string }).detail).toHaveLength(500);
  });

  test.each(["retry", "in_doubt"])("%s makes it due again after the delay", async (kind) => {
    const shop = await newShop(db);
    await views(shop, 1);
    await shop.settle((await shop.claim("meta")).items, { kind, delay_ms: 15_000 }, at(2));
    expect(await shop.delivery()).toMatchObject({
      state: "pending",
      reason: kind,
      next_attempt_at: at(17),
      lease: null,
      doubts: kind === "in_doubt" ? 1 : 0,
      lane_failure: false,
    });
    expect((await shop.claim("meta", { now: at(16) })).items).toEqual([]);
    expect((await shop.claim("meta", { now: at(17) })).items).toHaveLength(1);
  });

  test.each(["retry", "in_doubt"])(
    "%s past the end of its time fails it with the vendor's reason",
    async (kind) => {
      const shop = await newShop(db);
      await views(shop, 1);
      const late = at(24 * HOUR - 10);
      const { items } = await shop.claim("meta", { now: late });
      await shop.settle(items, { kind, reason: "server_error", delay_ms: 60_000 }, late);
      expect(await shop.delivery()).toMatchObject({
        state: "failed",
        reason: "server_error",
        settled_at: late,
      });
    },
  );

  test("a retry without a delay waits ten seconds rather than losing the whole settlement", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    await shop.settle((await shop.claim("meta")).items, { kind: "retry", delay_ms: null });
    expect(await shop.delivery()).toMatchObject({ state: "pending", next_attempt_at: at(10) });
  });

  test("released takes the attempt back and makes it due at once", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    await shop.settle((await shop.claim("meta")).items, { kind: "released" }, at(1));
    expect(await shop.delivery()).toMatchObject({
      state: "pending",
      attempts: 0,
      doubts: 0,
      next_attempt_at: at(1),
    });
    await shop.claim("meta", { now: at(1) });
    const again = (await shop.claim("meta", { now: at(31) })).items;
    expect(again[0]).toMatchObject({ attempts: 2, doubts: 1 });
    await shop.settle(again, { kind: "released" }, at(32));
    expect(await shop.delivery()).toMatchObject({ attempts: 1, doubts: 1 });
  });

  test("each delivery of a call gets its own", async () => {
    const shop = await newShop(db, { platforms: PLATFORMS });
    const { sends } = await shop.ingest([fromBrowser("page_viewed")], { slots: 5 });
    const kinds = ["delivered", "permanent", "skipped", "retry", "released"];
    const outcomes = sends.map((send, index) => ({
      ...send,
      kind: kinds[index],
      reason: kinds[index],
      delay_ms: 1_000,
      lane: false,
    }));
    const [row] = await db.query<{ result: unknown }>(
      "trakit_edge",
      "select trakit.settle_deliveries($1, $2, $3) as result",
      [shop.id, JSON.stringify(outcomes), at(1)],
    );
    expect(row!.result).toEqual({ settled: 5, late: 0 });
    const byLane = new Map((await shop.deliveries()).map((one) => [one.destination_id, one]));
    expect(sends.map((send) => byLane.get(send.destination_id)!.state))
      .toEqual(["delivered", "failed", "skipped", "pending", "pending"]);
  });

  test("many at once, of three days and all kinds, do what each alone does", async () => {
    const kinds = ["delivered", "permanent", "skipped", "retry", "in_doubt", "auth", "released"];
    const ends: unknown[] = [];
    for (const together of [true, false]) {
      const shop = await newShop(db);
      const leases: Lease[] = [];
      for (const day of [0, 1, 2]) {
        for (const second of [0, 1]) await views(shop, 30, at((day - 2) * DAY + second));
        leases.push(
          ...(await shop.claim("meta", { now: at((day - 2) * DAY + 2), limit: 100, seconds: 3 * DAY })).items,
        );
      }
      expect(leases).toHaveLength(180);
      const outcomes = leases.map((lease, index) => ({
        ...lease,
        // a lease of somebody else's, now and then
        lease: index % 10 === 9 ? shop.id : lease.lease,
        kind: kinds[index % kinds.length],
        reason: `reason ${index}`,
        detail: index % 3 === 0 ? `detail ${index}` : null,
        status: 200 + index,
        delay_ms: index * 1_000,
        lane: false,
        request_ms: index,
        match_score: index % 4 === 0 ? 5.5 : null,
        match_keys: index % 4 === 0 ? ["email"] : null,
      }));
      let [settled, late] = [0, 0];
      for (const part of together ? [outcomes] : outcomes.map((one) => [one])) {
        const [row] = await db.query<{ result: { settled: number; late: number } }>(
          "trakit_edge",
          "select trakit.settle_deliveries($1, $2, $3) as result",
          [shop.id, JSON.stringify(part), at(10)],
        );
        settled += row!.result.settled;
        late += row!.result.late;
      }
      const order = new Map(leases.map((lease, index) => [lease.event_row, index]));
      const rows = (await shop.deliveries()).map((row) => {
        const { event_row, destination_id: _, shop_id: __, lease, ...rest } = row as typeof row & {
          shop_id: string;
        };
        return { ...rest, index: order.get(Number(event_row)), leased: lease !== null };
      }).sort((left, right) => left.index! - right.index!);
      ends.push({ settled, late, rows, lane: (await shop.lane()).state });
    }
    expect(ends[0]).toEqual(ends[1]);
    // of the 18 with somebody else's lease two say delivered, and are believed
    expect(ends[0]).toMatchObject({ settled: 164, late: 16, lane: "held" });
  });

  test.each(["delivered", "retry", "in_doubt", "permanent", "auth", "skipped", "released"])(
    "said twice, changes nothing the second time: %s",
    async (kind) => {
      const shop = await newShop(db);
      await views(shop, 3);
      const { items } = await shop.claim("meta");
      const outcome = { kind, lane: kind !== "delivered", delay_ms: 60_000, match_keys: ["email"] };
      expect(await shop.settle(items, outcome, at(10))).toMatchObject({ settled: 3, late: 0 });
      const once = [await shop.deliveries(), await shop.lane()];
      expect(await shop.settle(items, outcome, at(12))).toMatchObject({ settled: 0, late: 3 });
      expect([await shop.deliveries(), await shop.lane()]).toEqual(once);
    },
  );

  test("a kind nobody knows is refused whole", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    const { items } = await shop.claim("meta");
    await expect(shop.settle(items, { kind: "perhaps" })).rejects.toMatchObject({ code: "22023" });
    expect(await shop.delivery()).toMatchObject({ state: "pending", lease: items[0]!.lease });
  });
});

describe("what is past its time", () => {
  test("fails as expired, unless it is being sent right now", async () => {
    const shop = await newShop(db);
    await views(shop, 2);
    const end = at(24 * HOUR);
    const { items } = await shop.claim("meta", { limit: 1, now: at(24 * HOUR - 5) });
    await shop.expire(end);
    expect((await shop.deliveries()).map((row) => row.state).sort()).toEqual(["failed", "pending"]);
    expect((await shop.claim("meta", { now: end })).items).toEqual([]);
    expect(await shop.settle(items, { kind: "delivered" }, at(24 * HOUR + 1))).toEqual({
      settled: 1,
      late: 0,
    });
    expect((await shop.deliveries()).map((row) => row.state).sort()).toEqual(["delivered", "failed"]);
  });

  test("is ended in bounded pieces, oldest due first", async () => {
    const shop = await newShop(db);
    await views(shop, 5);
    const [row] = await db.query<{ n: number }>(
      "trakit_edge",
      "select trakit.expire_deliveries(3, $1) as n",
      [at(25 * HOUR)],
    );
    expect(row!.n).toBe(3);
    expect(await shop.expire(at(25 * HOUR))).toBe(2);
  });
});

test("queue_totals counts what waits and how late it is", async () => {
  // other tests of this file leave their own: the difference is this one's
  const totals = async (now: Date) =>
    (await db.query<{ t: { pending: number; due: number; oldest_due_seconds: number } }>(
      "trakit_edge",
      "select trakit.queue_totals($1) as t",
      [now],
    ))[0]!.t;
  const now = at(2 * DAY);
  const before = await totals(now);
  const shop = await newShop(db);
  await views(shop, 3, at(2 * DAY - 20));
  await shop.ingest([fromBrowser("checkout_completed")], { now: at(2 * DAY - 20) });
  const after = await totals(now);
  expect({ pending: after.pending - before.pending, due: after.due - before.due }).toEqual({
    pending: 4,
    due: 3,
  });
  expect(after.oldest_due_seconds).toBeGreaterThanOrEqual(20);
});
