import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { at, type CapturedCopy, fromBrowser, NOON } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import type { Ingested } from "../../support/rows.ts";
import { newShop } from "../../support/shop.ts";

/** The difference of a cart to its last known lines, and how it finds the browser's report of the same add. */
const db = await testDatabase();

type Shop = Awaited<ReturnType<typeof newShop>>;
interface Answer extends Ingested {
  ignored?: string;
  events: { event_id: string; commerce: { items: { quantity: number; line_discount: string }[] } }[];
}

const CONSENT = { analytics: true, marketing: true };
const newToken = () => `cart${randomBytes(8).toString("hex")}`;

/** A cart webhook: `lines` is units by variant; one line each. */
async function cart(
  shop: Shop,
  token: string,
  lines: Record<string, number>,
  call: { at?: number; created?: number; now?: Date; slots?: number; discount?: string; on?: typeof db } = {},
): Promise<Answer> {
  const changed = at(call.at ?? 0).toISOString();
  const state = {
    token,
    created_at: at(call.created ?? -60).toISOString(),
    changed_at: changed,
    topic: "carts/update",
    lines: Object.entries(lines).map(([variant, quantity]) => ({
      key: `${variant}:0`,
      variant_id: variant,
      quantity,
      unit_discount: call.discount ?? "0",
      event: {
        name: "product_added_to_cart",
        event_id: "",
        occurred_at: changed,
        source: "webhook",
        channel: "web",
        test: false,
        page: { url: "https://x.myshopify.com/" },
        commerce: {
          currency: "EUR",
          cart_token: token,
          items: [{ variant_id: variant, quantity, unit_price: "5.00", line_discount: "0" }],
        },
        digests: {},
        identifiers: {},
        consent: {},
        client: {},
      },
    })),
  };
  const [row] = await db.query<{ answer: Answer }>(
    "trakit_edge",
    "select trakit.ingest_cart($1, $2, $3, $4) as answer",
    [shop.domain, JSON.stringify(state), call.slots ?? 0, call.now ?? at(call.at ?? 0)],
  );
  return row!.answer;
}

/** A browser's add; the same that the proxy function hands in. */
function add(
  token: string,
  variant: string,
  quantity: number,
  occurredAt = 0,
  id = randomBytes(16).toString("hex"),
): CapturedCopy {
  return fromBrowser("product_added_to_cart", {
    event_id: id,
    occurred_at: at(occurredAt),
    commerce: {
      cart_token: token,
      items: [{ variant_id: variant, quantity, unit_price: "5.00", line_discount: "0" }],
    },
    identifiers: { visitor_id: randomBytes(16).toString("hex"), fbp: "fb.1.1792998010123.1" },
    consent: CONSENT,
  });
}

async function browser(shop: Shop, copies: CapturedCopy[], now = 0): Promise<Ingested> {
  const [row] = await db.query<{ answer: Ingested }>(
    "trakit_edge",
    "select trakit.ingest_browser_events($1, $2, 5, '{}', $3, '[]', $4) as answer",
    [
      shop.domain,
      JSON.stringify(copies),
      JSON.stringify({ prefix: "t", origin: null, events: copies.length, consent: CONSENT }),
      at(now),
    ],
  );
  return row!.answer;
}

const added = (answer: Answer) => answer.events.map((event) => event.commerce.items[0]!.quantity);

/** What the shop's log holds: units, and which sides spoke of them. */
async function stored(shop: Shop) {
  const rows = await db.query<{ id: string; units: number; sides: string }>(
    "postgres",
    `select event_id as id, (commerce #>> '{items,0,quantity}')::int as units,
       concat_ws('+', case when browser_at is not null then 'browser' end, case when webhook_at is not null then 'shopify' end) as sides
     from trakit.events where shop_id = $1 order by id`,
    [shop.id],
  );
  return rows;
}
const totals = async (shop: Shop) =>
  (await stored(shop)).map(({ units, sides }) => `${units} ${sides}`).sort();

