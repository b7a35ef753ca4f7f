/** Replay by hand (docs/state-machine.md): what goes out again, what is refused and why. */
import { beforeEach, describe, expect, test } from "vitest";
import { at, DAY, fromBrowser, fromShopify, HOUR, NOON } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop, type Shop } from "../../support/shop.ts";

const db = await testDatabase();
let shop: Shop;

interface Result {
  dry_run: boolean;
  replayed: number;
  refused: Record<string, number>;
  done: boolean;
  replay_id?: number;
}

async function replay(options: {
  since?: Date;
  until?: Date;
  platform?: string | null;
  states?: string[];
  force?: boolean;
  dryRun?: boolean;
  now?: Date;
  domain?: string;
} = {}): Promise<Result> {
  const [row] = await db.query<{ result: Result }>(
    "trakit_worker",
    "select api.replay($1, $2, $3, $4, $5, $6, $7, $8) as result",
    [
      options.domain ?? shop.domain,
      options.since ?? at(-HOUR),
      options.until ?? at(DAY),
      options.platform ?? null,
      options.states ?? ["failed"],
      options.force ?? false,
      options.dryRun ?? false,
      options.now ?? at(2 * HOUR),
    ],
  );
  return row!.result;
}

/** An order whose deliveries ended as the vendor's words say, one word per platform. */
async function ended(
  order: string,
  words: Record<string, { kind: string; reason?: string; delay_ms?: number }>,
  captured = fromShopify("checkout_completed", { commerce: { order_id: order } }),
) {
  const answer = await shop.ingest([captured], { slots: 10, now: NOON });
  for (const lease of answer.sends) {
    const word = Object.entries(words).find(([platform]) => shop.lanes[platform] === lease.destination_id)
      ?.[1];
    if (word) await shop.settle([lease], word, at(1));
  }
}

const FAILED = { kind: "permanent", reason: "invalid_event" };

beforeEach(async () => {
  shop = await newShop(db, { platforms: ["meta", "tiktok", "google"] });
});

test("failed deliveries are pending again, due now, for another 24 hours, with everything of the last life gone", async () => {
  await ended("1", { meta: FAILED, tiktok: { kind: "delivered" }, google: FAILED });
  expect(await replay()).toMatchObject({ dry_run: false, replayed: 2, refused: {}, done: true });
  expect(await shop.delivery("meta")).toMatchObject({
    state: "pending",
    reason: "replayed",
    attempts: 0,
    doubts: 0,
    lease: null,
    settled_at: null,
    next_attempt_at: at(2 * HOUR),
    retry_until: at(26 * HOUR),
    lane_failure: false,
  });
  expect(await shop.delivery("tiktok")).toMatchObject({ state: "delivered" });
  const claimed = await shop.claim("meta", { now: at(2 * HOUR) });
  expect(claimed.items).toHaveLength(1);
  const [event] = await shop.events();
  expect(claimed.items[0]!.event.event_id).toBe(event!.event_id);
});

test("a dry run counts the same and changes nothing", async () => {
  await ended("1", { meta: FAILED, tiktok: { kind: "delivered" }, google: FAILED });
  const before = await shop.deliveries();
  const dry = await replay({ dryRun: true, states: ["failed", "delivered"] });
  expect(dry).toMatchObject({ dry_run: true, replayed: 2, refused: { would_double: 1 } });
  expect(await shop.deliveries()).toEqual(before);
  expect(await replay({ states: ["failed", "delivered"] })).toMatchObject({
    replayed: 2,
    refused: { would_double: 1 },
  });
});

test("window, platform and shop bound what is meant: from since on, before until", async () => {
  const other = await newShop(db, { platforms: ["meta"] });
  await ended("1", { meta: FAILED, tiktok: FAILED, google: FAILED });
  expect((await replay({ until: NOON })).replayed).toBe(0);
  expect((await replay({ since: at(1) })).replayed).toBe(0);
  expect((await replay({ domain: other.domain })).replayed).toBe(0);
  expect((await replay({ since: NOON, until: at(1), platform: "tiktok" })).replayed).toBe(1);
  expect(await shop.delivery("meta")).toMatchObject({ state: "failed" });
});

