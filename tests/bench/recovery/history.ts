import type pg from "pg";
import { claimDeliveries } from "@trakit/db/calls/claim-deliveries.ts";
import { dueLanes } from "@trakit/db/calls/due-lanes.ts";
import type { Database } from "@trakit/db/connection.ts";
import { backlog, type BacklogShop } from "../../support/backlog.ts";

/** Claims and looks for due lanes beside a history of delivered rows: whether their time grows with it. */

const median = (values: number[]) =>
  values.sort((left, right) => left - right)[Math.floor(values.length / 2)]!;

/** Fills the last 30 days with delivered rows, until there are about `rows` deliveries; five of one event, as in life. */
export async function fillHistory(
  owner: pg.Client,
  shop: BacklogShop,
  from: number,
  rows: number,
): Promise<void> {
  await owner.query(
    "select trakit.ensure_partitions(1, now() - make_interval(days => n)) from generate_series(1, 30) n",
  );
  const lanes = Object.entries(shop.lanes);
  const chunk = 100_000;
  for (let done = from / 5; done < rows / 5; done += chunk) {
    const count = Math.min(chunk, rows / 5 - done);
    await owner.query(
      `insert into trakit.events (captured_at, id, shop_id, name, event_id, occurred_at, webhook_at, channel, page, commerce, identifiers, digests, consent)
       select now() - (n % 30) * interval '1 day' - (n / 30) * interval '1 millisecond', 900000000000 + n, $1, 'checkout_completed',
         md5(n::text), now(), now(), 'web', '{}', '{"total": "12.00", "currency": "EUR"}', '{}', '{}', '{}'
       from generate_series($2::bigint, $2::bigint + $3::bigint - 1) n`,
      [shop.id, done, count],
    );
    await owner.query(
      `insert into trakit.deliveries (captured_at, event_row, destination_id, shop_id, platform, state, reason, attempts,
         retry_until, attempted_at, settled_at, http_status, request_ms)
       select now() - (n % 30) * interval '1 day' - (n / 30) * interval '1 millisecond', 900000000000 + n, l.id, $1, l.platform,
         'delivered', 'accepted', 1, now(), now(), now(), 200, 50
       from generate_series($2::bigint, $2::bigint + $3::bigint - 1) n cross join unnest($4::uuid[], $5::text[]) as l (id, platform)`,
      [shop.id, done, count, lanes.map(([, id]) => id), lanes.map(([platform]) => platform)],
    );
  }
  await owner.query("vacuum analyze trakit.events, trakit.deliveries");
}

/** Median ms of claiming 50 deliveries and of looking for due lanes, with 2,000 waiting. */
export async function claimTimes(
  owner: pg.Client,
  edge: Database,
  shop: BacklogShop,
): Promise<{ claimMs: number; dueMs: number }> {
  const lane = shop.lanes["meta"]!;
  await owner.query("delete from trakit.deliveries where state = 'pending'");
  await backlog(edge, shop, 2_000);
  const times: number[] = [];
  const due: number[] = [];
  for (let round = 0; round < 45; round++) {
    // the first ones fill caches and plans
    if (round === 40) {
      await owner.query(
        "update trakit.deliveries set lease = null, next_attempt_at = now() where state = 'pending'",
      );
    }
    const started = performance.now();
    const { items } = await claimDeliveries(edge, lane, 50, 300);
    if (round >= 5) times.push(performance.now() - started);
    if (items.length !== 50 && round < 40) throw new Error(`a claim gave ${items.length}`);
    const looked = performance.now();
    await dueLanes(edge, 100);
    if (round >= 5) due.push(performance.now() - looked);
  }
  return { claimMs: median(times), dueMs: median(due) };
}