describe("the difference", () => {
  test("of a new cart is all it holds, of a later state what was added; what was taken out is no event", async () => {
    const shop = await newShop(db);
    const token = newToken();
    expect(added(await cart(shop, token, { a: 2 }))).toEqual([2]);
    expect(added(await cart(shop, token, { a: 2, b: 1 }, { at: 10 }))).toEqual([1]);
    const less = await cart(shop, token, { a: 1, b: 1 }, { at: 20 });
    expect(less).toMatchObject({ results: [], events: [] });
    expect(added(await cart(shop, token, { a: 3, b: 3 }, { at: 30 }))).toEqual([2, 2]);
    expect(await totals(shop)).toEqual(["1 shopify", "2 shopify", "2 shopify", "2 shopify"]);
  });

  test("an add, its taking back and the same add again are two events", async () => {
    const shop = await newShop(db);
    const token = newToken();
    await cart(shop, token, { a: 1 });
    await cart(shop, token, {}, { at: 10 });
    expect((await cart(shop, token, { a: 1 }, { at: 20 })).results).toMatchObject([{ status: "accepted" }]);
    expect(await totals(shop)).toEqual(["1 shopify", "1 shopify"]);
  });

  test("delivered twice, or with nothing new, makes nothing", async () => {
    const shop = await newShop(db);
    const token = newToken();
    await cart(shop, token, { a: 1 });
    expect(await cart(shop, token, { a: 1 })).toMatchObject({ results: [] });
    expect(await cart(shop, token, { a: 1 }, { at: 5 })).toMatchObject({ results: [] });
    expect(await totals(shop)).toEqual(["1 shopify"]);
  });

  test("of an older delivery is nothing, whatever it holds, and the newer state stays", async () => {
    const shop = await newShop(db);
    const token = newToken();
    expect(added(await cart(shop, token, { a: 2 }, { at: 10 }))).toEqual([2]);
    expect(await cart(shop, token, { a: 1, b: 5 }, { at: 9 })).toMatchObject({
      ignored: "older_cart",
      results: [],
    });
    expect(added(await cart(shop, token, { a: 3 }, { at: 11 }))).toEqual([1]);
  });

  test("of a cart from before we were told of carts is not known: it is taken as it is", async () => {
    const shop = await newShop(db);
    const token = newToken();
    // the shop was added a day before noon
    const before = await cart(shop, token, { a: 4 }, { created: -90_000 });
    expect(before).toMatchObject({ ignored: "unknown_cart", results: [] });
    expect(added(await cart(shop, token, { a: 5 }, { at: 10, created: -90_000 }))).toEqual([1]);
  });

  test("carries the discount of the units added", async () => {
    const shop = await newShop(db);
    const token = newToken();
    await cart(shop, token, { a: 1 }, { discount: "0.35" });
    const { events } = await cart(shop, token, { a: 4 }, { at: 10, discount: "0.35" });
    expect(events[0]!.commerce.items[0]).toMatchObject({ quantity: 3, line_discount: "1.05" });
  });

  test("of one shop's cart is no other's: a token names a cart within its shop", async () => {
    const [shop, other] = [await newShop(db), await newShop(db)];
    const token = newToken();
    await cart(shop, token, { a: 2 }, { at: 10 });
    expect(added(await cart(other, token, { a: 1 }))).toEqual([1]);
  });

  test("of the same deliveries in any order, repeated at will, ends in the same cart and never counts a unit twice", async () => {
    const shop = await newShop(db);
    const deliveries = fc.array(fc.record({ a: fc.nat(3), b: fc.nat(3) }), { minLength: 1, maxLength: 5 })
      .chain((states) =>
        fc.tuple(
          fc.constant(states),
          fc.shuffledSubarray([...states.keys(), ...states.keys()], { minLength: states.length }),
        )
      );
    await fc.assert(
      fc.asyncProperty(deliveries, async ([states, order]) => {
        const token = newToken();
        let sum = 0;
        for (const n of order) {
          const lines = Object.fromEntries(Object.entries(states[n]!).filter(([, units]) => units > 0));
          sum += added(await cart(shop, token, lines, { at: n })).reduce((left, right) => left + right, 0);
        }
        // at most what was added when every state is seen in its order
        let most = 0;
        let last = { a: 0, b: 0 };
        for (const state of states) {
          most += Math.max(0, state.a - last.a) + Math.max(0, state.b - last.b);
          last = state;
        }
        expect(sum).toBeLessThanOrEqual(most);
        const newest = Math.max(...order);
        const [row] = await db.query<{ lines: Record<string, number> }>(
          "postgres",
          "select lines from trakit.carts where shop_id = $1 and token = $2",
          [shop.id, token],
        );
        expect(row!.lines).toEqual(
          Object.fromEntries(
            Object.entries(states[newest]!).filter(([, units]) => units > 0).map((
              [key, n],
            ) => [`${key}:0`, n]),
          ),
        );
      }),
      { numRuns: 25 },
    );
  });

  test("told twice at the same moment is one event", async () => {
    const shop = await newShop(db);
    const token = newToken();
    const answers = await Promise.all(Array.from({ length: 5 }, () => cart(shop, token, { a: 2 })));
    expect(answers.filter(({ results }) => results.length > 0)).toHaveLength(1);
    expect(await totals(shop)).toEqual(["2 shopify"]);
  });
});

