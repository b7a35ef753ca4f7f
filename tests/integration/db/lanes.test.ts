import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, DAY, fromBrowser, HOUR, NOON } from "../../support/captured.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();

const DOWN = { kind: "retry", reason: "server_error", lane: true, delay_ms: 3_600_000 };

function views(shop: Shop, count: number, now = NOON) {
  return shop.ingest(Array.from({ length: count }, () => fromBrowser("page_viewed")), { now });
}

/** A lane with `waiting` deliveries that failed with it at `NOON`, opened by that. */
async function troubled(waiting = 3): Promise<Shop> {
  const shop = await newShop(db);
  await views(shop, waiting);
  await shop.settle((await shop.claim("meta")).items, DOWN);
  return shop;
}

describe("an open lane", () => {
  test("opens on a failure that is not the event's, and not on the event's own", async () => {
    const shop = await newShop(db);
    await views(shop, 2);
    const [one, two] = (await shop.claim("meta")).items;
    await shop.settle([one!], { kind: "retry", reason: "throttled_event", delay_ms: 1_000 });
    expect(await shop.lane()).toMatchObject({ state: "closed", reason: null });
    await shop.settle([two!], DOWN);
    expect(await shop.lane()).toMatchObject({
      state: "open",
      reason: "server_error",
      probe_at: at(10),
      probe_seconds: 10,
    });
  });

  test("does not open where something of the same call was delivered", async () => {
    const shop = await newShop(db);
    await views(shop, 2);
    const [one, two] = (await shop.claim("meta")).items;
    const outcomes = [{ ...one, kind: "delivered", reason: "accepted", lane: false }, { ...two, ...DOWN }];
    await db.query("trakit_edge", "select trakit.settle_deliveries($1, $2, $3)", [
      shop.id,
      JSON.stringify(outcomes),
      NOON,
    ]);
    expect((await shop.lane()).state).toBe("closed");
  });

  test("lets nothing through at capture", async () => {
    const shop = await troubled();
    expect((await shop.ingest([fromBrowser("page_viewed")], { slots: 5, now: at(1) })).sends).toEqual([]);
  });

  test("probes with one delivery at a time, 10 s growing to 60 s", async () => {
    const shop = await troubled();
    const probes: number[] = [];
    for (let second = 0; second <= 400; second += 5) {
      const { items } = await shop.claim("meta", { now: at(second) });
      expect(items.length).toBeLessThanOrEqual(1);
      if (items.length === 0) continue;
      probes.push(second);
      await shop.settle(items, DOWN, at(second + 1));
    }
    expect(probes).toEqual([10, 20, 40, 80, 140, 200, 260, 320, 380]);
    expect(await shop.lane()).toMatchObject({ state: "open", probe_seconds: 60 });
  });

  test("gives its probe to one of two claimers", async () => {
    const shop = await troubled();
    const [one, two] = [await db.connect("trakit_edge"), await db.connect("trakit_edge")];
    const both = await Promise.all([one, two].map((on) => shop.claim("meta", { now: at(10), on })));
    expect(both.map((claimed) => claimed.items.length).sort()).toEqual([0, 1]);
  });

  test("is due when its probe is, and only while something waits", async () => {
    const shop = await troubled(1);
    expect(await shop.due("meta", at(9))).toBe(false);
    expect(await shop.due("meta", at(10))).toBe(true);
    const probe = (await shop.claim("meta", { now: at(10) })).items;
    expect(await shop.due("meta", at(15))).toBe(false);
    await shop.settle(probe, { kind: "permanent" }, at(15));
    expect(await shop.due("meta", at(60))).toBe(false);
  });

  test("closes on the first success, and the whole backlog is due at once whatever its back-off", async () => {
    const shop = await troubled(5);
    const probe = (await shop.claim("meta", { now: at(10) })).items;
    expect(probe).toHaveLength(1);
    await shop.settle(probe, { kind: "delivered" }, at(11));
    expect(await shop.lane()).toMatchObject({
      state: "closed",
      reason: null,
      probe_at: null,
      probe_seconds: null,
      flush_before: at(11),
    });
    expect(await shop.due("meta", at(11))).toBe(true);
    const claimed = await shop.claim("meta", { now: at(11) });
    expect(claimed.items).toHaveLength(4);
    expect(new Date(claimed.flush_before!)).toEqual(at(11));
  });

  test("after closing leaves an event's own back-off alone", async () => {
    const shop = await newShop(db);
    await views(shop, 2);
    const [own, lanes] = (await shop.claim("meta")).items;
    await shop.settle([own!], { kind: "retry", reason: "event_throttled", delay_ms: 600_000 });
    await shop.settle([lanes!], DOWN);
    await shop.settle((await shop.claim("meta", { now: at(10) })).items, { kind: "delivered" }, at(11));
    expect((await shop.claim("meta", { now: at(11) })).items).toEqual([]);
    expect((await shop.claim("meta", { now: at(600) })).items).toHaveLength(1);
  });

  test("a flush is tried once: what fails again waits for its own time", async () => {
    const shop = await troubled(3);
    await shop.settle((await shop.claim("meta", { now: at(10) })).items, { kind: "delivered" }, at(11));
    const backlog = (await shop.claim("meta", { now: at(12) })).items;
    expect(backlog).toHaveLength(2);
    await shop.settle(backlog, { ...DOWN, lane: false, delay_ms: 300_000 }, at(13));
    expect((await shop.claim("meta", { now: at(14) })).items).toEqual([]);
  });

  test("end_flush ends the flush the caller saw and no later one", async () => {
    const shop = await troubled(1);
    await shop.settle((await shop.claim("meta", { now: at(10) })).items, { kind: "delivered" }, at(11));
    const end = (moment: Date) =>
      db.query("trakit_edge", "select trakit.end_flush($1, $2)", [shop.lanes["meta"], moment]);
    await end(at(10));
    expect((await shop.lane()).flush_before).toEqual(at(11));
    await end(at(11));
    expect((await shop.lane()).flush_before).toBeNull();
    expect(await shop.due("meta", at(12))).toBe(false);
  });
});

