import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { at, fromBrowser, fromShopify, GRANTED, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop } from "../../support/shop.ts";

/**
 * The table of docs/two-copies.md: order of arrival × state of the delivery when the second copy comes → action. One test a
 * cell.
 */
const db = await testDatabase();

const NAMES = ["checkout_completed", "checkout_started", "product_added_to_cart"] as const;
const ORDERS = ["browser", "webhook"] as const;
type Name = (typeof NAMES)[number];

/** What the first copy has come to when the second one comes. */
const STATES = [
  "pending, never tried",
  "pending, tried before",
  "pending, leased",
  "delivered",
  "failed",
  "skipped: consent_denied",
  "skipped: consent_unknown",
  "skipped: no_order",
] as const;
type State = (typeof STATES)[number];

const ACTIONS: Record<State, string> = {
  "pending, never tried": "goes now, both copies as one",
  "pending, tried before": "keeps its due time, then both copies as one",
  "pending, leased": "stays",
  "delivered": "stays",
  "failed": "stays",
  "skipped: consent_denied": "stays",
  "skipped: consent_unknown": "goes now, both copies as one",
  "skipped: no_order": "goes now, both copies as one",
};

/** Nothing sends a browser's purchase alone, so it is never under way, and only it waits for an order. */
function possible(name: Name, first: "browser" | "webhook", state: State): boolean {
  const lonely = name === "checkout_completed" && first === "browser";
  if (state === "skipped: no_order") return lonely;
  return !lonely || !/tried before|leased|delivered|failed/.test(state);
}

const cells = NAMES.flatMap((name) =>
  ORDERS.flatMap((first) =>
    STATES.filter((state) => possible(name, first, state)).map((state) => ({ name, first, state }))
  )
);

describe.each(cells)("$name, $first first, $state", ({ name, first, state }) => {
  test(ACTIONS[state], async () => {
    const shop = await newShop(db, { settings: { unknown_consent: "skip" } });
    const event_id = randomBytes(16).toString("hex");
    const consent = state === "skipped: consent_denied"
      ? { analytics: true, marketing: false }
      : state === "skipped: consent_unknown"
      ? {}
      : GRANTED;
    const copies = {
      browser: (more: object = {}) =>
        fromBrowser(name, { event_id, identifiers: { fbp: "fb.1.1.browser" }, ...more }),
      webhook: (more: object = {}) => fromShopify(name, { event_id, commerce: { total: "49.90" }, ...more }),
    };
    const second = first === "browser" ? "webhook" : "browser";
    await shop.ingest([copies[first]({ consent })]);

    // far enough for whatever waits for a grace to be due
    const due = at(60);
    const attempt = async () => (await shop.claim("meta", { now: due })).items;
    if (state === "pending, tried before") {
      await shop.settle(await attempt(), { kind: "retry", delay_ms: 600_000 }, due);
    } else if (state === "pending, leased") {
      expect(await attempt()).toHaveLength(1);
    } else if (state === "delivered") {
      await shop.settle(await attempt(), { kind: "delivered" }, due);
    } else if (state === "failed") {
      await shop.settle(await attempt(), { kind: "permanent" }, due);
    } else if (state === "skipped: no_order") {
      await db.query("trakit_edge", "select trakit.expire_deliveries(100, $1)", [at(24 * HOUR + 1)]);
    }
    const before = await shop.delivery();
    expect(before.reason ? `${before.state}: ${before.reason}` : before.state)
      .toMatch(new RegExp(`^${state.split(",")[0]}`));

    const moment = state === "skipped: no_order" ? at(24 * HOUR + 60) : at(61);
    const answer = await shop.ingest([copies[second]()], { now: moment, slots: 5 });
    expect(answer.results).toMatchObject([{ status: "merged", event_id }]);
    const after = await shop.delivery();
    if (ACTIONS[state].startsWith("goes now")) {
      expect(answer.sends).toHaveLength(1);
      expect(after).toMatchObject({ state: "pending", attempts: before.attempts + 1, waits_for: null });
      expect(after.lease).not.toBeNull();
      // what goes is both copies, but for what a browser brought before its visitor had decided: nobody kept it
      const undecided = first === "browser" && state === "skipped: consent_unknown";
      expect(answer.results[0]!.event).toMatchObject({ commerce: { total: "49.90" }, source: "webhook" });
      expect(answer.results[0]!.event!.identifiers).toEqual(undecided ? {} : { fbp: "fb.1.1.browser" });
    } else if (ACTIONS[state].startsWith("keeps")) {
      expect(answer.sends).toEqual([]);
      expect(after).toMatchObject({ state: "pending", lease: null, next_attempt_at: before.next_attempt_at });
      const [item] = (await shop.claim("meta", { now: at(700) })).items;
      expect(item).toMatchObject({
        event: { commerce: { total: "49.90" }, identifiers: { fbp: "fb.1.1.browser" } },
      });
    } else {
      expect(answer.sends).toEqual([]);
      expect(after).toEqual(before);
    }

    // a third copy, of either side, is nothing
    const settled = await shop.delivery();
    const third = await shop.ingest([copies.browser(), copies.webhook()], { now: moment, slots: 5 });
    expect(third.results).toMatchObject([{ status: "duplicate" }, { status: "duplicate" }]);
    expect(third.sends).toEqual([]);
    expect(await shop.delivery()).toEqual(settled);
  });
});

