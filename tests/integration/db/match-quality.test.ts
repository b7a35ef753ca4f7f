import { expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { fromShopify, NOON } from "../../support/captured.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();

async function shopWith(scores: [score: number | null, keys: string[] | null][]) {
  const shop = await newShop(db, { platforms: ["meta"] });
  const sent = await shop.ingest(scores.map(() => fromShopify("checkout_completed")), {
    slots: scores.length,
  });
  await db.query("trakit_edge", "select trakit.settle_deliveries($1, $2::jsonb, $3)", [
    shop.id,
    JSON.stringify(sent.sends.map((send, index) => ({
      ...send,
      kind: "delivered",
      reason: "accepted",
      match_score: scores[index]![0],
      match_keys: scores[index]![1],
    }))),
    NOON,
  ]);
  return shop;
}

test("match quality is averaged by platform, event and day, with the share of each identifier", async () => {
  const shop = await shopWith([[7.5, ["email", "phone"]], [2.5, ["email"]], [null, null]]);
  const row = {
    platform: "meta",
    name: "checkout_completed",
    score: "5.0",
    coverage: { email: 1, phone: 0.5 },
  };
  expect(await db.as("authenticated", { shop_id: shop.id }).query("select * from api.match_quality"))
    .toMatchObject([
      { ...row, shop_id: shop.id, events: "2" },
    ]);
  const [cli] = await db.query<{ quality: unknown }>(
    "trakit_worker",
    "select trakit.match_quality($1, 7, $2) as quality",
    [shop.domain, NOON],
  );
  expect(cli!.quality).toEqual([{ ...row, score: 5, events: 2 }]);
});

test("a shop sees its own match quality only, and an unknown shop has none", async () => {
  await shopWith([[9, ["email"]]]);
  const other = await newShop(db, { platforms: ["meta"] });
  expect(await db.as("authenticated", { shop_id: other.id }).query("select * from api.match_quality"))
    .toEqual([]);
  const quality = async (domain: string) =>
    (await db.query<{ quality: unknown }>("trakit_worker", "select trakit.match_quality($1, 7) as quality", [
      domain,
    ]))[0]!.quality;
  expect(await quality(other.domain)).toEqual([]);
  expect(await quality("nobody.myshopify.com")).toBeNull();
});

test("a later settlement without an estimate keeps the one of what was sent", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  const sent = await shop.ingest([fromShopify("checkout_completed")], { slots: 1 });
  const settle = (change: Record<string, unknown>) =>
    db.query("trakit_edge", "select trakit.settle_deliveries($1, $2::jsonb, $3)", [
      shop.id,
      JSON.stringify([{ ...sent.sends[0], reason: "x", ...change }]),
      NOON,
    ]);
  await settle({ kind: "retry", delay_ms: 1000, match_score: 4.2, match_keys: ["email"] });
  await settle({ kind: "delivered" });
  expect(await shop.deliveries()).toMatchObject([{
    state: "delivered",
    match_score: "4.2",
    match_keys: ["email"],
  }]);
});

test("match quality of many random deliveries is what counting them one by one gives", async () => {
  const shop = await newShop(db, { platforms: ["meta", "tiktok"] });
  await db.query(
    "postgres",
    `with sent as (
       select n, $2::timestamptz + n % 3 * interval '1 day' + n * interval '1 millisecond' as at, random() < 0.1 as unscored
       from generate_series(1, 3000) n
     ), stored as (
       insert into trakit.events (captured_at, id, shop_id, name, event_id, occurred_at, webhook_at, channel, page, commerce,
         identifiers, digests, consent, enriched)
       select at, 900000000000 + n, $1, (array['page_viewed', 'checkout_completed'])[1 + n % 2], n, at, at, 'web', '{}', '{}',
         '{}', '{}', '{}',
         (select coalesce(array_agg(k) filter (where hashtext(k || n) % 2 = 0), '{}') from unnest($4::text[]) k)
       from sent
     )
     insert into trakit.deliveries (captured_at, event_row, destination_id, shop_id, platform, state, reason, retry_until,
       settled_at, match_score, match_keys)
     select at, 900000000000 + n, l.id::uuid, $1, l.platform, 'delivered', 'accepted', at, at,
       case when not unscored then round((random() * 10)::numeric, 1) end,
       case when n % 17 > 0 then
         (select coalesce(array_agg(k) filter (where hashtext(l.platform || k || n) % 3 = 0), '{}') from unnest($4::text[]) k) end
     from sent cross join jsonb_each_text($3) l (platform, id)`,
    [shop.id, NOON, JSON.stringify(shop.lanes), [
      "email",
      "phone",
      "click_id",
      "a,b",
      'with "quotes"',
      "NULL",
    ]],
  );
  const counted = await db.query(
    "postgres",
    `with sent as (
       select d.platform, e.name, (d.captured_at at time zone 'utc')::date as day, d.match_score, d.match_keys, e.enriched
       from trakit.deliveries d join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
       where d.match_score is not null and d.shop_id = $1
     ), days as (
       select platform, name, day, count(*) as events, round(avg(match_score), 1) as score from sent group by 1, 2, 3
     ), shares as (
       select platform, name, day, k, count(*) as events, count(*) filter (where k <> all (enriched)) as own
       from sent cross join unnest(match_keys) k group by 1, 2, 3, 4
     )
     select d.*, jsonb_object_agg(k, round(s.events::numeric / d.events, 3)) as coverage,
       jsonb_object_agg(k, round(s.own::numeric / d.events, 3)) as own_coverage
     from days d join shares s using (platform, name, day)
     group by platform, name, day, d.events, d.score order by platform, name, day`,
    [shop.id],
  );
  expect(counted.length).toBe(12);
  expect(
    await db.as("authenticated", { shop_id: shop.id }).query(
      `select platform, name, day, events, score, coverage, own_coverage from api.match_quality
       order by platform, name, day`,
    ),
  ).toEqual(counted);
});
