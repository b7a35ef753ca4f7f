import fc from "fast-check";
import { expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, fromBrowser, fromShopify, NOON } from "../../support/captured.ts";
import type { Lease } from "../../support/rows.ts";
import { newShop } from "../../support/shop.ts";
import {
  claimable,
  claimDelivery,
  claimLimit,
  DAY_SECONDS,
  expire,
  givenUpAt,
  lease_,
  type ModelDelivery,
  type ModelLane,
  replaceToken,
  replay,
  secondCopy,
  settle,
  type Word,
} from "../../support/delivery-model.ts";

const db = await testDatabase();

type Step =
  | { do: "capture"; order: number; source: "browser" | "shopify"; slots: number }
  | { do: "claim"; lane: number; limit: number }
  | { do: "settle"; pick: number; word: Word }
  | { do: "wait"; seconds: number }
  | { do: "expire" }
  | { do: "token"; lane: number }
  | { do: "replay"; states: string[]; force: boolean };

const word: fc.Arbitrary<Word> = fc.record({
  kind: fc.constantFrom("delivered", "retry", "permanent", "auth", "in_doubt", "skipped", "released"),
  lane: fc.boolean(),
  delay: fc.constantFrom(1, 15, 600, 3_600, 90_000),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("capture" as const),
      order: fc.nat(2),
      source: fc.constantFrom("browser", "shopify"),
      slots: fc.nat(3),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("claim" as const), lane: fc.nat(1), limit: fc.nat(3) }),
  },
  // a lease of any time: the one that runs, one that ran out, one whose delivery has ended
  { weight: 5, arbitrary: fc.record({ do: fc.constant("settle" as const), pick: fc.nat(30), word }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      seconds: fc.constantFrom(1, 10, 30, 61, 600, 3_600, 43_200, DAY_SECONDS, 2 * DAY_SECONDS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("token" as const), lane: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("replay" as const),
      states: fc.constantFrom<string[]>(["failed"], ["failed", "delivered"]),
      force: fc.boolean(),
    }),
  },
);

const PLATFORMS = ["meta", "google"] as const;

/** Rows as JSON has them. */
interface Row {
  event_row: number;
  destination_id: string;
  state: string;
  reason: string | null;
  waits_for: string | null;
  attempts: number;
  doubts: number;
  next_attempt_at: string | null;
  retry_until: string;
  lease: string | null;
  lane_failure: boolean;
}

interface LaneRow {
  state: string;
  probe_at: string | null;
  probe_seconds: number | null;
  flush_before: string | null;
}

