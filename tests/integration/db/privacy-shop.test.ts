import { describe, expect, test } from "vitest";
import { at, DAY, fromBrowser } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { person, persons } from "../../support/person.ts";
import { newShop, sealedToken } from "../../support/shop.ts";

/** After a redaction nothing of ours leads to that shop. Proven by searching a full dump (tests/support/dump.ts). */
const db = await testDatabase();
const { linesWith, live, request, work } = persons(db);

describe("redacting a shop", () => {
  test("leaves nothing that leads to it but a receipt that does not name it", async () => {
    const shop = await newShop(db, {
      domain: "leaving-entirely.myshopify.com",
      platforms: ["meta", "google"],
    });
    const neighbour = await newShop(db, { domain: "stays-here.myshopify.com" });
    await live(shop, person("leaver", "7012345670008"), "leaver");
    await live(neighbour, person("neighbour", "7012345670009"), "neighbour");
    await db.query(
      "postgres",
      `insert into trakit.installations (shop_id, sealed_access, access_expires_at, created_at, updated_at)
       values ($1, $2, $3, $3, $3)`,
      [shop.id, sealedToken("leaver"), at(0)],
    );
    await shop.ingest([fromBrowser("page_viewed")], { refused: { leaver_refused: 3 } });
    const before = (await linesWith([neighbour.id])).length;

    const asked = await request(shop, "redact_shop", "webhook-4711", null, at(100));
    expect((await shop.ingest([fromBrowser("page_viewed")], { now: at(101) })).shop).toBe("uninstalled");
    await work(at(110));
    // tokens and rows are gone; the shop's own row waits for calls that began before
    expect(await linesWith([sealedToken("leaver"), "7012345670008", "leaver-visitor"])).toEqual([]);
    expect(await work(at(170))).toBe(1);

    expect(await linesWith([shop.id, shop.domain, ...Object.values(shop.lanes), "leaver"])).toEqual([]);
    expect(await linesWith([asked.id])).toEqual([expect.stringContaining("webhook-4711")]);
    expect((await linesWith([neighbour.id])).length).toBe(before);
    expect((await shop.ingest([fromBrowser("page_viewed")], { now: at(200) })).shop).toBe("unknown");
  });

  test("is refused where the shop was installed again meanwhile", async () => {
    const shop = await newShop(db);
    expect(await request(shop, "redact_shop", "late", null, at(-2 * DAY))).toMatchObject({
      status: "reinstalled",
    });
    expect((await shop.ingest([fromBrowser("page_viewed")])).shop).toBe("active");
  });

  test("by hand needs its name twice", async () => {
    const shop = await newShop(db);
    const redact = async (confirm: string) =>
      (await db.query<{ r: Record<string, unknown> }>(
        "trakit_worker",
        "select api.redact_shop($1, $2, $3) as r",
        [
          shop.domain,
          confirm,
          at(50),
        ],
      ))[0]!.r;
    expect(await redact("something else")).toEqual({ status: "not_confirmed" });
    expect((await shop.ingest([fromBrowser("page_viewed")])).shop).toBe("active");
    expect(await redact(shop.domain)).toMatchObject({ status: "accepted", state: "waiting" });
    expect(await work(at(120))).toBe(1);
    expect(await linesWith([shop.id, shop.domain])).toEqual([]);
  });
});

describe("an uninstall", () => {
  test("destroys every token at once, closes the lanes, takes no events, and keeps the data", async () => {
    const shop = await newShop(db, { platforms: ["meta", "google"] });
    await shop.ingest([fromBrowser("page_viewed")]);
    await db.query(
      "postgres",
      `insert into trakit.installations
         (shop_id, sealed_access, access_expires_at, sealed_refresh, refresh_expires_at, created_at, updated_at)
       values ($1, $2, $3, $2, $3, $3, $3)`,
      [shop.id, sealedToken("uninstalled"), at(0)],
    );
    await db.query(
      "postgres",
      `insert into trakit.sealed_settings (destination_id, shop_id, name, sealed)
       select d.id, d.shop_id, 'a_secret', $2 from trakit.destinations d where d.shop_id = $1 limit 1`,
      [shop.id, sealedToken("uninstalled")],
    );
    const uninstall = async (when: Date) =>
      (await db.query<{ r: string }>("trakit_edge", "select trakit.uninstall_shop($1, $2, $3) as r", [
        shop.domain,
        when,
        at(10),
      ]))[0]!.r;
    expect(await uninstall(at(-2 * DAY))).toBe("reinstalled");
    expect(await uninstall(at(9))).toBe("uninstalled");
    expect(await uninstall(at(9))).toBe("uninstalled");
    const rows = await linesWith([shop.id]);
    expect(rows.filter((row) => row.includes("v1.k1."))).toEqual([]);
    expect(rows.filter((row) => /trakit\.events_/.test(row))).toHaveLength(1);
    expect(await shop.lane()).toMatchObject({ state: "held", reason: "uninstalled" });
    expect((await shop.claim("meta", { now: at(20) })).items).toEqual([]);
    expect((await shop.ingest([fromBrowser("page_viewed")])).shop).toBe("uninstalled");
    // it comes back: without a token nothing is sent, with one the lane flows
    await shop.change({}, at(30));
    expect((await shop.claim("meta", { now: at(31) })).items).toEqual([]);
    await shop.set("meta", { now: at(32) });
    expect((await shop.claim("meta", { now: at(33) })).items).toHaveLength(1);
    expect(await uninstall(at(9))).toBe("reinstalled");
  });
});
