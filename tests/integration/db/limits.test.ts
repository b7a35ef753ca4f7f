import { afterAll, describe, expect, test } from "vitest";
import { call, LONG } from "@trakit/db/call.ts";
import {
  connect,
  DatabaseUnavailable,
  type Limits,
  oneAnswer,
  REQUEST_LIMITS,
  WORK_LIMITS,
} from "@trakit/db/connection.ts";
import { LEASE_SECONDS } from "@trakit/pipeline/ports.ts";
import { pipelineKit, webhookRequest } from "../../support/pipeline.ts";
import { until } from "../../support/stack.ts";
import { webhooks } from "../../support/webhooks.ts";
import { fixtureText } from "../../unit/shopify/fixture.ts";

const kit = await pipelineKit();
const { handler } = webhooks(kit);
/** What Shopify waits for the answer to a webhook (ms); the rest is for the way there and back. */
const IN_TIME_MS = 4_000;
await kit.database.query(
  "postgres",
  `alter role trakit_edge in database ${kit.database.name} reset statement_timeout`,
);

const opened: { close(): Promise<void> }[] = [];
function open(limits: Limits, max = 4) {
  const db = connect({ url: kit.database.url("trakit_edge"), max, limits });
  opened.push(db);
  return db;
}
afterAll(async () => {
  for (const db of opened) await db.close();
});
const timed = async <T>(work: Promise<T>): Promise<{ value: T; ms: number }> => {
  const began = performance.now();
  const value = await work;
  return { value, ms: performance.now() - began };
};

test("a request is answered before Shopify gives up, and the server gives up before the request", () => {
  expect(REQUEST_LIMITS.answerMs).toBeLessThan(IN_TIME_MS);
  expect(REQUEST_LIMITS.connectMs + REQUEST_LIMITS.statementMs).toBeLessThan(REQUEST_LIMITS.answerMs);
  // a claim that was long in coming leaves time to hand back what it holds
  expect(WORK_LIMITS.statementMs).toBeLessThan(LEASE_SECONDS * 1_000);
});

test("the roles' own limits are those the connections reckon with", async () => {
  const rows = await kit.database.query<{ rolname: string; rolconfig: string[] }>(
    "postgres",
    "select rolname, rolconfig from pg_roles where rolname in ('trakit_edge', 'trakit_worker') order by 1",
  );
  expect(rows.map(({ rolname, rolconfig }) => [rolname, rolconfig])).toEqual([
    ["trakit_edge", [`statement_timeout=${REQUEST_LIMITS.statementMs}ms`]],
    ["trakit_worker", [`statement_timeout=${WORK_LIMITS.statementMs / 1_000}s`]],
  ]);
});

test(
  "webhooks that meet a lock are answered 503 in time, those that waited for another's call too, and nothing is leased",
  async () => {
    const shop = await kit.shop();
    const handle = handler(kit.deps({ db: open(REQUEST_LIMITS) }));
    const order = (number: number) =>
      webhookRequest(
        shop.domain,
        fixtureText("order-web-guest")
          .replaceAll("5890123456781", String(5_900_000_000_000 + number))
          .replaceAll("5f7028e0bd52c2e9a4d4f5f8a6b1c2d3", number.toString(16).padStart(32, "0")),
      );
    const holder = await kit.database.connect("postgres");
    await holder.query("begin");
    await holder.query("lock table trakit.events in access exclusive mode");
    const answers = [timed(handle(order(1)))];
    await until(
      async () =>
        (await kit.database.query(
          "postgres",
          "select from pg_locks where not granted and relation = 'trakit.events'::regclass",
        ))
          .length > 0,
      "the first webhook waits for the lock",
      10_000,
    );
    for (const number of [2, 3]) answers.push(timed(handle(order(number))));
    for (const { value, ms } of await Promise.all(answers)) {
      expect(value.status).toBe(503);
      expect(ms).toBeLessThan(IN_TIME_MS);
    }
    // nobody is at it any more, so that nothing can be leased when the lock goes
    await until(
      async () =>
        (await kit.database.query(
          "postgres",
          "select from pg_stat_activity where usename = 'trakit_edge' and datname = current_database() and state = 'active'",
        )).length === 0,
      "the server gave up",
      1_000,
    );
    await holder.query("rollback");
    await kit.settled();
    expect(await kit.events(shop.id)).toEqual([]);
    expect(await kit.deliveries(shop.id)).toEqual([]);
    expect((await handle(order(1))).status).toBe(200);
  },
  30_000,
);