describe("an add both sides report", () => {
  test("browser first: Shopify's copy takes the browser's id, and what waited goes out at once", async () => {
    const shop = await newShop(db);
    const token = newToken();
    const copy = add(token, "a", 2);
    expect(await browser(shop, [copy])).toMatchObject({ results: [{ status: "accepted" }], sends: [] });
    const answer = await cart(shop, token, { a: 2 }, { at: 3, slots: 5 });
    expect(answer.results).toMatchObject([{ status: "merged", event_id: copy.event["event_id"] }]);
    expect(answer.sends).toHaveLength(1);
    expect(await stored(shop)).toEqual([{ id: copy.event["event_id"], units: 2, sides: "browser+shopify" }]);
  });

  test("Shopify first, nothing sent yet: the event takes the browser's id, which the page's tags were given", async () => {
    const shop = await newShop(db);
    const token = newToken();
    await cart(shop, token, { a: 1 }, { slots: 5 });
    const copy = add(token, "a", 1);
    const answer = await browser(shop, [copy], 3);
    expect(answer.results).toMatchObject([{ status: "merged", event_id: copy.event["event_id"] }]);
    expect(answer.sends).toHaveLength(1);
    expect(await stored(shop)).toEqual([{ id: copy.event["event_id"], units: 1, sides: "browser+shopify" }]);
    expect((await browser(shop, [copy], 4)).results).toMatchObject([{ status: "duplicate" }]);
  });

  test("Shopify first and sent: the event keeps the id that was sent, and the answer names it", async () => {
    const shop = await newShop(db);
    const token = newToken();
    // somebody the cart is known by: Shopify's copy goes at once
    await browser(shop, [fromBrowser("cart_viewed", {
      commerce: { cart_token: token },
      identifiers: { visitor_id: randomBytes(16).toString("hex") },
      consent: CONSENT,
    })]);
    await shop.change({ unknown_consent: "send" });
    const first = await cart(shop, token, { a: 1 }, { slots: 5 });
    expect(first.sends).toHaveLength(1);
    const answer = await browser(shop, [add(token, "a", 1)], 3);
    expect(answer.results).toMatchObject([{ status: "merged", event_id: first.events[0]!.event_id }]);
  });

  test("of another variant, another quantity or more than two minutes apart is another add", async () => {
    const shop = await newShop(db);
    const token = newToken();
    await browser(shop, [add(token, "b", 1), add(token, "a", 5), add(token, "a", 1, -121)]);
    expect((await cart(shop, token, { a: 1 })).results).toMatchObject([{ status: "accepted" }]);
    const other = newToken();
    await cart(shop, other, { a: 1 });
    expect((await browser(shop, [add(other, "a", 1, 121)], 121)).results).toMatchObject([{
      status: "accepted",
    }]);
    expect((await browser(shop, [add(other, "a", 1, 120)], 121)).results).toMatchObject([{
      status: "merged",
    }]);
  });

  test("in another cart is another add", async () => {
    const shop = await newShop(db);
    await browser(shop, [add(newToken(), "a", 1)]);
    expect((await cart(shop, newToken(), { a: 1 })).results).toMatchObject([{ status: "accepted" }]);
  });

  test("at the same moment, is one event whichever comes first", async () => {
    const shop = await newShop(db);
    for (let round = 0; round < 6; round++) {
      const token = newToken();
      await Promise.all([cart(shop, token, { a: 1 }), browser(shop, [add(token, "a", 1)])]);
    }
    expect(await totals(shop)).toEqual(Array(6).fill("1 browser+shopify"));
  });
});

