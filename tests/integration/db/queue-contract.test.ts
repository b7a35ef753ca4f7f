/** What our SQL writes into pg-boss's tables is what pg-boss itself would have written, and is taken as its own. */
import { randomUUID } from "node:crypto";
import pg from "pg";
import type { PgBoss } from "pg-boss";
import { afterAll, beforeAll, expect, test } from "vitest";
import { at, fromShopify, NOON } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { testQueue } from "../../support/queue.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();
let boss: PgBoss;

beforeAll(async () => {
  boss = await testQueue(db);
});
afterAll(async () => {
  await boss?.stop({ graceful: false });
});

const jobs = (key: string) =>
  db.query<Record<string, unknown>>("postgres", "select * from pgboss.job where singleton_key = $1", [key]);

async function enqueue(queue: string, list: object[]): Promise<number | null> {
  const [row] = await db.query<{ made: number | null }>(
    "trakit_edge",
    "select trakit.enqueue_jobs($1, $2) as made",
    [queue, JSON.stringify(list)],
  );
  return row!.made;
}

/** The columns whose values must differ between two jobs, relative to when each was made. */
function comparable(row: Record<string, unknown>): Record<string, unknown> {
  const { id, singleton_key: _, created_on, start_after, keep_until, ...rest } = row;
  const ms = (value: unknown) => (value as Date).getTime();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  return {
    ...rest,
    kept_for: Math.round((ms(keep_until) - ms(start_after)) / 1_000),
    starts_after: Math.round((ms(start_after) - ms(created_on)) / 1_000),
  };
}

test.each(["drain", "maintain"])(
  "a job our SQL puts into %s is, column by column, one of send()",
  async (queue) => {
    const [ours, theirs] = [randomUUID(), randomUUID()];
    const [data, group] = [{ lane: "l", shop: "s" }, "s"];
    expect(await enqueue(queue, [{ data, key: ours, group }])).toBe(1);
    expect(await boss.send(queue, data, { singletonKey: theirs, group: { id: group } })).not.toBeNull();

    const [[made], [sent]] = [await jobs(ours), await jobs(theirs)];
    expect(Object.keys(made!)).toEqual(Object.keys(sent!));
    expect(comparable(made!)).toEqual(comparable(sent!));
  },
);

test("of one lane one wake-up waits and one runs, whoever makes them", async () => {
  const key = randomUUID();
  expect(await enqueue("drain", [{ data: {}, key }, { data: {}, key }])).toBe(1);
  expect(await boss.send("drain", {}, { singletonKey: key })).toBeNull();

  const fetchJobs = async () =>
    (await boss.fetch<{ mark?: string }>("drain", { batchSize: 100 })).filter(({ data }) =>
      data.mark === key
    );
  const other = randomUUID();
  await boss.deleteQueuedJobs("drain");
  expect(await enqueue("drain", [{ data: { mark: key }, key: other }])).toBe(1);
  const [running] = await fetchJobs();
  expect(running).toBeDefined();
  // while it runs a second one may wait, but not run
  expect(await enqueue("drain", [{ data: { mark: key }, key: other }])).toBe(1);
  expect(await fetchJobs()).toEqual([]);
  expect(await enqueue("drain", [{ data: { mark: key }, key: other }])).toBe(0);
  await boss.complete("drain", running!.id);
  expect(await fetchJobs()).toHaveLength(1);
});

test("a worker that listens hears of it", async () => {
  const listener = new pg.Client({ connectionString: db.url("trakit_worker") });
  await listener.connect();
  try {
    const { rows } = await listener.query<{ channel: string }>(
      "select 'pgboss_' || left(encode(sha224('pgboss'::bytea), 'hex'), 24) as channel",
    );
    await listener.query(`listen ${rows[0]!.channel}`);
    const heard = new Promise<string | undefined>((resolve) =>
      listener.once("notification", ({ payload }) => resolve(payload))
    );
    await enqueue("drain", [{ data: {}, key: randomUUID() }]);
    expect(await heard).toBe("drain");
  } finally {
    await listener.end();
  }
});

test("without the queue, or without pg-boss, nothing is made and nobody fails", async () => {
  expect(await enqueue("no-such-queue", [{ data: {}, key: "k" }])).toBeNull();
});

test("due lanes are woken once, longest waiting first, with the shop as the group", async () => {
  await boss.deleteQueuedJobs("drain");
  const [first, second] = [
    await newShop(db, { platforms: ["meta"] }),
    await newShop(db, { platforms: ["meta"] }),
  ];
  await second.ingest([fromShopify("checkout_completed", { commerce: { order_id: "2" } })], {
    slots: 0,
    now: at(5),
  });
  await first.ingest([fromShopify("checkout_completed", { commerce: { order_id: "1" } })], {
    slots: 0,
    now: NOON,
  });

  const wake = async (gap: number, seconds: number) => {
    const [row] = await db.query<
      { woken: { skipped: boolean; lanes: number; jobs: number; called: boolean } }
    >(
      "trakit_edge",
      "select trakit.wake_lanes($1, 1000, $2) as woken",
      [gap, at(seconds)],
    );
    return row!.woken;
  };
  expect(await wake(0, 10)).toEqual({ skipped: false, lanes: 2, jobs: 2, called: false });
  expect(await wake(400, 10.2)).toMatchObject({ skipped: true, jobs: 0 });
  // the wake-ups are there still: no second ones
  expect(await wake(400, 11)).toEqual({ skipped: false, lanes: 2, jobs: 0, called: false });

  const fetched = [];
  // one by one, as workers take them
  for (let count = 0; count < 2; count++) {
    fetched.push(...await boss.fetch<{ lane: string; shop: string }>("drain"));
  }
  expect(fetched.map(({ data, groupId }) => [data.lane, data.shop, groupId])).toEqual([
    [first.lanes["meta"], first.id, first.id],
    [second.lanes["meta"], second.id, second.id],
  ]);
});

test("a clock that was set back does not stop the waking", async () => {
  const [row] = await db.query<{ woken: { skipped: boolean } }>(
    "trakit_edge",
    "select trakit.wake_lanes(400, 1000, $1) as woken",
    [at(-86_400)],
  );
  expect(row!.woken.skipped).toBe(false);
});
