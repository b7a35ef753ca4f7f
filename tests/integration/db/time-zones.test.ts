import { describe, expect, test } from "vitest";
import { fromBrowser } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop } from "../../support/shop.ts";

/**
 * Days are UTC's, whatever time zone a session is in: a day on which that zone's clocks change is no shorter and no longer.
 * New York goes to summer time on 9 March 2031 at 07:00 UTC.
 */
const db = await testDatabase();
await db.query("postgres", `alter database ${db.name} set timezone = 'America/New_York'`);

describe("in a session of New York, on the day the clocks change", () => {
  test("every outcome of a large batch is settled, to the day's last hour", async () => {
    const shop = await newShop(db);
    const now = new Date("2031-03-09T23:30:00.000Z");
    await shop.ingest(Array.from({ length: 150 }, () => fromBrowser("page_viewed", { occurred_at: now })), {
      now,
    });
    const { items } = await shop.claim("meta", { limit: 1_000, now });
    expect(items).toHaveLength(150);
    expect(await shop.settle(items, { kind: "delivered" }, now)).toEqual({ settled: 150, late: 0 });
    expect((await shop.deliveries()).filter((row) => row.state !== "delivered")).toEqual([]);
  });

  test("a key is kept for seven times 24 hours", async () => {
    const shop = await newShop(db);
    const now = new Date("2031-03-09T06:00:00.000Z");
    await shop.ingest([fromBrowser("page_viewed", { occurred_at: now })], { now });
    const [key] = await db.query<{ expires_at: Date }>(
      "postgres",
      "select expires_at from trakit.event_keys where shop_id = $1",
      [shop.id],
    );
    expect(key!.expires_at.toISOString()).toBe("2031-03-16T06:00:00.000Z");
  });
});
