import { expect, test } from "vitest";
import { testDatabase } from "../../support/database.ts";
import { fromShopify, NOON } from "../../support/captured.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();

async function shopWith(scores: [score: number | null, keys: string[] | null][]) {
  const shop = await newShop(db, { platforms: ["meta"] });
  const sent = await shop.ingest(scores.map(() => fromShopify("checkout_completed")), {
    slots: scores.length,
  });
  await db.query("trakit_edge", "select trakit.settle_deliveries($1, $2::jsonb, $3)", [
    shop.id,
    JSON.stringify(sent.sends.map((send, index) => ({
      ...send,
      kind: "delivered",
      reason: "accepted",
      match_score: scores[index]![0],
      match_keys: scores[index]![1],
    }))),
    NOON,
  ]);
  return shop;
}

test("match quality is averaged by platform, event and day, with the share of each identifier", async () => {
  const shop = await shopWith([[7.5, ["email", "phone"]], [2.5, ["email"]], [null, null]]);
  const row = {
    platform: "meta",
    name: "checkout_completed",
    score: "5.0",
    coverage: { email: 1, phone: 0.5 },
  };
  expect(await db.as("authenticated", { shop_id: shop.id }).query("select * from api.match_quality"))
    .toMatchObject([
      { ...row, shop_id: shop.id, events: "2" },
    ]);
  const [cli] = await db.query<{ quality: unknown }>(
    "trakit_worker",
    "select trakit.match_quality($1, 7, $2) as quality",
    [shop.domain, NOON],
  );
  expect(cli!.quality).toEqual([{ ...row, score: 5, events: 2 }]);
});

test("a shop sees its own match quality only, and an unknown shop has none", async () => {
  await shopWith([[9, ["email"]]]);
  const other = await newShop(db, { platforms: ["meta"] });
  expect(await db.as("authenticated", { shop_id: other.id }).query("select * from api.match_quality"))
    .toEqual([]);
  const quality = async (domain: string) =>
    (await db.query<{ quality: unknown }>("trakit_worker", "select trakit.match_quality($1, 7) as quality", [
      domain,
    ]))[0]!.quality;
  expect(await quality(other.domain)).toEqual([]);
  expect(await quality("nobody.myshopify.com")).toBeNull();
});

test("a later settlement without an estimate keeps the one of what was sent", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  const sent = await shop.ingest([fromShopify("checkout_completed")], { slots: 1 });
  const settle = (change: Record<string, unknown>) =>
    db.query("trakit_edge", "select trakit.settle_deliveries($1, $2::jsonb, $3)", [
      shop.id,
      JSON.stringify([{ ...sent.sends[0], reason: "x", ...change }]),
      NOON,
    ]);
  await settle({ kind: "retry", delay_ms: 1000, match_score: 4.2, match_keys: ["email"] });
  await settle({ kind: "delivered" });
  expect(await shop.deliveries()).toMatchObject([{
    state: "delivered",
    match_score: "4.2",
    match_keys: ["email"],
  }]);
});
