import { describe, expect, test } from "vitest";
import { type Connection, testDatabase } from "../../support/database.ts";
import { at, type CapturedCopy, fromBrowser, fromShopify } from "../../support/captured.ts";
import { newShop, PLATFORMS, type Shop } from "../../support/shop.ts";

const db = await testDatabase();

const hex = (n: number) => n.toString(16).padStart(32, "0");

/** Resolves when a backend waits for a lock another holds: the barrier these tests meet at. */
async function blocked(pid: number): Promise<void> {
  for (;;) {
    const rows = await db.query(
      "postgres",
      "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
      [pid],
    );
    if (rows.length > 0) return;
  }
}

const id = { event_id: "a".repeat(32) };
const order = { ...id, commerce: { order_id: "1001", checkout_token: "co-1" } };
const browser = () =>
  fromBrowser("checkout_completed", {
    ...id,
    commerce: { checkout_token: "co-1" },
    identifiers: { visitor_id: hex(1), fbp: "fb" },
  });
const shopify = (webhook: string, topic = "orders/create") =>
  fromShopify("checkout_completed", { ...order, webhook_id: webhook, topic });

/** The first call stands still before its commit, the second runs into it, then both go on. */
async function meet(shop: Shop, first: CapturedCopy[], second: CapturedCopy[]) {
  const [one, two] = [await db.connect("trakit_edge"), await db.connect("trakit_edge")];
  try {
    await one.query("begin");
    const firstAnswer = await shop.ingest(first, { on: one, slots: 5 });
    const pending = shop.ingest(second, { on: two, slots: 5, now: at(1) });
    await blocked(two.pid);
    await one.query("commit");
    return [firstAnswer, await pending] as const;
  } finally {
    await Promise.all([one.end(), two.end()]);
  }
}

describe("copies of one purchase at the same moment", () => {
  test("two webhooks: the second is a duplicate, and each destination gets one delivery", async () => {
    const shop = await newShop(db, { platforms: PLATFORMS });
    const [first, second] = await meet(shop, [shopify("w-1")], [shopify("w-2")]);
    expect(first.results[0]!.status).toBe("accepted");
    expect(second.results[0]!.status).toBe("duplicate");
    expect(second.sends).toEqual([]);
    expect(await shop.events()).toHaveLength(1);
    expect((await shop.deliveries()).map((row) => [row.platform, row.attempts])).toEqual(
      PLATFORMS.map((one) => [one, 1]),
    );
  });

  test("browser and webhook: one event of both, five deliveries, each sent once", async () => {
    for (const browserFirst of [true, false]) {
      const shop = await newShop(db, { platforms: PLATFORMS });
      const copies: [CapturedCopy[], CapturedCopy[]] = browserFirst
        ? [[browser()], [shopify("w-1")]]
        : [[shopify("w-1")], [browser()]];
      const [first, second] = await meet(shop, ...copies);
      expect([first.results[0]!.status, second.results[0]!.status]).toEqual(["accepted", "merged"]);
      const sends = [...first.sends, ...second.sends];
      expect(sends.map((send) => send.destination_id).sort()).toEqual(Object.values(shop.lanes).sort());
      const events = await shop.events();
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({
        browser_at: expect.any(Date),
        webhook_at: expect.any(Date),
        commerce: { order_id: "1001" },
        identifiers: { fbp: "fb" },
      });
      expect(await shop.deliveries()).toHaveLength(5);
    }
  });

  test("a first call that is rolled back leaves the purchase to the second", async () => {
    const shop = await newShop(db, { platforms: PLATFORMS });
    const [one, two] = [await db.connect("trakit_edge"), await db.connect("trakit_edge")];
    await one.query("begin");
    await shop.ingest([shopify("w-1")], { on: one });
    const pending = shop.ingest([shopify("w-1")], { on: two, now: at(1) });
    await blocked(two.pid);
    await one.query("rollback");
    expect((await pending).results[0]!.status).toBe("accepted");
    expect(await shop.deliveries()).toHaveLength(5);
  });

  test("twelve copies from twelve connections are one event and five deliveries", async () => {
    for (let round = 0; round < 5; round++) {
      const shop = await newShop(db, { platforms: PLATFORMS });
      const connections = await Promise.all(Array.from({ length: 12 }, () => db.connect("trakit_edge")));
      const answers = await Promise.all(
        connections.map((on, index) =>
          shop.ingest([
            index % 3 === 0
              ? browser()
              : shopify(`w-${index}`, index % 3 === 1 ? "orders/create" : "orders/paid"),
          ], {
            on,
            slots: 5,
          })
        ),
      );
      await Promise.all(connections.map((on) => on.end()));
      const statuses = answers.map((answer) => answer.results[0]!.status);
      expect(statuses.filter((status) => status === "accepted")).toHaveLength(1);
      expect(statuses.filter((status) => status === "merged")).toHaveLength(1);
      expect(statuses.filter((status) => status === "ignored")).toHaveLength(4);
      expect(await shop.events()).toHaveLength(1);
      expect(await shop.deliveries()).toHaveLength(5);
      expect(answers.flatMap((answer) => answer.sends)).toHaveLength(5);
    }
  });
});