test("the retry window never passes the platform's age limit, and what is older is refused too_old", async () => {
  await ended("1", { meta: FAILED, tiktok: FAILED, google: FAILED });
  // google takes 72 hours here, the others 7 days
  expect(await replay({ now: at(60 * HOUR), platform: "google" })).toMatchObject({ replayed: 1 });
  expect(await shop.delivery("google")).toMatchObject({ retry_until: at(72 * HOUR) });
  expect(await replay({ now: at(8 * DAY), platform: "meta" })).toMatchObject({
    replayed: 0,
    refused: { too_old: 1 },
  });
});

test.each([
  // platform, forced, hours after capture, goes
  ["meta", false, 1, false],
  ["meta", true, 1, false],
  ["google", true, 1, false],
  ["tiktok", false, 1, false],
  ["tiktok", true, 1, true],
  ["tiktok", true, 49, false],
])("delivered at %s, force %s, after %i h: goes again %s", async (platform, force, hours, goes) => {
  await ended("1", { [platform]: { kind: "delivered" } });
  expect(await replay({ platform, states: ["delivered"], force, now: at(hours * HOUR) })).toMatchObject(
    goes ? { replayed: 1, refused: {} } : { replayed: 0, refused: { would_double: 1 } },
  );
});

test.each([
  ["meta", false, false],
  ["meta", true, true],
  ["tiktok", false, true],
  ["google", false, false],
])("a send to %s nobody knows the end of, force %s: goes again %s", async (platform, force, goes) => {
  const answer = await shop.ingest([fromShopify("checkout_completed", { commerce: { order_id: "1" } })], {
    slots: 10,
    now: NOON,
  });
  const lease = answer.sends.find((one) => one.destination_id === shop.lanes[platform])!;
  await shop.settle([lease], { kind: "in_doubt", delay_ms: 90_000_000 }, at(1));
  expect(await shop.delivery(platform)).toMatchObject({ state: "failed", doubts: 1 });
  expect(await replay({ platform, force })).toMatchObject(
    goes ? { replayed: 1, refused: {} } : { replayed: 0, refused: { would_double: 1 } },
  );
  if (goes) expect(await shop.delivery(platform)).toMatchObject({ doubts: 0, attempts: 0 });
});

test("what the merchant's tag sent is never replayed, a disabled destination gets nothing", async () => {
  // what Shopify reported, no tag ends
  const seen = fromBrowser("page_viewed");
  await ended("1", { meta: { kind: "permanent", reason: "past_dedup_window" }, tiktok: FAILED }, seen);
  await db.query("postgres", "update trakit.destinations set enabled = false where id = $1", [
    shop.lanes["tiktok"],
  ]);
  expect(await replay({ force: true })).toMatchObject({
    replayed: 0,
    refused: { would_double: 1, destination_disabled: 1 },
  });
});

describe("what cannot be meant is refused with a sentence", () => {
  test.each([
    [{ domain: "nobody.myshopify.com" }, /there is no shop/],
    [{ since: at(10), until: at(5) }, /since must be before until/],
    [{ states: ["skipped"] }, /states must be failed, delivered or both/],
    [{ states: [] }, /states must be/],
    [{ platform: "myspace" }, /no destination myspace/],
  ])("%j", async (options, words) => {
    await expect(replay(options)).rejects.toMatchObject({
      code: "22023",
      message: expect.stringMatching(words),
    });
  });
});

test("a window of ten years is no more work than the month that is kept", async () => {
  await ended("1", { meta: FAILED });
  expect(await replay({ since: at(-3_650 * DAY) })).toMatchObject({ replayed: 1, done: true });
  expect(await replay({ since: at(-3_650 * DAY), until: at(-3_000 * DAY) })).toMatchObject({
    replayed: 0,
    done: true,
  });
});

