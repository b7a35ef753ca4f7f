/**
 * A million keys and a hundred thousand visitors past their keeping, as a shop leaves them that stood still for a week: the
 * hourly job is done with them in one turn, while events come in, and none of these has to wait for it.
 */
import process from "node:process";
import { expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { keepRetention } from "@trakit/pipeline/upkeep/retention.ts";
import { fromBrowser } from "../support/captured.ts";
import { testDatabase } from "../support/database.ts";
import { newShop } from "../support/shop.ts";

const KEYS = 1_000_000;
const VISITORS = 100_000;
/** Four fifths of the job's five minutes (ms). */
const TURN_MS = 240_000;

const db = await testDatabase();

test("a million expired keys are gone within one turn of the job, while events are taken", async () => {
  const shop = await newShop(db);
  await db.query("trakit_edge", "select trakit.ensure_partitions(1)");
  await db.query(
    "postgres",
    `insert into trakit.event_keys (shop_id, key, event_row, captured_at, expires_at)
     select $1, 'event:page_viewed:' || md5(n::text), n, now() - interval '8 days', now() - interval '1 hour'
     from generate_series(1, $2::integer) n`,
    [shop.id, KEYS],
  );
  await db.query(
    "postgres",
    `with made as (
       insert into trakit.visitors (shop_id, created_at, last_seen_at)
       select $1, t, t from (select now() - interval '800 days' + n * interval '1 second' as t from generate_series(1, $2::integer) n) x
       returning id)
     insert into trakit.visitor_links (shop_id, kind, key, visitor_id, created_at)
     select $1, 'visitor', 'v' || id, id, now() from made`,
    [shop.id, VISITORS],
  );
  const edge = connect({ url: db.url("trakit_edge"), max: 2 });
  try {
    let done = false;
    const waits: number[] = [];
    const load = async () => {
      for (let n = 0; !done; n++) {
        const from = performance.now();
        const copies = [fromBrowser("page_viewed", { event_id: String(n).padStart(32, "0") })];
        await shop.ingest(copies, { now: new Date() });
        waits.push(performance.now() - from);
      }
    };
    const began = performance.now();
    const [{ deleted, more }] = await Promise.all([
      keepRetention({ db: edge }, {
        over: () => performance.now() - began > TURN_MS,
        pause: () => new Promise((resolve) => setTimeout(resolve, 100)),
      }).finally(() => done = true),
      load(),
    ]);
    const seconds = (performance.now() - began) / 1_000;
    const slowest = waits.toSorted((a, b) => a - b).at(Math.floor(waits.length * 0.99))!;
    process.stdout.write(
      `retention: ${deleted["keys"]} keys and ${deleted["visitors"]} visitors in ${seconds.toFixed(1)} s; ` +
        `${waits.length} events beside it, 99 % within ${slowest.toFixed(0)} ms\n`,
    );
    expect({ keys: deleted["keys"], visitors: deleted["visitors"], more }).toEqual({
      keys: KEYS,
      visitors: VISITORS,
      more: false,
    });
    expect(waits.length).toBeGreaterThan(100);
    expect(slowest).toBeLessThan(1_000);
  } finally {
    await edge.close();
  }
});