describe("a held lane", () => {
  test("is held by a refused token: nothing is claimed, nothing is lost", async () => {
    const shop = await newShop(db);
    await views(shop, 3);
    const [one] = (await shop.claim("meta", { limit: 1 })).items;
    await shop.settle([one!], { kind: "auth", reason: "token_refused", lane: true });
    expect(await shop.lane()).toMatchObject({ state: "held", reason: "token_refused", probe_at: null });
    for (const now of [at(1), at(HOUR), at(23 * HOUR)]) {
      expect((await shop.claim("meta", { now })).items).toEqual([]);
      expect(await shop.due("meta", now)).toBe(false);
    }
    expect((await shop.ingest([fromBrowser("page_viewed")], { slots: 5, now: at(1) })).sends).toEqual([]);
  });

  test("keeps its deliveries past 24 hours, until the vendor would not take them", async () => {
    const shop = await newShop(db, { platforms: [], tokenless: ["google"] });
    await views(shop, 1);
    await shop.expire(at(3 * DAY - 1));
    expect((await shop.delivery("google")).state).toBe("pending");
    await shop.expire(at(3 * DAY));
    expect(await shop.delivery("google")).toMatchObject({ state: "failed", reason: "expired" });
  });

  test("a new token releases it: all that waited goes out, though its 24 hours are over, and no row was rewritten", async () => {
    const shop = await newShop(db);
    await views(shop, 3);
    const [one] = (await shop.claim("meta", { limit: 1 })).items;
    await shop.settle([one!], { kind: "auth", reason: "token_refused", lane: true });
    const before = await shop.deliveries();

    const released = at(30 * HOUR);
    await shop.set("meta", { now: released });
    expect(await shop.lane()).toMatchObject({ state: "closed", reason: null, flush_before: released });
    expect(await shop.deliveries()).toEqual(before);

    await shop.expire(at(30 * HOUR + 60));
    expect(await shop.due("meta", at(30 * HOUR + 60))).toBe(true);
    const { items } = await shop.claim("meta", { now: at(30 * HOUR + 60) });
    expect(items).toHaveLength(3);
    // and a hiccup then is retried, not the end
    await shop.settle(items, { kind: "retry", delay_ms: 60_000 }, at(30 * HOUR + 61));
    expect((await shop.deliveries()).map((row) => row.state)).toEqual(["pending", "pending", "pending"]);
  });

  test("is due for as long as its backlog waits, worker or not", async () => {
    const shop = await newShop(db, { platforms: [], tokenless: ["meta"] });
    await views(shop, 1);
    await shop.set("meta", { now: at(30 * HOUR) });
    expect(await shop.due("meta", at(40 * HOUR))).toBe(true);
    await shop.expire(at(40 * HOUR));
    expect((await shop.claim("meta", { now: at(40 * HOUR) })).items).toHaveLength(1);
  });

  test("what waited through a hold is given up 24 hours after it, never past the vendor's age", async () => {
    const shop = await newShop(db, { platforms: [], tokenless: ["meta", "google"] });
    await views(shop, 1);
    for (const platform of ["meta", "google"]) await shop.set(platform, { now: at(60 * HOUR) });
    await shop.expire(at(72 * HOUR - 1));
    expect((await shop.deliveries()).map((row) => row.state)).toEqual(["pending", "pending"]);
    await shop.expire(at(72 * HOUR));
    expect((await shop.deliveries()).map((row) => [row.platform, row.state])).toEqual([["google", "failed"], [
      "meta",
      "pending",
    ]]);
    await shop.expire(at(84 * HOUR));
    expect(await shop.delivery("meta")).toMatchObject({ state: "failed", reason: "expired" });
  });

  test("a second refused token holds it again and loses nothing", async () => {
    const shop = await newShop(db, { platforms: [], tokenless: ["meta"] });
    await views(shop, 2);
    await shop.set("meta", { now: at(30 * HOUR) });
    const [one] = (await shop.claim("meta", { limit: 1, now: at(30 * HOUR) })).items;
    await shop.settle([one!], { kind: "auth", reason: "token_refused", lane: true }, at(30 * HOUR + 1));
    await shop.expire(at(100 * HOUR));
    await shop.set("meta", { now: at(100 * HOUR) });
    expect((await shop.claim("meta", { now: at(100 * HOUR) })).items).toHaveLength(2);
  });

  test("a change other than the token releases it too: one delivery asks the platform, what waited follows", async () => {
    const shop = await newShop(db);
    await views(shop, 3);
    const [one] = (await shop.claim("meta", { limit: 1 })).items;
    await shop.settle([one!], { kind: "auth", reason: "account_not_found", lane: true });
    const corrected = at(30 * HOUR);
    await shop.set("meta", { token: null, now: corrected });
    expect(await shop.lane()).toMatchObject({
      state: "open",
      reason: "account_not_found",
      probe_at: corrected,
      released_at: corrected,
    });
    expect(await shop.due("meta", corrected)).toBe(true);
    const probe = (await shop.claim("meta", { now: corrected })).items;
    expect(probe).toHaveLength(1);
    expect((await shop.claim("meta", { now: corrected })).items).toEqual([]);
    await shop.settle(probe, { kind: "delivered" }, at(30 * HOUR + 1));
    expect((await shop.lane()).state).toBe("closed");
    expect((await shop.claim("meta", { now: at(30 * HOUR + 1) })).items).toHaveLength(2);
  });

  test("a change that cures nothing costs one request, and the operator is not told twice", async () => {
    const shop = await newShop(db);
    await views(shop, 3);
    await shop.settle((await shop.claim("meta", { limit: 1 })).items, {
      kind: "auth",
      reason: "app_secret_proof_refused",
      lane: true,
    });
    const told = async (now: Date) => {
      const [row] = await db.query<{ lanes: { lane: string; in_trouble: boolean }[] }>(
        "trakit_edge",
        "select trakit.pending_alerts(500, $1) as lanes",
        [now],
      );
      const lanes = row!.lanes.filter((one) => one.lane === shop.lanes["meta"]);
      await db.query("trakit_edge", "select trakit.settle_alerts($1, $2)", [JSON.stringify(lanes), now]);
      return lanes.length;
    };
    expect(await told(at(1))).toBe(1);
    await shop.set("meta", { token: null, now: at(HOUR) });
    expect(await told(at(HOUR))).toBe(0);
    const probe = (await shop.claim("meta", { now: at(HOUR) })).items;
    expect(probe).toHaveLength(1);
    await shop.settle(probe, { kind: "auth", reason: "app_secret_proof_refused", lane: true }, at(HOUR + 1));
    expect((await shop.lane()).state).toBe("held");
    expect((await shop.claim("meta", { now: at(HOUR + 60) })).items).toEqual([]);
  });

  test("is not held again by a send that still went to the old account", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    const { items } = await shop.claim("meta");
    await shop.set("meta", { token: null, now: at(5) });
    await shop.settle(items, { kind: "auth", reason: "account_not_found", lane: true }, at(6));
    expect((await shop.lane()).state).toBe("closed");
    expect((await shop.claim("meta", { now: at(6) })).items).toHaveLength(1);
  });

  test("one without a token stays held whatever else changes", async () => {
    const shop = await newShop(db, { platforms: [], tokenless: ["meta"] });
    await shop.set("meta", { token: null, testCode: "TEST1" });
    expect((await shop.lane()).state).toBe("held");
  });

  test("is not held again by a send that still carried the old token", async () => {
    const shop = await newShop(db);
    await views(shop, 1);
    const { items } = await shop.claim("meta");
    await shop.set("meta", { now: at(5) });
    await shop.settle(items, { kind: "auth", reason: "token_refused", lane: true }, at(6));
    expect((await shop.lane()).state).toBe("closed");
    // the delivery goes again, with the new token
    const again = await shop.claim("meta", { now: at(6) });
    expect(again.items).toHaveLength(1);
    expect(again.destination!.version).toBe(2);
    await shop.settle(again.items, { kind: "auth", reason: "token_refused", lane: true }, at(7));
    expect((await shop.lane()).state).toBe("held");
  });

  test("a refusal in an open lane holds it, a success in a held one does not release it", async () => {
    const shop = await troubled(2);
    const probe = (await shop.claim("meta", { now: at(10) })).items;
    await shop.settle(probe, { kind: "auth", reason: "token_refused", lane: true }, at(11));
    expect(await shop.lane()).toMatchObject({ state: "held", probe_at: null, probe_seconds: null });
    await shop.settle(probe, { kind: "delivered" }, at(12));
    expect((await shop.lane()).state).toBe("held");
  });

  test("a token replaced in a lane without trouble changes nothing about the lane", async () => {
    const shop = await newShop(db);
    const before = await shop.lane();
    await shop.set("meta", { now: at(5) });
    expect(await shop.lane()).toEqual(before);
  });
});

