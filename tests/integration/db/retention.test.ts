import { describe, expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { keepRetention } from "@trakit/pipeline/upkeep/retention.ts";
import { testDatabase } from "../../support/database.ts";
import { at, DAY, fromBrowser, fromShopify, NOON } from "../../support/captured.ts";
import { purging } from "../../support/purge.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();
const { purge } = purging(db);

const PARENTS = ["deliveries", "event_clients", "events"];

async function partitions(): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    "postgres",
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
     where p.relnamespace = 'trakit'::regnamespace and p.relkind = 'p' order by 1`,
  );
  return rows.map((row) => row.name);
}

async function make(days: number, now: Date): Promise<number> {
  const [row] = await db.query<{ made: number }>(
    "trakit_edge",
    "select trakit.ensure_partitions($1, $2) as made",
    [days, now],
  );
  return row!.made;
}

/** Shop ids and refusal counters are not what is meant by rows. */
async function days(table: string, shopId: string): Promise<string[]> {
  const rows = await db.query<{ day: string }>(
    "postgres",
    `select distinct (captured_at at time zone 'utc')::date::text as day from trakit.${table} where shop_id = $1 order by 1`,
    [shopId],
  );
  return rows.map((row) => row.day);
}

describe("day partitions", () => {
  const far = new Date("2040-02-27T23:59:59.999Z");

  test("are made from yesterday on, for each table, over the end of a month of a leap year", async () => {
    expect(await make(3, far)).toBe(15);
    const names = (await partitions()).filter((name) => /_2040/.test(name));
    expect(names).toEqual(
      PARENTS.flatMap((parent) =>
        ["0226", "0227", "0228", "0229", "0301"].map((day) => `${parent}_2040${day}`)
      ),
    );
  });

  test("are made once, however often asked and in whatever time zone the caller lives", async () => {
    expect(await make(3, far)).toBe(0);
    const connection = await db.connect("trakit_edge");
    await connection.query("set timezone = 'Pacific/Kiritimati'");
    expect(await connection.query("select trakit.ensure_partitions(3, $1) as made", [far])).toEqual([{
      made: 0,
    }]);
    await connection.end();
    expect(await make(4, far)).toBe(3);
  });

  test("are made once by two at the same time", async () => {
    const now = new Date("2041-06-01T00:00:00Z");
    expect((await Promise.all([make(2, now), make(2, now), make(2, now)])).sort((a, b) => a - b)).toEqual([
      0,
      0,
      12,
    ]);
  });

  test("are not made in absurd numbers", async () => {
    await expect(make(61, NOON)).rejects.toMatchObject({ code: "22023" });
    await expect(make(-1, NOON)).rejects.toMatchObject({ code: "22023" });
  });

  test("have row security enabled and forced, each of them", async () => {
    const open = await db.query(
      "postgres",
      `select c.relname from pg_class c where c.relnamespace = 'trakit'::regnamespace and c.relispartition and c.relkind = 'r'
       and not (c.relrowsecurity and c.relforcerowsecurity)`,
    );
    expect(open).toEqual([]);
    expect((await partitions()).length).toBeGreaterThan(20);
  });

  test("hold the right day at its first and last microsecond, UTC", async () => {
    const shop = await newShop(db);
    await db.query("trakit_edge", "select trakit.ensure_partitions(20, $1)", [NOON]);
    for (
      const moment of [
        "2031-03-13T00:00:00.000000Z",
        "2031-03-13T23:59:59.999999Z",
        "2031-03-14T00:00:00.000000Z",
      ]
    ) {
      const copy = fromBrowser("page_viewed", { client: { ip: "203.0.113.7" } });
      await db.query("trakit_edge", "select trakit.ingest_events($1, $2, 0, 'proxy', '{}', $3)", [
        shop.domain,
        JSON.stringify([copy]),
        moment,
      ]);
    }
    for (const table of PARENTS) {
      const rows = await db.query<{ partition: string; n: number }>(
        "postgres",
        `select tableoid::regclass::text as partition, count(*)::int as n from trakit.${table} where shop_id = $1 group by 1 order by 1`,
        [shop.id],
      );
      expect(rows).toEqual([
        { partition: `trakit.${table}_20310313`, n: 2 },
        { partition: `trakit.${table}_20310314`, n: 1 },
      ]);
    }
    // a claim finds both sides of midnight; the day's first is over by then, to the microsecond
    expect((await shop.claim("meta", { now: new Date("2031-03-14T00:00:00Z") })).items).toHaveLength(2);
  });
});

describe("retention", () => {
  test("drops clients after 7 days, events and deliveries after 30, and nothing younger", async () => {
    const shop = await newShop(db);
    await db.query("trakit_edge", "select trakit.ensure_partitions(60, $1)", [NOON]);
    for (const day of [0, 1, 30]) {
      await shop.ingest([fromBrowser("page_viewed", { client: { ip: "203.0.113.7" } })], {
        now: at(day * DAY),
      });
    }
    const [first, second, last] = ["2031-03-12", "2031-03-13", "2031-04-11"];

    await purge(at(7 * DAY));
    expect(await days("event_clients", shop.id)).toEqual([first, second, last]);
    await purge(at(8 * DAY));
    expect(await days("event_clients", shop.id)).toEqual([second, last]);
    expect(await days("events", shop.id)).toEqual([first, second, last]);
    await purge(at(30 * DAY));
    expect(await days("events", shop.id)).toEqual([first, second, last]);
    const purged = await purge(at(31 * DAY));
    expect(purged.partitions).toBeGreaterThanOrEqual(2);
    for (const table of ["events", "deliveries"]) expect(await days(table, shop.id)).toEqual([second, last]);
    expect((await purge(at(31 * DAY))).partitions).toBe(0);
  });

  test("forgets keys after 7 days, but a conversion's as long as the shop", async () => {
    const shop = await newShop(db);
    const now = at(2 * DAY);
    await db.query("trakit_edge", "select trakit.ensure_partitions(60, $1)", [now]);
    const id = { event_id: "a".repeat(32) };
    const order = fromShopify("checkout_completed", {
      ...id,
      webhook_id: "w-order",
      commerce: { order_id: "1" },
    });
    const refund = fromShopify("order_refunded", { ...id, webhook_id: "w-refund" });
    const view = fromBrowser("page_viewed", id);
    await shop.ingest([order, refund, view], { now });
    const keys = async () =>
      (await db.query<{ key: string }>(
        "postgres",
        "select key from trakit.event_keys where shop_id = $1 order by 1",
        [shop.id],
      ))
        .map((row) => row.key);
    await purge(at(9 * DAY - 1));
    expect(await keys()).toHaveLength(6);
    await purge(at(9 * DAY));
    expect(await keys()).toEqual([
      `event:checkout_completed:${id.event_id}`,
      `event:order_refunded:${id.event_id}`,
      "order:1",
    ]);

    // forty days later the events are gone, and the order still counts once
    const later = at(42 * DAY);
    await db.query("trakit_edge", "select trakit.ensure_partitions(2, $1)", [later]);
    await purge(later);
    expect(await shop.events()).toEqual([]);
    const again = await shop.ingest([{ ...order, keys: ["webhook:w-other", "order:1"] }, {
      ...refund,
      keys: refund.keys.slice(0, 1),
    }], {
      now: later,
      slots: 5,
    });
    expect(again.results.map((result) => result.status)).toEqual(["duplicate", "duplicate"]);
    expect(again.sends).toEqual([]);
  });

  test("a purchase only the browser spoke of frees its key with its row: an order paid later still counts", async () => {
    const shop = await newShop(db);
    const now = at(3 * DAY);
    await db.query("trakit_edge", "select trakit.ensure_partitions(60, $1)", [now]);
    const id = { event_id: "b".repeat(32) };
    await shop.ingest([fromBrowser("checkout_completed", id)], { now });
    await purge(at(33 * DAY - 1));
    expect(
      (await shop.ingest([fromBrowser("checkout_completed", id)], { now: at(33 * DAY - 1) })).results[0]!
        .status,
    )
      .toBe("duplicate");
    await purge(at(33 * DAY));
    const order = fromShopify("checkout_completed", { ...id, commerce: { order_id: "1" } });
    const paid = await shop.ingest([order], { now: at(34 * DAY), slots: 1 });
    expect(paid.results[0]!.status).toBe("accepted");
    expect(paid.sends).toHaveLength(1);
  });

  test("goes on batch by batch until one comes back short, and is over when its time is", async () => {
    const shop = await newShop(db);
    const keys = (count: number) =>
      db.query(
        "postgres",
        `insert into trakit.event_keys (shop_id, key, event_row, captured_at, expires_at)
         select $1, 'event:old:' || n, n, $3, $3 from generate_series(1, $2::integer) n`,
        [shop.id, count, at(-8 * DAY)],
      );
    const left = async () =>
      (await db.query("postgres", "select from trakit.event_keys where shop_id = $1", [shop.id])).length;
    await db.query(
      "postgres",
      `insert into trakit.visitors (shop_id, created_at, last_seen_at) select $1, $2, $2 from generate_series(1, 25)`,
      [shop.id, at(-800 * DAY)],
    );
    await keys(950);
    const edge = connect({ url: db.url("trakit_edge"), max: 1 });
    const world = { db: edge, databaseNow: () => NOON };
    try {
      let pauses = 0;
      const pace = { batch: 100, visitors: 10, pause: () => Promise.resolve(void pauses++) };
      let batches = 0;
      const cut = await keepRetention(world, { ...pace, over: () => ++batches === 2 });
      expect(cut).toMatchObject({ deleted: { keys: 200, visitors: 20 }, more: true });
      expect(pauses).toBe(1);
      const whole = await keepRetention(world, { ...pace, over: () => false });
      expect(whole).toMatchObject({ deleted: { keys: 750, visitors: 5 }, more: false });
      expect(await left()).toBe(0);
      // a batch of ingest holds one of them
      await keys(10);
      const ingest = await db.connect("postgres");
      await ingest.query("begin");
      await ingest.query(
        "select from trakit.event_keys where shop_id = $1 and key = 'event:old:1' for update",
        [
          shop.id,
        ],
      );
      expect(await keepRetention(world, { ...pace, over: () => false })).toMatchObject({
        deleted: { keys: 9 },
      });
      await ingest.query("commit");
      await ingest.end();
      expect(await keepRetention(world, { ...pace, over: () => false })).toMatchObject({
        deleted: { keys: 1 },
      });
    } finally {
      await edge.close();
    }
  });

  test("is refused to nobody it is granted to, and to everybody else", async () => {
    for (const role of ["authenticated", "anon", "trakit_app", "trakit_dispatcher"] as const) {
      await expect(db.query(role, "select trakit.purge()")).rejects.toMatchObject({ code: "42501" });
    }
  });
});

test("counters of refusals are kept for 90 days", async () => {
  const shop = await newShop(db);
  await shop.ingest([], { refused: { malformed_json: 1 } });
  const counted = async () =>
    (await db.query("postgres", "select from trakit.refusals where shop_id = $1", [shop.id])).length;
  await purge(at(90 * DAY));
  expect(await counted()).toBe(1);
  await purge(at(91 * DAY));
  expect(await counted()).toBe(0);
});