describe("a call", () => {
  // wide, so that a busy machine keeps them: what is tested is what is begun, by how long the caller had waited
  const WIDE: Limits = { connectMs: 5_000, statementMs: 5_000, answerMs: 20_000 };

  test("that finds no free connection gives up in time", async () => {
    const db = open({ ...WIDE, connectMs: 1_000 }, 1);
    // a second connection, whose lock keeps the first one's
    const holder = await kit.database.connect("trakit_edge");
    await holder.query("select pg_advisory_lock(1)");
    let done = false;
    await expect(db.rows("select 1").catch(() => db.rows("select 1"))).resolves.toHaveLength(1);
    const slow = db.rows("select pg_advisory_xact_lock(1)").then(() => done = true);
    await expect(db.rows("select 1")).rejects.toThrow(DatabaseUnavailable);
    expect(done).toBe(false);
    await holder.query("select pg_advisory_unlock(1)");
    await slow;
  });

  test("is not begun where its answer could not be there in time", async () => {
    const db = open(WIDE);
    await expect(db.rows("select 1", [], { waitedMs: 5_000 })).resolves.toHaveLength(1);
    await expect(db.rows("select 1", [], { waitedMs: 15_000 })).rejects.toThrow(DatabaseUnavailable);
    let now = 0;
    const asked = oneAnswer(db, () => now);
    await expect(asked.rows("select 1")).resolves.toHaveLength(1);
    now = 15_000;
    await expect(asked.rows("select 1")).rejects.toThrow(DatabaseUnavailable);
    // and a view of a view counts from the first
    await expect(oneAnswer(asked, () => now).rows("select 1")).rejects.toThrow(DatabaseUnavailable);
    await expect(db.rows("select 1")).resolves.toHaveLength(1);
  });

  test("is repeated after a deadlock only while there is time", async () => {
    await kit.database.query(
      "postgres",
      `create function public.deadlocked(p_seconds numeric) returns void language plpgsql as $$
       begin
         perform nextval('public.tries');
         perform pg_sleep(p_seconds);
         raise exception 'as if' using errcode = 'deadlock_detected';
       end $$`,
    );
    await kit.database.query("postgres", "create sequence public.tries");
    await kit.database.query("postgres", "grant all on sequence public.tries to trakit_edge");
    await kit.database.query(
      "postgres",
      "grant execute on function public.deadlocked(numeric) to trakit_edge",
    );
    const tries = async () =>
      Number(
        (await kit.database.query<{ n: string }>("postgres", "select last_value as n from public.tries"))[0]!
          .n,
      );
    const db = open(WIDE);
    await expect(db.rows("select public.deadlocked(0)")).rejects.toThrow(DatabaseUnavailable);
    expect(await tries()).toBe(2);
    const late = db.rows("select public.deadlocked(2)", [], { waitedMs: 13_000 });
    await expect(late).rejects.toThrow(DatabaseUnavailable);
    expect(await tries()).toBe(3);
  });

  test("that takes longer than requests may, does so in a transaction with a limit of its own", async () => {
    const db = open(REQUEST_LIMITS, 1);
    const limit = () => db.rows<{ limit: string }>("select current_setting('statement_timeout') as limit");
    const [inside] = await db.rows<{ limit: string }>(
      "select current_setting('statement_timeout') as limit",
      [],
      LONG,
    );
    expect(inside).toEqual({ limit: "10s" });
    expect(await limit()).toEqual([{ limit: `${REQUEST_LIMITS.statementMs}ms` }]);
    await expect(db.rows("select pg_sleep(5)", [], { limitMs: 2_600 })).rejects.toThrow(DatabaseUnavailable);
    expect(await limit()).toEqual([{ limit: `${REQUEST_LIMITS.statementMs}ms` }]);
    expect(await call(db, "trakit.ensure_partitions", { p_days_ahead: 1 }, LONG)).toEqual(expect.any(Number));
  }, 20_000);

  test("that Postgres refuses costs no connection", async () => {
    const db = open(REQUEST_LIMITS, 1);
    const pid = () => db.rows("select pg_backend_pid() as pid");
    const before = await pid();
    await expect(db.rows("select 1 / 0")).rejects.toMatchObject({ code: "22012" });
    expect(await pid()).toEqual(before);
  });

  test("whose connection dies under it says so, and the next has another", async () => {
    const db = open(REQUEST_LIMITS, 1);
    const asleep = db.rows("select pg_sleep(2)");
    asleep.catch(() => {});
    await until(
      () =>
        kit.database.query(
          "postgres",
          "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(2)'",
        ).then((rows) => rows.length),
      "it sleeps",
      5_000,
    );
    await expect(asleep).rejects.toThrow(DatabaseUnavailable);
    await expect(db.rows("select 1")).resolves.toHaveLength(1);
  });
});