describe("due lanes", () => {
  test("are those of every shop, longest waiting first, once each, as many as asked for", async () => {
    const shops = [await newShop(db), await newShop(db), await newShop(db)];
    const now = at(10 * DAY);
    for (const [index, shop] of shops.entries()) {
      await views(shop, 3, new Date(now.getTime() - (index + 1) * 1_000));
    }
    const rows = await db.query<{ shop_id: string }>("trakit_edge", "select * from trakit.due_lanes(2, $1)", [
      now,
    ]);
    expect(rows.map((row) => row.shop_id)).toEqual([shops[2]!.id, shops[1]!.id]);
  });

  test("a backlog of thousands in one lane hides no other lane", async () => {
    const [busy, quiet] = [await newShop(db), await newShop(db)];
    await db.query(
      "postgres",
      `insert into trakit.deliveries
         (captured_at, event_row, destination_id, shop_id, platform, next_attempt_at, retry_until)
       select $1::timestamptz, -n, $2, $3, 'meta', $1, $1::timestamptz + interval '24 hours' from generate_series(1, 20000) n`,
      [at(11 * DAY), busy.lanes["meta"], busy.id],
    );
    await views(quiet, 1, at(11 * DAY + 60));
    expect(await quiet.due("meta", at(11 * DAY + 61))).toBe(true);
    expect(await busy.due("meta", at(11 * DAY + 61))).toBe(true);
  });

  test("a lane whose deliveries are not due yet, leased or over is not among them", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_started")]);
    expect(await shop.due("meta", at(44))).toBe(false);
    expect(await shop.due("meta", at(45))).toBe(true);
    await shop.claim("meta", { now: at(45) });
    expect(await shop.due("meta", at(74))).toBe(false);
    expect(await shop.due("meta", at(75))).toBe(true);
    expect(await shop.due("meta", at(25 * HOUR))).toBe(false);
  });
});
