/**
 * Where no worker lives, the database calls the drain function. pg_net and Vault exist on Supabase only: here they are
 * stand-ins that record, with the signatures pg_net (`net.http_post`) and Vault (`vault.decrypted_secrets`,
 * `vault.create_secret`, `vault.update_secret`) document. That the real ones behave so is not proved here.
 */
import { randomUUID } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { makeSchedules } from "@trakit/cli/stack/schedules.ts";
import { connect } from "@trakit/db/connection.ts";
import { drainKey } from "@trakit/runtime/operator-key.ts";
import { at, fromShopify, NOON } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();
const KEY = "an-operator-key-of-the-tests";
const ENVIRONMENT = { TRAKIT_APP_URL: "https://abc.supabase.co/functions/v1/", TRAKIT_OPERATOR_KEY: KEY };

async function wake(now = at(10)) {
  const [row] = await db.query<{ woken: { lanes: number; jobs: number; called: boolean } }>(
    "trakit_edge",
    "select trakit.wake_lanes(0, 1000, $1) as woken",
    [now],
  );
  return row!.woken;
}

const calls = () =>
  db.query<{ url: string; body: unknown; headers: Record<string, string>; timeout_milliseconds: number }>(
    "postgres",
    "select * from net.recorded order by id",
  );

const schedule = async () => {
  const owner = connect({ url: db.url("postgres"), max: 1 });
  try {
    return await makeSchedules(owner, ENVIRONMENT);
  } finally {
    await owner.close();
  }
};

beforeAll(async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  await shop.ingest([fromShopify("checkout_completed", { commerce: { order_id: "1" } })], {
    slots: 0,
    now: NOON,
  });
});

test("without pg_net and without pg-boss waking does nothing and fails nobody", async () => {
  expect(await wake()).toEqual({ skipped: false, lanes: 1, jobs: 0, called: false });
});

test("without pg_cron migrate makes no schedule and says what that means", async () => {
  const made = await schedule();
  expect(made).toMatchObject({ every_seconds: null, calls_drain: false });
  expect(made.notes.join()).toContain("No pg_cron");
});

test("with them it calls drain, with the drain-only key, while nobody lives, and not otherwise", async () => {
  for (
    const statement of [
      "create schema net",
      "create table net.recorded (id bigint generated always as identity, url text, body jsonb, params jsonb, headers jsonb, timeout_milliseconds integer)",
      `create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
         headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000) returns bigint
       language sql as $f$ insert into net.recorded (url, body, params, headers, timeout_milliseconds)
         values ($1, $2, $3, $4, $5) returning id $f$`,
      "create schema vault",
      "create table vault.decrypted_secrets (id uuid primary key default gen_random_uuid(), name text unique, description text, decrypted_secret text)",
      `create function vault.create_secret(new_secret text, new_name text default null, new_description text default '') returns uuid
       language sql as $f$ insert into vault.decrypted_secrets (decrypted_secret, name, description) values ($1, $2, $3) returning id $f$`,
      `create function vault.update_secret(secret_id uuid, new_secret text default null) returns void
       language sql as $f$ update vault.decrypted_secrets set decrypted_secret = $2 where id = $1 $f$`,
      // pg_cron of the newer kind, recording
      "create schema cron",
      "create table cron.recorded (name text primary key, schedule text, command text)",
      "create table cron.job_run_details (end_time timestamptz)",
      `create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as
       $f$ insert into cron.recorded values ($1, $2, $3) on conflict (name) do update set schedule = $2, command = $3; select 1::bigint $f$`,
    ]
  ) await db.query("postgres", statement);
  // without the secrets there is nobody to call
  expect(await wake()).toMatchObject({ lanes: 1, called: false });

  await db.query("postgres", "select vault.create_secret($1, $2)", [
    ENVIRONMENT.TRAKIT_APP_URL + "drain",
    "trakit_drain_url",
  ]);
  await db.query("postgres", "select vault.create_secret($1, $2)", [drainKey(KEY), "trakit_drain_key"]);
  expect(await wake()).toMatchObject({ called: true });
  const [call] = await calls();
  expect(call).toMatchObject({
    url: "https://abc.supabase.co/functions/v1/drain",
    body: {},
    headers: { authorization: `Bearer ${drainKey(KEY)}`, "content-type": "application/json" },
  });
  // drain runs for up to 60 s; a call given up earlier would end it
  expect(call!.timeout_milliseconds).toBeGreaterThan(60_000);
  expect(JSON.stringify(call)).not.toContain(KEY);

  // a worker that checked in 59 s ago lives, one of 61 s ago does not
  const worker = randomUUID();
  await db.query("trakit_edge", "select trakit.check_in($1, 'worker', $2)", [worker, at(10)]);
  expect(await wake(at(69))).toMatchObject({ lanes: 1, called: false });
  expect(await wake(at(71))).toMatchObject({ called: true });
  // so does a call of drain that is under way, until it checks out
  const drain = randomUUID();
  await db.query("trakit_edge", "select trakit.check_in($1, 'drain', $2)", [drain, at(71)]);
  expect(await wake(at(80))).toMatchObject({ called: false });
  await db.query("trakit_edge", "select trakit.check_out($1)", [drain]);
  expect(await wake(at(81))).toMatchObject({ called: true });
});

test("nothing due, nobody is called", async () => {
  const before = (await calls()).length;
  expect(await wake(at(-10))).toMatchObject({ lanes: 0, called: false });
  expect(await calls()).toHaveLength(before);
});

test("an order to be read again wakes as well, where there is a token to read it with", async () => {
  const shop = await newShop(db, { platforms: [] });
  const list = (due: Date) =>
    db.query(
      "postgres",
      `insert into trakit.order_readings (shop_id, order_id, asked_at, counted, due_at) values ($1, '1', $2, false, $2)
       on conflict (shop_id, order_id) do update set due_at = $2`,
      [shop.id, due],
    );
  await db.query("postgres", "delete from trakit.workers");
  await list(at(-20));
  expect(await wake(at(-10))).toMatchObject({ lanes: 0, called: false });
  await db.query(
    "postgres",
    `insert into trakit.installations (shop_id, refresh_expires_at, sealed_refresh, created_at, updated_at)
     values ($1, $2, 'v1.k1.AAAAAAAAAAAAAAAA.AAAA', $3, $3)`,
    [shop.id, at(1_000), at(-1_000)],
  );
  expect(await wake(at(-9))).toMatchObject({ lanes: 0, called: true });
  await list(at(-5));
  expect(await wake(at(-8))).toMatchObject({ called: false });
});