describe("a visitor in two calls at the same moment", () => {
  test("two first events make one visitor", async () => {
    const shop = await newShop(db);
    const first = fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1), fbp: "one" } });
    const second = fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1), ttp: "two" } });
    const [, answer] = await meet(shop, [first], [second]);
    const visitors = await shop.visitors();
    expect(visitors).toHaveLength(1);
    expect(visitors[0]!.identifiers).toMatchObject({ fbp: "one", ttp: "two" });
    expect(answer.visitor).toMatchObject({ fbp: "one", ttp: "two" });
    expect(new Set((await shop.events()).map((event) => event["visitor_id"])).size).toBe(1);
  });

  test("two first events that share only the second key make one visitor", async () => {
    const shop = await newShop(db);
    const first = fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1), customer_id: "77" } });
    const second = fromBrowser("page_viewed", { identifiers: { visitor_id: hex(2), customer_id: "77" } });
    await meet(shop, [first], [second]);
    expect(await shop.visitors()).toHaveLength(1);
    expect((await shop.link("visitor", hex(2)))!.visitor_id).toBe(
      (await shop.link("visitor", hex(1)))!.visitor_id,
    );
  });

  test("an event of a visitor that is being merged away joins the one it became", async () => {
    const shop = await newShop(db);
    await shop.ingest([fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1) } })]);
    await shop.ingest([fromBrowser("page_viewed", { identifiers: { visitor_id: hex(2), fbp: "two" } })]);
    const merge = fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1), client_id: hex(9) } });
    const [older] = await shop.visitors();
    await shop.ingest([
      fromBrowser("page_viewed", { identifiers: { visitor_id: hex(2), client_id: hex(8) } }),
    ]);
    const both = fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1), client_id: hex(8) } });
    const [, answer] = await meet(shop, [merge, both], [
      fromBrowser("page_viewed", { identifiers: { visitor_id: hex(2), epik: "late" } }),
    ]);
    const visitors = await shop.visitors();
    expect(visitors.map((visitor) => visitor.id)).toEqual([older!.id]);
    expect(visitors[0]!.identifiers).toMatchObject({ fbp: "two", epik: "late" });
    expect(answer.visitor).toMatchObject({ fbp: "two" });
  });

  test("calls of different visitors do not wait for each other", async () => {
    const shop = await newShop(db);
    const [one, two] = [await db.connect("trakit_edge"), await db.connect("trakit_edge")];
    await one.query("begin");
    await shop.ingest([
      fromBrowser("page_viewed", { identifiers: { visitor_id: hex(1) }, commerce: { cart_token: "1" } }),
    ], { on: one });
    await two.query("set statement_timeout = '5s'");
    const answer = await shop.ingest(
      [fromBrowser("page_viewed", { identifiers: { visitor_id: hex(2) }, commerce: { cart_token: "2" } })],
      { on: two },
    );
    expect(answer.results[0]!.status).toBe("accepted");
    await one.query("commit");
  });
});

describe("batches with overlapping keys", () => {
  /** A small reproducible random source (mulberry32), so that a failing round can be run again. */
  function random(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) % below;
    };
  }

  /** Up to five events out of few purchases, visitors and carts, in any order: the worst neighbours. */
  function batch(pick: (below: number) => number, epoch: number): CapturedCopy[] {
    return Array.from({ length: 1 + pick(5) }, () => {
      const order = epoch * 10 + pick(4);
      const identifiers: Record<string, string> = {};
      if (pick(3) > 0) identifiers["visitor_id"] = hex(1 + pick(6));
      if (pick(3) === 0) identifiers["client_id"] = hex(100 + pick(4));
      if (pick(4) === 0) identifiers["customer_id"] = String(1 + pick(3));
      const rest = {
        event_id: hex(1_000 + order),
        identifiers,
        digests: pick(2) === 0 ? { "email.lower": [`e${pick(3)}`] } : {},
        commerce: { order_id: String(order), checkout_token: `co-${order}`, cart_token: `cart-${pick(3)}` },
      };
      return pick(2) === 0
        ? fromBrowser("checkout_completed", rest)
        : fromShopify("checkout_completed", { ...rest, webhook_id: `w-${order}-${pick(3)}` });
    });
  }

  test("two hundred random interleavings never deadlock, lose a purchase or count one twice", async () => {
    const connections: Connection[] = await Promise.all(
      Array.from({ length: 4 }, () => db.connect("trakit_edge")),
    );
    for (let epoch = 0; epoch < 20; epoch++) {
      const shop = await newShop(db, { platforms: ["meta", "tiktok"] });
      const sent = new Set<string>();
      for (let round = 0; round < 10; round++) {
        const seed = epoch * 10 + round;
        const pick = random(seed + 1);
        // orders change every other round: some batches bring first copies, some second ones
        const batches = connections.map(() => batch(pick, Math.floor(round / 2)));
        for (const copy of batches.flat()) sent.add(copy.event["event_id"] as string);
        await Promise.all(
          connections.map((on, index) =>
            shop.ingest(batches[index]!, {
              on,
              slots: 3,
              now: at(seed),
              refused: pick(3) === 0 ? { forged: 1 } : {},
            })
          ),
        ).catch((error: unknown) => {
          throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
        });
      }
      const events = await shop.events();
      expect(new Set(events.map((event) => event.event_id)), `epoch ${epoch}`).toEqual(sent);
      expect(events, `epoch ${epoch}: one event each`).toHaveLength(sent.size);
      expect(await shop.deliveries(), `epoch ${epoch}: one delivery for each destination`).toHaveLength(
        sent.size * 2,
      );
    }
    expect(
      await db.query(
        "postgres",
        `select from trakit.visitor_links l
         left join trakit.visitors v on v.shop_id = l.shop_id and v.id = l.visitor_id where v.id is null`,
      ),
      "a key leads to no visitor",
    ).toEqual([]);
  });
});
