import { describe, expect, test } from "vitest";
import { at, DAY, NOON } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { purging } from "../../support/purge.ts";
import { newShop, sealedToken } from "../../support/shop.ts";

const db = await testDatabase();
const { purge } = purging(db);

describe("quarantine", () => {
  const put = (shop: string, webhook: string, now = NOON, reason = "unreadable_payload") =>
    db.query<{ result: string }>(
      "trakit_edge",
      "select trakit.quarantine_webhook($1, 'orders/create', $2, $3, $4, $5, $6) as result",
      [shop, webhook, reason, ["line_items.0.price: invalid_type"], sealedToken("body"), now],
    ).then((rows) => rows[0]!.result);
  const list = (shop: string, limit = 50) =>
    db.query<{ listed: Record<string, unknown>[] | null }>(
      "trakit_worker",
      "select trakit.list_quarantine($1, $2) as listed",
      [
        shop,
        limit,
      ],
    ).then((rows) => rows[0]!.listed);
  const settle = (shop: string, id: unknown, read: boolean) =>
    db.query<{ settled: boolean }>(
      "trakit_worker",
      "select trakit.settle_quarantine($1, $2, $3) as settled",
      [shop, id, read],
    )
      .then((rows) => rows[0]!.settled);

  test("keeps a webhook once, sealed, and counts each time it came", async () => {
    const shop = await newShop(db);
    expect(await put(shop.domain, "w-1")).toBe("quarantined");
    expect(await put(shop.domain, "w-1", at(60))).toBe("quarantined");
    const listed = (await list(shop.domain))!;
    expect(listed).toHaveLength(1);
    expect(listed[0]).toMatchObject({
      topic: "orders/create",
      webhook_id: "w-1",
      reason: "unreadable_payload",
      issues: ["line_items.0.price: invalid_type"],
      sealed_body: sealedToken("body"),
      tries: 0,
    });
    expect(
      await db.query(
        "postgres",
        "select place, reason, sum(count)::text as count from trakit.refusals where shop_id = $1 group by 1, 2",
        [
          shop.id,
        ],
      ),
    ).toEqual([{ place: "webhooks", reason: "unreadable_payload", count: "2" }]);
  });

  test("lists oldest first, as many as asked for", async () => {
    const shop = await newShop(db);
    for (const [index, webhook] of ["w-3", "w-1", "w-2"].entries()) {
      await put(shop.domain, webhook, at(index));
    }
    expect((await list(shop.domain, 2))!.map((row) => row["webhook_id"])).toEqual(["w-3", "w-1"]);
  });

  test("lets go of what could be read, and counts what could not", async () => {
    const shop = await newShop(db);
    await put(shop.domain, "w-1");
    const [{ id }] = (await list(shop.domain)) as [{ id: number }];
    expect(await settle(shop.domain, id, false)).toBe(true);
    expect((await list(shop.domain))![0]).toMatchObject({ tries: 1 });
    expect(await settle(shop.domain, id, true)).toBe(true);
    expect(await list(shop.domain)).toEqual([]);
    expect(await settle(shop.domain, id, true)).toBe(false);
  });

  test("is another shop's as little as its events are", async () => {
    const [one, two] = [await newShop(db), await newShop(db)];
    await put(one.domain, "w-1");
    const [{ id }] = (await list(one.domain)) as [{ id: number }];
    expect(await list(two.domain)).toEqual([]);
    expect(await settle(two.domain, id, true)).toBe(false);
    expect(await settle("nobody.myshopify.com", id, true)).toBe(false);
    expect(await list(one.domain)).toHaveLength(1);
  });

  test("of a shop nobody knows keeps nothing and counts it", async () => {
    expect(await put("nobody.myshopify.com", "w-1")).toBe("unknown_shop");
    expect(await list("nobody.myshopify.com")).toBeNull();
    const rows = await db.query<{ n: string }>(
      "postgres",
      "select sum(count)::text as n from trakit.refusals where reason = 'unknown_shop' and place = 'webhooks' and day = '2031-03-12'",
    );
    expect(rows).toEqual([{ n: "1" }]);
  });

  test("is purged after 7 days", async () => {
    const shop = await newShop(db);
    await put(shop.domain, "w-1");
    await purge(at(7 * DAY - 1));
    expect(await list(shop.domain)).toHaveLength(1);
    await purge(at(7 * DAY));
    expect(await list(shop.domain)).toEqual([]);
  });
});
