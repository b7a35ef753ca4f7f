import type pg from "pg";
import { toStored } from "@trakit/core/stored.ts";
import { ingestEvents } from "@trakit/db/calls/ingest-events.ts";
import { backlogEnvironment, type BacklogShop, purchase } from "../../support/backlog.ts";
import type { Place } from "./contenders.ts";
import { child } from "./processes.ts";

/** A large replay beside live traffic: what it does to the latency of both a shop that is replayed and another one. */

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let orders = 9_000_000;

/** Copies one captured event of a shop `rows` times over the last hour, with a failed delivery to Meta each. */
async function fillFailed(owner: pg.Client, shop: BacklogShop, rows: number): Promise<void> {
  await owner.query(
    `insert into trakit.events (captured_at, id, shop_id, name, event_id, occurred_at, webhook_at, channel, page, commerce, identifiers, digests, consent)
     select now() - interval '1 minute' - n * interval '3 milliseconds', nextval('trakit.event_row_seq'), e.shop_id, e.name, md5(n::text), now(), now(),
       e.channel, e.page, e.commerce || jsonb_build_object('order_id', (20000000 + n)::text), e.identifiers, e.digests, e.consent
     from (select * from trakit.events where shop_id = $1 limit 1) e cross join generate_series(1, $2::bigint) n`,
    [shop.id, rows],
  );
  await owner.query(
    `insert into trakit.deliveries (captured_at, event_row, destination_id, shop_id, platform, state, reason, attempts, retry_until, attempted_at, settled_at)
     select e.captured_at, e.id, $2, e.shop_id, 'meta', 'failed', 'server_error', 3, now(), now(), now()
     from trakit.events e where e.shop_id = $1 and not exists (
       select from trakit.deliveries d where d.captured_at = e.captured_at and d.event_row = e.id)`,
    [shop.id, shop.lanes["meta"]],
  );
  await owner.query("vacuum analyze trakit.events, trakit.deliveries");
}

interface Latency {
  /** ms until it was stored. */
  stored: number[];
  /** ms until the vendor had it, through the queue. */
  delivered: number[];
}

/** Captures one purchase to Meta that a worker has to send, and waits for its end. */
async function one(place: Place, shop: BacklogShop, into: Latency): Promise<void> {
  const event = purchase(++orders);
  const started = performance.now();
  await ingestEvents(place.edge, {
    shop: shop.domain,
    events: [{
      event: toStored(event),
      keys: [`event:${event.name}:${event.event_id}`, `order:${event.commerce.order_id}`],
      topic: "orders/create",
      signed: null,
    }],
    slots: 0,
    place: "webhooks",
    refused: {},
  });
  into.stored.push(performance.now() - started);
  for (;;) {
    const { rows } = await place.owner.query(
      `select from trakit.event_keys k join trakit.deliveries d on d.captured_at = k.captured_at and d.event_row = k.event_row
       where k.shop_id = $1 and k.key = $2 and d.platform = 'meta' and d.state = 'delivered'`,
      [shop.id, `event:${event.name}:${event.event_id}`],
    );
    if (rows.length > 0) break;
    await pause(10);
  }
  into.delivered.push(performance.now() - started);
}

function words(values: number[]): string {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(0);
  return `median ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms`;
}

/** Prints latencies before and during a replay of `rows` deliveries of the first shop. */
export async function replayBesideLive(
  place: Place,
  rows: number,
  out: (line: string) => void,
): Promise<void> {
  const [replayed, other] = place.shops as [BacklogShop, BacklogShop];
  await place.owner.query(
    "truncate trakit.events, trakit.deliveries, trakit.event_clients, trakit.event_keys, trakit.replays",
  );
  const worker = await child("../../../packages/worker/src/main.ts", [], {
    ...backlogEnvironment({ worker: place.urls.worker, edge: place.urls.edge, vendors: place.vendors }),
  });
  try {
    const before: Latency = { stored: [], delivered: [] };
    for (let count = 0; count < 20; count++) {
      for (const shop of [replayed, other]) await one(place, shop, before);
    }
    await fillFailed(place.owner, replayed, rows);

    const during = {
      same: { stored: [], delivered: [] } as Latency,
      other: { stored: [], delivered: [] } as Latency,
    };
    const started = performance.now();
    const { rows: [asked] } = await place.owner.query<{ answer: { replay_id: string; replayed: number } }>(
      "select api.replay($1, now() - interval '2 hours', now() - interval '30 seconds') as answer",
      [replayed.domain],
    );
    const state = async () =>
      (await place.owner.query<{ replayed: string; finished: boolean; left: boolean }>(
        `select r.replayed, r.finished_at is not null as finished,
           exists (select from trakit.deliveries d where d.shop_id = r.shop_id and d.state = 'pending') as left
         from trakit.replays r where r.id = $1`,
        [asked!.answer.replay_id],
      )).rows[0]!;
    for (let now = await state(); !now.finished || now.left; now = await state()) {
      await one(place, replayed, during.same);
      await one(place, other, during.other);
    }
    const seconds = (performance.now() - started) / 1_000;
    out(
      `replay of ${(await state()).replayed} deliveries beside live traffic: ${seconds.toFixed(0)} s (${
        (rows / seconds).toFixed(0)
      }/s)`,
    );
    out(`  stored, before the replay: ${words(before.stored)}`);
    out(
      `  stored, during it, same shop: ${words(during.same.stored)}; another shop: ${
        words(during.other.stored)
      }`,
    );
    out(`  through the queue to the vendor, before: ${words(before.delivered)}`);
    out(
      `  during it, same shop: ${words(during.same.delivered)}; another shop: ${
        words(during.other.delivered)
      }\n`,
    );
  } finally {
    await worker.end();
  }
}