describe("several adds that Shopify tells of as one", () => {
  test("browser first: each takes its own report, none is counted again", async () => {
    const shop = await newShop(db);
    const token = newToken();
    const copies = [add(token, "a", 1, 0), add(token, "a", 1, 1), add(token, "a", 1, 2)];
    await browser(shop, copies, 2);
    const answer = await cart(shop, token, { a: 3 }, { at: 4 });
    expect(answer.results.map((result) => (result as { status: string }).status)).toEqual([
      "merged",
      "merged",
      "merged",
    ]);
    expect(await totals(shop)).toEqual(Array(3).fill("1 browser+shopify"));
  });

  test("one report missing: the rest is Shopify's own", async () => {
    const shop = await newShop(db);
    const token = newToken();
    await browser(shop, [add(token, "a", 1, 0), add(token, "a", 1, 1)], 2);
    await cart(shop, token, { a: 3 }, { at: 4 });
    expect(await totals(shop)).toEqual(["1 browser+shopify", "1 browser+shopify", "1 shopify"]);
  });

  test("Shopify first: the first report is its second copy, the others add nothing", async () => {
    const shop = await newShop(db);
    const token = newToken();
    await cart(shop, token, { a: 3 });
    const answer = await browser(
      shop,
      [add(token, "a", 1, 0), add(token, "a", 1, 1), add(token, "a", 1, 2)],
      3,
    );
    expect(answer.results).toMatchObject([{ status: "merged" }, { status: "duplicate" }, {
      status: "duplicate",
    }]);
    expect(await totals(shop)).toEqual(["3 browser+shopify"]);
    // and the next one is a new add again
    expect((await browser(shop, [add(token, "a", 1, 4)], 4)).results).toMatchObject([{ status: "accepted" }]);
  });

  test("an exact report is preferred to a sum", async () => {
    const shop = await newShop(db);
    const token = newToken();
    const [one, three] = [add(token, "a", 1, -5), add(token, "a", 3, 0)];
    await browser(shop, [one, three]);
    const answer = await cart(shop, token, { a: 3 }, { at: 1 });
    expect(answer.results).toMatchObject([{ status: "merged", event_id: three.event["event_id"] }]);
  });
});

test("carts and unmatched adds are forgotten in time", async () => {
  const shop = await newShop(db);
  const token = newToken();
  await cart(shop, token, { a: 1 });
  const kept = async () => {
    const [row] = await db.query<{ carts: number; adds: number }>(
      "postgres",
      `select (select count(*)::int from trakit.carts where shop_id = $1) as carts,
        (select count(*)::int from trakit.cart_adds where shop_id = $1) as adds`,
      [shop.id],
    );
    return row;
  };
  expect(await kept()).toEqual({ carts: 1, adds: 1 });
  await db.query("trakit_edge", "select trakit.purge($1)", [new Date(NOON.getTime() + 2 * 86_400_000)]);
  expect(await kept()).toEqual({ carts: 1, adds: 0 });
  await db.query("trakit_edge", "select trakit.purge($1)", [new Date(NOON.getTime() + 31 * 86_400_000)]);
  expect(await kept()).toEqual({ carts: 0, adds: 0 });
});
