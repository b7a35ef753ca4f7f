import { describe, expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { at, fromShopify } from "../../support/captured.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();

const purchase = {
  event_id: "a".repeat(32),
  commerce: {
    order_id: "1001",
    order_name: "#1001",
    total: "49.90",
    currency: "EUR",
    checkout_token: "co-1",
  },
};

describe("orders that are not to be counted", () => {
  test.each([
    ["skip", null, "skipped", "test_order", false],
    ["skip", "TEST1", "skipped", "test_order", true],
    ["test_mode", null, "skipped", "test_order", false],
    ["test_mode", "TEST1", "pending", null, true],
    ["send", null, "pending", null, false],
    ["send", "TEST1", "pending", null, true],
  ])(
    "a test order with test_orders = %s and test code %s is %s",
    async (setting, testCode, state, reason, test) => {
      const shop = await newShop(db, { settings: { test_orders: setting }, platforms: [] });
      await shop.set("meta", { testCode });
      await shop.ingest([fromShopify("checkout_completed", { ...purchase, test: true })]);
      expect(await shop.delivery()).toMatchObject({ state, reason, test });
    },
  );

  test.each(["pos", "draft", "subscription", "other"])(
    "an order of channel %s is skipped unless the shop takes it",
    async (channel) => {
      const shop = await newShop(db);
      await shop.ingest([fromShopify("checkout_completed", { ...purchase, channel })]);
      expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "source_excluded" });
      await shop.change({ excluded_channels: [] });
      await shop.ingest([fromShopify("checkout_completed", { channel, commerce: { order_id: "2" } })], {
        now: at(60),
      });
      expect((await shop.deliveries()).map((row) => row.state)).toEqual(["skipped", "pending"]);
    },
  );

  test("a web order is skipped where the shop excludes the web", async () => {
    const shop = await newShop(db, { settings: { excluded_channels: ["web"] } });
    await shop.ingest([fromShopify("checkout_completed", purchase)]);
    expect(await shop.delivery()).toMatchObject({ state: "skipped", reason: "source_excluded" });
  });
});