/** Model and database side by side. Every step moves both; `compare` finds the first difference. */
async function start() {
  const shop = await newShop(db, { platforms: [...PLATFORMS] });
  const lanes: ModelLane[] = PLATFORMS.map((platform) => ({
    platform,
    destination: shop.lanes[platform]!,
    maxAge: (platform === "google" ? 3 : 7) * DAY_SECONDS,
    state: "closed",
    probeAt: null,
    probeSeconds: null,
    flushBefore: null,
    releasedAt: null,
    tokenAt: -DAY_SECONDS,
  }));
  const all: ModelDelivery[] = [];
  const copies = new Map<number, Set<string>>();
  const leases: { lease: Lease; delivery: ModelDelivery }[] = [];
  const rows = new Map<string, ModelDelivery>();
  let now = 0;

  /** A lease is given: nobody else may hold one that still runs. */
  function given(lease: Lease, delivery: ModelDelivery) {
    expect(delivery.lease !== null && delivery.due! > now, "two live leases on one delivery").toBe(false);
    leases.push({ lease, delivery });
  }

  const key = (lease: { event_row: number | string; destination_id: string }) =>
    `${lease.event_row}/${lease.destination_id}`;

  async function capture(order: number, source: "browser" | "shopify", slots: number) {
    const options = { event_id: String(order).repeat(32), commerce: { order_id: String(order) } };
    const copy = source === "browser"
      ? fromBrowser("checkout_completed", options)
      : fromShopify("checkout_completed", options);
    const answer = await shop.ingest([copy], { now: at(now), slots });
    const seen = copies.get(order) ?? new Set();
    const status = seen.has(source) ? "duplicate" : seen.size > 0 ? "merged" : "accepted";
    expect(answer.results[0]!.status).toBe(status);
    if (status === "duplicate") {
      expect(answer.sends).toEqual([]);
      return;
    }
    copies.set(order, seen.add(source));
    if (status === "accepted") {
      const waits = source === "browser";
      for (const lane of lanes) {
        all.push({
          order,
          lane,
          capturedAt: now,
          state: "pending",
          reason: null,
          waits,
          attempts: 0,
          doubts: 0,
          due: waits ? now + DAY_SECONDS : now,
          retryUntil: now + DAY_SECONDS,
          lease: null,
          attemptedAt: null,
          laneFailure: false,
        });
      }
      for (const row of await shop.deliveries()) {
        const known = all.find((one) => one.order === order && one.lane.destination === row.destination_id);
        if (known && !rows.has(key(row))) rows.set(key(row), known);
      }
    } else {
      for (const one of all.filter((one) => one.order === order)) secondCopy(one, now);
    }
    const sendable = all.filter((one) =>
      one.order === order && one.state === "pending" && !one.waits && one.lease === null && one.due! <= now &&
      one.lane.state === "closed"
    );
    expect(answer.sends).toHaveLength(Math.min(slots, sendable.length));
    for (const lease of answer.sends) {
      const delivery = rows.get(key(lease))!;
      expect(sendable).toContain(delivery);
      given(lease, delivery);
      lease_(delivery, lease.lease, now);
    }
  }

  async function claim(lane: ModelLane, limit: number) {
    const claimed = await shop.claim(lane.platform, { limit, now: at(now) });
    const eligible = claimable(all, lane, now);
    const most = claimLimit(lane, limit, now);
    expect(claimed.items).toHaveLength(Math.min(most, most === 0 ? 0 : eligible.length));
    for (const item of claimed.items) {
      const delivery = rows.get(key(item))!;
      expect(eligible).toContain(delivery);
      given(item, delivery);
      claimDelivery(delivery, item.lease, now);
      expect([item.attempts, item.doubts]).toEqual([delivery.attempts, delivery.doubts]);
    }
  }

  async function compare() {
    const seconds = (date: string | null) =>
      date === null ? null : (Date.parse(date) - NOON.getTime()) / 1_000;
    const [both] = await db.query<{ deliveries: Row[]; lanes: (LaneRow & { destination_id: string })[] }>(
      "postgres",
      `select (select coalesce(jsonb_agg(d), '[]') from trakit.deliveries d where d.shop_id = $1 and d.captured_at >= $2) as deliveries,
         (select jsonb_agg(l) from trakit.lanes l where l.shop_id = $1) as lanes`,
      [shop.id, NOON],
    );
    const found = new Map(both!.deliveries.map((row) => [key(row), row]));
    expect(found.size).toBe(all.length);
    for (const [name, one] of rows) {
      const row = found.get(name)!;
      expect({
        state: row.state,
        reason: row.reason,
        waits: row.waits_for !== null,
        attempts: row.attempts,
        doubts: row.doubts,
        due: seconds(row.next_attempt_at),
        retryUntil: seconds(row.retry_until),
        lease: row.lease,
        laneFailure: row.lane_failure,
      }).toEqual({
        state: one.state,
        reason: one.reason,
        waits: one.waits,
        attempts: one.attempts,
        doubts: one.doubts,
        due: one.due,
        retryUntil: one.retryUntil,
        lease: one.lease,
        laneFailure: one.laneFailure,
      });
      expect(row.attempts).toBeGreaterThanOrEqual(row.doubts);
    }
    for (const lane of lanes) {
      const row = both!.lanes.find((one) => one.destination_id === lane.destination)!;
      expect({
        state: row.state,
        probeAt: seconds(row.probe_at),
        probeSeconds: row.probe_seconds,
        flushBefore: seconds(row.flush_before),
      }).toEqual({
        state: lane.state,
        probeAt: lane.probeAt,
        probeSeconds: lane.probeSeconds,
        flushBefore: lane.flushBefore,
      });
    }
  }

  return {
    all,
    async run(one: Step) {
      const ended = all.filter((delivery) => delivery.state !== "pending").map((delivery) => ({
        delivery,
        state: delivery.state,
      }));
      if (one.do === "capture") await capture(one.order, one.source, one.slots);
      else if (one.do === "claim") await claim(lanes[one.lane]!, one.limit);
      else if (one.do === "wait") now += one.seconds;
      else if (one.do === "expire") {
        expire(all, now);
        // of every shop in the database, those a failed run left behind too: how many is not this run's to say
        await shop.expire(at(now));
      } else if (one.do === "token") {
        replaceToken(lanes[one.lane]!, now);
        await shop.set(lanes[one.lane]!.platform, { now: at(now) });
      } else if (one.do === "replay") {
        const expected = replay(all, one.states, one.force, now);
        const [row] = await db.query<{ answer: { replayed: number; refused: Record<string, number> } }>(
          "trakit_worker",
          "select api.replay($1, $2, $3, null, $4, $5, false, $6) as answer",
          [shop.domain, at(-3_600), at(now + 1), one.states, one.force, at(now)],
        );
        expect(row!.answer).toMatchObject(expected);
        expect(row!.answer.refused).toEqual(expected.refused);
      } else if (leases.length > 0) {
        const { lease, delivery } = leases[leases.length - 1 - (one.pick % leases.length)]!;
        const done = settle(delivery, lease.lease, one.word, now);
        expect(
          await shop.settle([lease], {
            kind: one.word.kind,
            lane: one.word.lane,
            delay_ms: one.word.delay * 1_000,
          }, at(now)),
        ).toEqual(done ? { settled: 1, late: 0 } : { settled: 0, late: 1 });
      }
      await compare();
      for (const { delivery, state } of ended) {
        // an order that came after its 24 hours is an order
        const revived = state === "skipped" && delivery.state === "pending" && one.do === "capture" &&
          one.source === "shopify";
        const corrected = state === "failed" && delivery.state === "delivered" && one.do === "settle" &&
          one.word.kind === "delivered";
        const again = state === "failed" && delivery.state === "pending" && one.do === "replay";
        expect(
          delivery.state === state || corrected || revived || again,
          `${state} became ${delivery.state} by ${one.do}`,
        ).toBe(
          true,
        );
      }
    },
    /** Whatever happened: past every age limit nothing is pending, and every end has its reason. */
    async finish() {
      now += 9 * DAY_SECONDS;
      expire(all, now);
      await shop.expire(at(now));
      await compare();
      for (const delivery of all) {
        expect(delivery.state).not.toBe("pending");
        expect(delivery.reason).not.toBeNull();
        expect(givenUpAt(delivery)).toBeLessThanOrEqual(now);
      }
    },
  };
}

test(
  "any sequence of captures, claims, crashes, words early and late, replays, new tokens and time moves deliveries as drawn",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), async (steps) => {
        const world = await start();
        let seconds = 0;
        for (const one of steps) {
          // partitions reach twenty days ahead, and a run ends with nine
          if (one.do === "wait") seconds += one.seconds;
          if (seconds > 10 * DAY_SECONDS) break;
          await world.run(one);
        }
        await world.finish();
      }),
      { numRuns: 60 },
    );
  },
);
