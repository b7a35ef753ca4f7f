import { describe, expect, test } from "vitest";
import { at, DAY, fromBrowser } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { purging } from "../../support/purge.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();
const { purge, purgeVisitors } = purging(db);

describe("the vault", () => {
  const who = (visitor: string) => ({
    identifiers: { visitor_id: visitor, fbp: "fb.1.1" },
    digests: { "email.lower": [`${visitor}-mail`] },
    commerce: { cart_token: `${visitor}-cart` },
  });
  const left = async (shopId: string) => {
    const [row] = await db.query<{ visitors: number; links: number }>(
      "postgres",
      `select (select count(*) from trakit.visitors where shop_id = $1)::int as visitors,
         (select count(*) from trakit.visitor_links where shop_id = $1)::int as links`,
      [shopId],
    );
    return row!;
  };

  /** Visitors nobody has seen since a moment. */
  const stale = (shopId: string, count: number, seen: Date) =>
    db.query(
      "postgres",
      `insert into trakit.visitors (shop_id, created_at, last_seen_at)
       select $1, $3::timestamptz + n * interval '1 second', $3::timestamptz + n * interval '1 second'
       from generate_series(1, $2::integer) n`,
      [shopId, count, seen],
    );

  test("keeps a visitor for two years after they were last seen, then forgets them and their keys", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("page_viewed", who("gone"))]);
    await shop.ingest([fromBrowser("page_viewed", who("stays"))]);
    await shop.ingest([fromBrowser("page_viewed", who("stays"))], { now: at(DAY) });
    expect(await left(shop.id)).toEqual({ visitors: 2, links: 4 });

    expect((await purge(at(730 * DAY))).visitors).toBe(0);
    expect((await purge(at(730 * DAY + 1))).visitors).toBe(1);
    expect(await left(shop.id)).toEqual({ visitors: 1, links: 2 });
    expect((await purge(at(731 * DAY + 1))).visitors).toBe(1);
    expect(await left(shop.id)).toEqual({ visitors: 0, links: 0 });
  });

  test("keeps them no longer than the shop's cookies live, and each shop's by its own setting", async () => {
    const brief = await newShop(db, { settings: { cookie_lifetime_days: 60 } });
    const long = await newShop(db);
    for (const shop of [brief, long]) await shop.ingest([fromBrowser("page_viewed", who("somebody"))]);
    await purge(at(60 * DAY + 1));
    expect((await left(brief.id)).visitors).toBe(0);
    expect((await left(long.id)).visitors).toBe(1);
  });

  test("keeps them as long as events name them: who asks for these is found by nothing else", async () => {
    const shop = await newShop(db, { settings: { cookie_lifetime_days: 1 } });
    await shop.ingest([fromBrowser("page_viewed", who("brief"))]);
    await purge(at(31 * DAY));
    expect((await left(shop.id)).visitors).toBe(1);
    await purge(at(31 * DAY + 1));
    expect((await left(shop.id)).visitors).toBe(0);
  });

  test("waits while a batch joins visitors of that shop, and does another shop's meanwhile", async () => {
    const [busy, idle] = [await newShop(db), await newShop(db)];
    for (const shop of [busy, idle]) await shop.ingest([fromBrowser("page_viewed", who("somebody"))]);
    const joining = await db.connect("postgres");
    await joining.query("begin");
    // as lock_identity does
    await joining.query(
      "select pg_advisory_xact_lock_shared(hashtextextended('trakit.identity:' || $1, 0))",
      [
        busy.id,
      ],
    );
    await purge(at(740 * DAY));
    expect((await left(busy.id)).visitors).toBe(1);
    expect((await left(idle.id)).visitors).toBe(0);
    await joining.query("commit");
    await joining.end();
    await purge(at(740 * DAY));
    expect((await left(busy.id)).visitors).toBe(0);
  });

  test("of a busy shop keeps no other shop's, though it has the oldest and more than one call deletes", async () => {
    const [busy, idle] = [await newShop(db), await newShop(db)];
    await stale(busy.id, 30, at(-DAY));
    await stale(idle.id, 30, at(0));
    const joining = await db.connect("postgres");
    await joining.query("begin");
    await joining.query(
      "select pg_advisory_xact_lock_shared(hashtextextended('trakit.identity:' || $1, 0))",
      [busy.id],
    );
    expect(await purgeVisitors(at(740 * DAY), 10)).toBe(10);
    expect([(await left(busy.id)).visitors, (await left(idle.id)).visitors]).toEqual([30, 20]);
    await joining.query("rollback");
    await joining.end();
    // then the oldest go first
    expect(await purgeVisitors(at(740 * DAY), 10)).toBe(10);
    expect([(await left(busy.id)).visitors, (await left(idle.id)).visitors]).toEqual([20, 20]);
    expect(await purgeVisitors(at(740 * DAY), 100)).toBe(40);
  });

  test("of a shop that is never idle go all the same: it is waited for", async () => {
    const shop = await newShop(db);
    await stale(shop.id, 5, at(-DAY));
    const lock = "select pg_advisory_xact_lock_shared(hashtextextended('trakit.identity:' || $1, 0))";
    const joining = await db.connect("postgres");
    await joining.query("begin");
    await joining.query(lock, [shop.id]);
    const purged = purgeVisitors(at(740 * DAY));
    const waits = async () =>
      (await db.query("postgres", "select from pg_locks where locktype = 'advisory' and not granted")).length;
    await expect.poll(waits, { interval: 5 }).toBe(1);
    await joining.query("commit");
    await joining.end();
    expect(await purged).toBe(5);
  });
});
