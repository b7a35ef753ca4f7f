/**
 * What claims, reads and settles touch stays proportional to the batch, whatever day their plans were made on. Plans of
 * functions are kept for the life of a connection; one that is made on an empty partition (each midnight brings one) may
 * read all of it for every row, and nobody notices before there is a backlog.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { at, DAY } from "../../support/captured.ts";
import { type Connection, testDatabase } from "../../support/database.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();
/** Nothing has happened on this day when the plans are made. */
const EMPTY_DAY = at(5 * DAY);
const MIDNIGHT = EMPTY_DAY.getTime() - EMPTY_DAY.getTime() % 86_400_000;
const EVENTS = 20_000;
const PLATFORMS = ["meta", "tiktok"];
/** Events of one moment of capture, as one call brings them. */
const TOGETHER = 100;
const BATCH = 1_000;

let shop: Shop;
let session: Connection;

/** Rows this connection has read in the tables of events and deliveries, within the transaction and before it. */
async function rowsRead(): Promise<number> {
  const [read] = await session.query<{ rows: string }>(
    `select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) as rows from pg_stat_xact_all_tables
     where schemaname = 'trakit' and relname ~ '^(deliveries|events|event_clients)'`,
  );
  return Number(read!.rows);
}

/** Rows and blocks a statement touches, those of the functions it calls included. */
async function cost(sql: string, values: unknown[]): Promise<{ rows: number; blocks: number }> {
  await session.query("begin");
  const before = await rowsRead();
  const [explained] = await session.query<{ "QUERY PLAN": [{ Plan: Record<string, number> }] }>(
    `explain (analyze, buffers, costs off, timing off, format json) ${sql}`,
    values,
  );
  const rows = await rowsRead() - before;
  await session.query("commit");
  const { Plan: plan } = explained!["QUERY PLAN"][0];
  const blocks = plan["Shared Hit Blocks"]! + plan["Shared Read Blocks"]!;
  return { rows, blocks };
}

const claim = (platform: string, limit: number) =>
  cost("select trakit.claim_deliveries($1, $2, 600, $3)", [shop.lanes[platform], limit, EMPTY_DAY]);
const settle = (outcomes: object[]) =>
  cost("select trakit.settle_deliveries($1, $2, $3)", [shop.id, JSON.stringify(outcomes), EMPTY_DAY]);
const read = (keys: { captured_at: string; event_row: string }[]) =>
  cost("select trakit.read_events($1, $2::timestamptz[], $3::bigint[])", [
    shop.id,
    keys.map((key) => key.captured_at),
    keys.map((key) => key.event_row),
  ]);

interface Leased {
  captured_at: string;
  event_row: string;
  destination_id: string;
  lease: string;
}

const leased = (platform: string) =>
  db.query<Leased>(
    "postgres",
    `select captured_at::text, event_row::text, destination_id, lease from trakit.deliveries
     where destination_id = $1 and lease is not null order by captured_at, event_row`,
    [shop.lanes[platform]],
  );
const delivered = (one: Leased) => ({ ...one, kind: "delivered", reason: "accepted", request_ms: 5 });

beforeAll(async () => {
  shop = await newShop(db, { platforms: PLATFORMS });
  session = await db.connect("trakit_edge");
  // the connection's plans are made while the day is empty
  const nobody = {
    captured_at: EMPTY_DAY.toISOString(),
    event_row: 1,
    destination_id: shop.lanes["meta"]!,
    lease: shop.id,
  };
  for (let count = 0; count < 2; count++) {
    await claim("meta", 10);
    await read([{ captured_at: nobody.captured_at, event_row: "1" }]);
    await settle([{ ...nobody, kind: "delivered", reason: "accepted" }]);
    await settle(
      Array.from(
        { length: 200 },
        (_, row) => ({ ...nobody, event_row: row, kind: "delivered", reason: "x" }),
      ),
    );
  }
  await db.query(
    "postgres",
    `insert into trakit.events (captured_at, id, shop_id, name, event_id, occurred_at, webhook_at, channel, page, commerce, identifiers, digests, consent)
     select $2::timestamptz + n / ${TOGETHER} * interval '1 millisecond', 500000 + n, $1, 'page_viewed', md5(n::text), now(), now(), 'web', '{}', '{}', '{}', '{}', '{}'
     from generate_series(1, ${EVENTS}) n`,
    [shop.id, new Date(MIDNIGHT)],
  );
  await db.query(
    "postgres",
    `insert into trakit.deliveries (captured_at, event_row, destination_id, shop_id, platform, next_attempt_at, retry_until)
     select e.captured_at, e.id, d.id, $1, d.platform, e.captured_at, e.captured_at + interval '1 day'
     from trakit.events e cross join trakit.destinations d where e.shop_id = $1 and d.shop_id = $1`,
    [shop.id],
  );
});

describe("on a connection whose plans were made while the day was empty", () => {
  test("a claim reads each of its rows a few times, and no others", async () => {
    // found and locked, taken, its event, its client
    const { rows, blocks } = await claim("meta", BATCH);
    expect(await leased("meta")).toHaveLength(BATCH);
    expect(rows).toBeGreaterThanOrEqual(3 * BATCH);
    expect(rows).toBeLessThan(4 * BATCH);
    expect(blocks).toBeLessThan(40 * BATCH);
  });

  test("reading a batch's events reads those events", async () => {
    const { rows, blocks } = await read(await leased("meta"));
    expect(rows).toBeGreaterThanOrEqual(BATCH);
    expect(rows).toBeLessThan(2 * BATCH);
    // five each; a catalogue cache that has just been emptied fills itself again
    expect(blocks).toBeLessThan(20 * BATCH);
  });

  test("settling a batch reads the rows it settles", async () => {
    const { rows, blocks } = await settle((await leased("meta")).map(delivered));
    expect(await leased("meta")).toEqual([]);
    expect(rows).toBeGreaterThanOrEqual(BATCH);
    expect(rows).toBeLessThan(2 * BATCH);
    expect(blocks).toBeLessThan(25 * BATCH);
  });

  test("settling a few reads no more than what was captured at the same moments", async () => {
    await claim("tiktok", 2 * TOGETHER);
    const all = await leased("tiktok");
    expect(all).toHaveLength(2 * TOGETHER);
    const few = [...all.slice(0, 20), ...all.slice(-20)];
    const { rows, blocks } = await settle(few.map(delivered));
    expect(await leased("tiktok")).toHaveLength(2 * TOGETHER - 40);
    expect(rows).toBeGreaterThanOrEqual(few.length);
    expect(rows).toBeLessThan(few.length * TOGETHER * PLATFORMS.length);
    // PostgreSQL 15 touches a block or two for each
    expect(blocks).toBeLessThan(3 * few.length * TOGETHER * PLATFORMS.length);
  });
});