test("the table has a row for every cell", () => {
  expect(cells).toHaveLength(3 + 1 + 7 + 2 * 2 * 7);
});

describe("one copy that stays alone", () => {
  test.each(["checkout_started", "product_added_to_cart"] as const)(
    "%s of a browser goes alone after the grace; Shopify's copy after that changes no delivery",
    async (name) => {
      const shop = await newShop(db, { settings: { grace_seconds: 30 } });
      const event_id = randomBytes(16).toString("hex");
      await shop.ingest([fromBrowser(name, { event_id })], { slots: 5 });
      expect((await shop.claim("meta", { now: at(29) })).items).toEqual([]);
      await shop.settle((await shop.claim("meta", { now: at(30) })).items, { kind: "delivered" }, at(30));
      const late = await shop.ingest([fromShopify(name, { event_id })], { now: at(90), slots: 5 });
      expect(late).toMatchObject({ results: [{ status: "merged" }], sends: [] });
      expect((await shop.delivery()).state).toBe("delivered");
    },
  );

  test("a purchase invented in a browser is never sent, however long it waits and whoever asks", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("checkout_completed", { signed: true })], { slots: 5 });
    for (const hours of [0, 1, 12, 23]) {
      expect((await shop.claim("meta", { now: at(hours * HOUR) })).items).toEqual([]);
    }
    await db.query("trakit_edge", "select trakit.expire_deliveries(100, $1)", [at(24 * HOUR)]);
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "no_order", attempts: 0 });
  });

  test("an order no browser spoke of goes at once", async () => {
    const shop = await newShop(db);
    const answer = await shop.ingest([fromShopify("checkout_completed")], { slots: 5 });
    expect(answer.sends).toHaveLength(1);
  });
});

describe("both copies at the same moment", () => {
  test.each(NAMES)("%s is one event, whoever is first, and leased to one caller", async (name) => {
    const shop = await newShop(db);
    for (let round = 0; round < 5; round++) {
      const event_id = randomBytes(16).toString("hex");
      const answers = await Promise.all([
        shop.ingest([fromBrowser(name, { event_id })], { slots: 5 }),
        shop.ingest([fromShopify(name, { event_id })], { slots: 5, now: at(60) }),
      ]);
      expect(answers.map(({ results }) => (results[0] as { status: string }).status).sort()).toEqual([
        "accepted",
        "merged",
      ]);
      expect(answers.flatMap(({ sends }) => sends).length).toBeLessThanOrEqual(1);
    }
    expect(await shop.events()).toHaveLength(5);
  });
});
