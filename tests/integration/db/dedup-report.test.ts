import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { fromBrowser, fromShopify } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();
// the view looks at the last 7 days by the database's own clock
const NOW = new Date();

test("the report counts what browser, Shopify and both saw, the matched share, and what was sent once", async () => {
  await db.query("trakit_edge", "select trakit.ensure_partitions(2, now())");
  const shop = await newShop(db, { platforms: ["meta", "google"] });
  const stranger = await newShop(db);
  await stranger.ingest([fromBrowser("page_viewed")], { now: NOW });

  const id = () => randomBytes(16).toString("hex");
  const ids = [id(), id(), id()];
  for (const [n, event_id] of ids.entries()) {
    if (n < 2) await shop.ingest([fromBrowser("checkout_completed", { event_id })], { now: NOW });
    await shop.ingest([fromShopify("checkout_completed", { event_id })], { now: NOW });
  }
  await shop.ingest([fromBrowser("checkout_completed"), fromBrowser("page_viewed", { signed: false })], {
    now: NOW,
  });
  const [first, second] = (await shop.claim("meta", { now: NOW })).items as [never, never];
  await shop.settle([first], { kind: "delivered" }, NOW);
  await shop.settle([second], { kind: "in_doubt", delay_ms: 1_000 }, NOW);
  const later = new Date(NOW.getTime() + 2_000);
  const again = (await shop.claim("meta", { now: later })).items as {
    event: { event_id: string };
    doubts: number;
  }[];
  await shop.settle(again.filter(({ doubts }) => doubts > 0) as never, { kind: "delivered" }, later);

  const rows = await db.as("authenticated", { shop_id: shop.id }).query<Record<string, unknown>>(
    "select * from api.dedup_report order by name",
  );
  expect(rows).toMatchObject([
    {
      shop_id: shop.id,
      name: "checkout_completed",
      events: "4",
      seen_by_browser: "3",
      seen_by_shopify: "3",
      seen_by_both: "2",
      matched_share: "0.6667",
      signed: "3",
      sent_once: "1",
      sent_in_doubt: "1",
      past_dedup_window: "0",
    },
    { name: "page_viewed", events: "1", seen_by_both: "0", matched_share: null, signed: "0" },
  ]);
});