test("a large one goes on in steps, waits while its lanes have a backlog, and ends", async () => {
  await db.query(
    "postgres",
    `with made as (
       insert into trakit.events (captured_at, id, shop_id, name, event_id, occurred_at, webhook_at, channel, page, commerce, identifiers, digests, consent)
       select $2::timestamptz + n * interval '1 millisecond', 5000000 + n, $1, 'page_viewed', 'e' || n, $2, $2, 'web', '{}', '{}', '{}', '{}', '{}'
       from generate_series(1, 7000) n returning captured_at, id)
     insert into trakit.deliveries (captured_at, event_row, destination_id, shop_id, platform, state, reason, settled_at, retry_until)
     select captured_at, id, $3, $1, 'meta', 'failed', 'expired', $2, $2 from made`,
    [shop.id, NOON, shop.lanes["meta"]],
  );
  const begun = await replay();
  expect(begun).toMatchObject({ done: false, replayed: 5_000 });
  const step = async () => {
    const [row] = await db.query<
      { state: { replayed: number; finished_at: string | null; waiting: boolean } }
    >(
      "trakit_worker",
      "select trakit.step_replay($1, $2, 1000, $3) as state",
      [shop.domain, begun.replay_id, at(2 * HOUR)],
    );
    return row!.state;
  };
  expect(await step()).toMatchObject({ replayed: 6_000, waiting: false });
  // over 5,000 are due: live traffic that has to be retried must not stand behind a million
  expect(await step()).toMatchObject({ replayed: 6_000, waiting: true });
  const left = async () =>
    (await db.query<{ n: number }>("trakit_edge", "select trakit.run_replays(2, $1) as n", [at(2 * HOUR)]))[
      0
    ]!.n;
  expect(await left()).toBe(1);
  // one that waits takes no place of another shop's
  const other = await newShop(db);
  await db.query(
    "postgres",
    `insert into trakit.replays (shop_id, since, until, states, force, created_at, at_captured)
     select $1, since, until, states, force, created_at, at_captured from trakit.replays where id = $2`,
    [other.id, begun.replay_id],
  );
  await db.query("trakit_edge", "select trakit.run_replays(1, $1, 1)", [at(2 * HOUR)]);
  expect(await db.query("postgres", "select finished_at from trakit.replays where shop_id = $1", [other.id]))
    .toEqual([{ finished_at: at(2 * HOUR) }]);

  for (let sent = 0; sent < 3; sent++) {
    const { items } = await shop.claim("meta", { limit: 2_000, now: at(2 * HOUR) });
    await shop.settle(items, { kind: "delivered" }, at(2 * HOUR));
  }
  expect(await left()).toBe(0);
  const [row] = await db.query(
    "postgres",
    "select replayed, refused, finished_at from trakit.replays where id = $1",
    [
      begun.replay_id,
    ],
  );
  expect(row).toEqual({ replayed: "7000", refused: {}, finished_at: at(2 * HOUR) });
});

test("two at the same step do it once", async () => {
  await ended("1", { meta: FAILED });
  await db.query(
    "postgres",
    `insert into trakit.replays (shop_id, since, until, states, force, created_at, at_captured) values ($1, $2, $3, '{failed}', false, $2, $2)`,
    [shop.id, at(-HOUR), at(DAY)],
  );
  const [{ id }] = await db.query<{ id: string }>("postgres", "select max(id) as id from trakit.replays") as [
    { id: string },
  ];
  const holder = await db.connect("postgres");
  await holder.query("begin");
  await holder.query("select from trakit.replays where id = $1 for update", [id]);
  const [row] = await db.query<{ state: { waiting: boolean } }>(
    "trakit_worker",
    "select trakit.step_replay($1, $2, 1000, $3) as state",
    [shop.domain, id, at(HOUR)],
  );
  expect(row!.state.waiting).toBe(true);
  expect(await shop.delivery("meta")).toMatchObject({ state: "failed" });
  await holder.end();
});
