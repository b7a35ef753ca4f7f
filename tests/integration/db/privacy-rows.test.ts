import { afterAll, describe, expect, test } from "vitest";
import { at, DAY, fromBrowser, fromShopify, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { person, persons } from "../../support/person.ts";
import { testQueue } from "../../support/queue.ts";
import { newShop, type Shop } from "../../support/shop.ts";

/** Whose row it is: what a request leads to by held and told keys, and what it does not (docs/adr/0031-whose-row-it-is.md). */
const db = await testDatabase();
const { linesWith, request, work } = persons(db);
const boss = await testQueue(db);
afterAll(() => boss.stop({ graceful: false }));

interface Export {
  customers: Record<string, unknown>[];
  visitors: Record<string, unknown>[];
  carts: Record<string, unknown>[];
  events: (Record<string, unknown> & { event_id: string })[];
  next: string | null;
}

async function exported(shop: Shop, subject: object, after: string | null = null, limit = 10_000) {
  const session = await db.connect("trakit_app");
  try {
    await session.query("select set_config('trakit.shop_id', $1, false)", [shop.id]);
    const [row] = await session.query<{ r: Export }>("select trakit.export_person($1, $2, $3, $4) as r", [
      shop.id,
      JSON.stringify(subject),
      after,
      limit,
    ]);
    return row!.r;
  } finally {
    await session.end();
  }
}

const subject = (named: object) => ({ customers: [], emails: [], phones: [], orders: [], ...named });
const browser = (word: string, customer?: string) => ({
  visitor_id: `${word}-visitor`,
  client_id: `${word}-client`,
  fbp: `${word}-fbp`,
  ...(customer === undefined ? {} : { customer_id: customer }),
});
const client = (word: string) => ({ client: { ip: `${word}-ip`, user_agent: `${word}-agent` } });
const ids = (events: { event_id: string }[]) => events.map((event) => event.event_id).sort();
let asked = 0;
const redact = async (shop: Shop, named: object) => {
  await request(shop, "redact_customer", `redact-${++asked}`, subject(named));
  await work(at(2 * HOUR));
};

describe("after two visitors were folded into one", () => {
  async function folded(shop: Shop, word: string, customer: string): Promise<string[]> {
    const [one, other] = [`${word}-phone`, `${word}-desk`];
    const events = [
      fromBrowser("page_viewed", { identifiers: browser(one), ...client(one) }),
      fromBrowser("product_viewed", { identifiers: browser(one), ...client(one) }),
      fromBrowser("page_viewed", { identifiers: browser(other), ...client(other) }),
      fromBrowser("page_viewed", { identifiers: browser(one, customer), ...client(one) }),
      fromBrowser("page_viewed", { identifiers: browser(other, customer), ...client(other) }),
      // one more, so that chains are followed
      fromBrowser("page_viewed", { identifiers: browser(`${word}-tablet`), ...client(word) }),
      fromBrowser("page_viewed", { identifiers: browser(`${word}-tablet`, customer), ...client(word) }),
    ];
    for (const [index, event] of events.entries()) await shop.ingest([event], { now: at(index) });
    return events.map((event) => event.event["event_id"] as string).sort();
  }

  test("events from before name all of them, and all are exported and deleted", async () => {
    const shop = await newShop(db);
    const all = await folded(shop, "manydevices", "7011");
    const others = await folded(shop, "otherdevices", "7022");
    expect(await shop.visitors()).toHaveLength(2);
    expect(ids((await exported(shop, subject({ customers: ["7011"] }))).events)).toEqual(all);

    await redact(shop, { customers: ["7011"] });
    expect(await linesWith(["manydevices"])).toEqual([]);
    expect(ids(await shop.events())).toEqual(others);
  });

  test("an alias is kept as long as events may name it", async () => {
    const shop = await newShop(db);
    await folded(shop, "kept", "7033");
    const aliases = () =>
      db.query("postgres", "select from trakit.visitor_aliases where shop_id = $1", [shop.id]);
    expect(await aliases()).toHaveLength(2);
    await db.query("trakit_edge", "select trakit.purge($1)", [at(31 * DAY)]);
    expect(await aliases()).toHaveLength(2);
    await db.query("trakit_edge", "select trakit.purge($1)", [at(31 * DAY + HOUR)]);
    expect(await aliases()).toHaveLength(0);
  });

  test("a refund of an order from before is the visitor's who is left", async () => {
    const shop = await newShop(db);
    const tokens = { checkout_token: "refunded-checkout" };
    await shop.ingest([fromBrowser("page_viewed", { identifiers: browser("first") })], { now: at(0) });
    await shop.ingest([
      fromBrowser("checkout_started", { identifiers: browser("second"), commerce: tokens }),
    ], { now: at(1) });
    await shop.ingest([
      fromShopify("checkout_completed", { commerce: { ...tokens, order_id: "refunded-order" } }),
    ], { now: at(2) });
    for (const word of ["first", "second"]) {
      await shop.ingest([fromBrowser("page_viewed", { identifiers: browser(word, "7044") })], { now: at(3) });
    }
    await shop.ingest([fromShopify("order_refunded", { commerce: { order_id: "refunded-order" } })], {
      now: at(4),
    });
    const [left] = await shop.visitors();
    const refund = (await shop.events()).find((event) => String(event["name"]) === "order_refunded")!;
    expect(String(refund["visitor_id"])).toBe(left!.id);
  });
});

describe("what somebody typed", () => {
  const victim = person("typedvictim", "7012345671001");
  /** More forms of the address than a request names. */
  const forms = {
    "email.lower": [victim.emailDigest],
    "email.gmail": ["typedvictim-gmail-form"],
    "phone.e164": [victim.phoneDigest],
    "phone.digits": ["typedvictim-digits-form"],
  };

  test("is not exported, and a row of theirs loses it and stays as it was otherwise", async () => {
    const shop = await newShop(db);
    const typed = fromBrowser("lead_submitted", {
      identifiers: browser("typist"),
      digests: { ...forms, "first_name.lower": ["typist-name"], "city.compact": ["berlin"] },
      page: { url: "https://shop.example/typist" },
      ...client("typist"),
    });
    const both = fromBrowser("lead_submitted", {
      identifiers: browser("typist"),
      digests: {
        "email.lower": ["typist-address", victim.emailDigest],
        "email.gmail": ["typist-gmail", "typedvictim-gmail-form"],
      },
    });
    await shop.ingest([typed, both], { now: at(0) });
    await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
      shop.domain,
      JSON.stringify({ customer_id: victim.id, digests: { "email.lower": [victim.emailDigest] } }),
      at(0),
    ]);
    const asked = { customers: [victim.id], emails: [victim.emailDigest], phones: [victim.phoneDigest] };
    expect((await exported(shop, subject(asked))).events).toEqual([]);
    const before = await shop.events();

    await redact(shop, asked);
    expect(await linesWith(victim.words)).toEqual([]);
    const after = await shop.events();
    expect(after).toEqual(before.map((event, index) => ({
      ...event,
      digests: index === 0
        ? { "first_name.lower": ["typist-name"], "city.compact": ["berlin"] }
        // which of the two the other form was of, only its clear text would tell
        : { "email.lower": ["typist-address"] },
    })));
  });

  test("does not make a stranger's redaction touch the person whose address it was", async () => {
    const shop = await newShop(db);
    await shop.ingest([
      fromBrowser("page_viewed", { identifiers: browser("stranger", "7066") }),
      fromBrowser("lead_submitted", { identifiers: browser("stranger", "7066"), digests: forms }),
    ], { now: at(0) });
    const own = fromBrowser("lead_submitted", { identifiers: browser("owner", victim.id), digests: forms });
    await shop.ingest([own], { now: at(1) });
    const [before] = (await shop.events()).slice(-1);
    await redact(shop, { customers: ["7066"], emails: ["stranger-address"] });
    expect(await shop.events()).toEqual([before]);
  });

  test("as the customer of an order leads to that order, and no further", async () => {
    const shop = await newShop(db);
    const tokens = { checkout_token: "stranger-checkout" };
    const visit = fromBrowser("checkout_started", {
      identifiers: browser("giver", "7077"),
      commerce: tokens,
    });
    await shop.ingest([visit], { now: at(0) });
    await shop.ingest([
      fromShopify("checkout_completed", {
        identifiers: { customer_id: victim.id },
        digests: forms,
        commerce: { ...tokens, order_id: "giver-order" },
        ...client("giver"),
      }),
    ], { now: at(1) });
    const asked = subject({ customers: [victim.id] });
    const found = await exported(shop, asked);
    expect(found.events).toHaveLength(1);
    // the order is theirs, the browser it was placed in is not
    expect(JSON.stringify(found)).not.toContain("giver-fbp");
    expect(JSON.stringify(found)).not.toContain("giver-ip");
    await redact(shop, { customers: [victim.id] });
    expect(ids(await shop.events())).toEqual([visit.event["event_id"]]);
  });

  test("as the customer of an order keeps that order where the browser's person goes", async () => {
    const shop = await newShop(db);
    const tokens = { checkout_token: "theplacer-checkout" };
    await shop.ingest([
      fromBrowser("checkout_started", { identifiers: browser("theplacer", "7088"), commerce: tokens }),
    ], { now: at(0) });
    const order = fromShopify("checkout_completed", {
      identifiers: { customer_id: victim.id },
      digests: forms,
      commerce: { ...tokens, order_id: "placed-order", total: "5" },
      ...client("theplacer"),
    });
    await shop.ingest([order], { now: at(1) });
    await redact(shop, { customers: ["7088"] });
    expect(await linesWith(["theplacer"])).toEqual([]);
    expect(await shop.events()).toMatchObject([{
      identifiers: { customer_id: victim.id },
      digests: forms,
      commerce: { order_id: "placed-order", total: "5" },
      visitor_id: null,
    }]);
  });
});

test("a guest's listed order leads to the browser it was placed in, by its token", async () => {
  const shop = await newShop(db);
  const visit = fromBrowser("page_viewed", { identifiers: browser("listedguest"), ...client("listedguest") });
  await shop.ingest([visit], { now: at(0) });
  const tokens = { checkout_token: "listedguest-checkout", cart_token: "listedguest-cart" };
  const begun = fromBrowser("checkout_started", { identifiers: browser("listedguest"), commerce: tokens });
  await shop.ingest([begun], { now: at(1) });
  const order = fromShopify("checkout_completed", { commerce: { ...tokens, order_id: "listedguest-order" } });
  await shop.ingest([order], { now: at(2) });
  const found = await exported(shop, subject({ orders: ["listedguest-order"] }));
  expect(ids(found.events)).toEqual([visit, begun, order].map((copy) => copy.event["event_id"]).sort());
  expect(found.visitors).toMatchObject([{ identifiers: { fbp: "listedguest-fbp" } }]);
  await redact(shop, { orders: ["listedguest-order"] });
  expect(await linesWith(["listedguest"])).toEqual([]);
});

test("a browser in which somebody else was logged in as well stays theirs", async () => {
  const shop = await newShop(db);
  const shared = (customer?: string) =>
    fromBrowser("page_viewed", { identifiers: browser("shared", customer) });
  const [before, theirs, others] = [shared(), shared("7101644981123"), shared("7102")];
  for (const [index, event] of [before, theirs, others].entries()) {
    await shop.ingest([event], { now: at(index) });
  }
  const found = await exported(shop, subject({ customers: ["7101644981123"] }));
  expect(ids(found.events)).toEqual([theirs.event["event_id"]]);
  expect(found.visitors).toEqual([]);
  await redact(shop, { customers: ["7101644981123"] });
  expect(await linesWith(["7101644981123"])).toEqual([]);
  expect(ids(await shop.events())).toEqual([before, others].map((copy) => copy.event["event_id"]).sort());
  expect(await shop.visitors()).toMatchObject([{ identifiers: { fbp: "shared-fbp", customer_id: "7102" } }]);
});

test("a cart of somebody who refused is found by the token of their order", async () => {
  const shop = await newShop(db);
  const refused = { consent: { analytics: false, marketing: false } };
  const add = fromBrowser("product_added_to_cart", {
    ...refused,
    commerce: { cart_token: "therefuser-cart" },
  });
  await shop.ingest([add], { now: at(0) });
  await shop.ingest([
    fromShopify("checkout_completed", {
      ...refused,
      commerce: { cart_token: "therefuser-cart", order_id: "therefuser-order" },
    }),
  ], { now: at(1) });
  await db.query("postgres", "insert into trakit.carts values ($1, 'therefuser-cart', '{}', $2, $2)", [
    shop.id,
    at(0),
  ]);
  const found = await exported(shop, subject({ orders: ["therefuser-order"] }));
  expect(found.events).toHaveLength(2);
  expect(found.carts).toMatchObject([{ token: "therefuser-cart" }]);
  await redact(shop, { orders: ["therefuser-order"] });
  expect(await linesWith(["therefuser"])).toEqual([]);
});

test("jobs that name the person go, waiting or finished, and others stay", async () => {
  const shop = await newShop(db);
  const jobs = [{ customer: 7201 }, { list: [{ order: "namedjob-order" }] }, { lane: "namedjob-other" }];
  await db.query("trakit_edge", "select trakit.enqueue_jobs('drain', $1)", [
    JSON.stringify(jobs.map((data, index) => ({ data, key: `key-${index}` }))),
  ]);
  await db.query(
    "postgres",
    `update pgboss.job set state = 'completed', output = '{"value": "namedjob-order"}' where data ->> 'customer' = '7201'`,
  );
  expect((await linesWith(["namedjob-"])).length).toBe(3);
  await redact(shop, { customers: ["7201"], orders: ["namedjob-order"] });
  expect((await linesWith(["namedjob-"])).map((line) => line.includes("namedjob-other"))).toEqual([true]);
});

test("an export that waits for the same person is over, and one for another loses what it shares", async () => {
  const shop = await newShop(db);
  const ask = (id: string, named: object) => request(shop, "export", id, subject(named));
  const same = await ask("same", { customers: ["7301"], emails: ["shared-address"] });
  const other = await ask("other", {
    customers: ["7302"],
    emails: ["shared-address", "others-address"],
    phones: ["others-number"],
  });
  await redact(shop, { customers: ["7301"], emails: ["shared-address"] });
  const rows = await db.query<{ id: string; state: string; subject: unknown }>(
    "postgres",
    "select id, state, subject from trakit.privacy_requests where kind = 'export' and shop_id = $1",
    [shop.id],
  );
  expect(new Map(rows.map((row) => [row.id, [row.state, row.subject]]))).toEqual(
    new Map([
      [same.id, ["done", null]],
      [
        other.id,
        ["pending", subject({ customers: ["7302"], emails: ["others-address"], phones: ["others-number"] })],
      ],
    ]),
  );
});

describe("in a shop with many events of others", () => {
  test("an export reads the person's, and no others, and gives them page by page", async () => {
    const shop = await newShop(db);
    const mine = Array.from(
      { length: 5 },
      () => fromBrowser("page_viewed", { identifiers: browser("rare", "7401") }),
    );
    for (const [index, event] of mine.entries()) await shop.ingest([event], { now: at(index) });
    await db.query(
      "postgres",
      `insert into trakit.events (captured_at, id, shop_id, name, event_id, occurred_at, browser_at, channel, visitor_id, page,
         commerce, identifiers, digests, consent)
       select $2::timestamptz + n * interval '1 second', nextval('trakit.event_row_seq'), $1, 'page_viewed', md5(n::text), $2, $2,
         'web', -1 - n % 700, '{}', '{}', case when n % 5 = 0 then jsonb_build_object('customer_id', 'other' || n % 90) else '{}' end,
         jsonb_build_object('email.lower', jsonb_build_array(md5(n::text))), '{}'
       from generate_series(1, 40000) n`,
      [shop.id, at(0)],
    );
    await db.query("postgres", "analyze trakit.events");
    const session = await db.connect("trakit_app");
    await session.query("select set_config('trakit.shop_id', $1, false)", [shop.id]);
    const page = async (after: string | null) => {
      const [row] = await session.query<{ r: Export }>("select trakit.export_person($1, $2, $3, 2) as r", [
        shop.id,
        JSON.stringify(subject({ customers: ["7401"], emails: ["rare-address"] })),
        after,
      ]);
      return row!.r;
    };
    await session.query("begin");
    const pages = [await page(null)];
    while (pages.at(-1)!.next !== null) pages.push(await page(pages.at(-1)!.next));
    await session.query("reset role");
    const [read] = await session.query<{ rows: number }>(
      `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables
       where schemaname = 'trakit' and relname like 'events%'`,
    );
    await session.end();
    expect(pages.map((one) => one.events.length)).toEqual([2, 2, 1]);
    expect(pages.flatMap((one) => one.events.map((event) => event.event_id))).toEqual(
      mine.map((copy) => copy.event["event_id"]),
    );
    expect(read!.rows).toBeGreaterThan(0);
    expect(read!.rows).toBeLessThan(300);
  });
});

test("a number two customers share finds neither for the other, where the request says whom it means", async () => {
  const shop = await newShop(db);
  // Shopify lets no two customers have the same number, but the number of an address may be a household's, or a stranger's word
  for (const id of ["7501", "7502"]) {
    await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
      shop.domain,
      JSON.stringify({
        customer_id: id,
        digests: { "email.lower": [`address-of-${id}`], "phone.e164": ["shared-number"] },
      }),
      at(0),
    ]);
    await shop.ingest([
      fromBrowser("page_viewed", { identifiers: browser(`household-${id}`, id), event_id: `view-of-${id}` }),
    ]);
  }
  const asked = { customers: ["7501"], emails: ["address-of-7501"], phones: ["shared-number"] };
  expect(ids((await exported(shop, subject(asked))).events)).toEqual(["view-of-7501"]);
  expect(ids((await exported(shop, subject({ phones: ["shared-number"] }))).events)).toEqual([
    "view-of-7501",
    "view-of-7502",
  ]);
  await redact(shop, asked);
  expect((await shop.events()).map((event) => event.event_id)).toEqual(["view-of-7502"]);
});

describe("pg_statistic", () => {
  test("holds nothing of a person, though everything was analyzed before, in partitions that were there and in new ones", async () => {
    const shop = await newShop(db);
    const word = "statisticsword";
    // as often as any value that ANALYZE would note
    for (let n = 0; n < 30; n++) {
      await shop.ingest([
        fromBrowser("page_viewed", {
          identifiers: browser(word, `${word}-customer`),
          page: { url: `https://shop.example/${word}` },
          digests: { "email.lower": [word] },
          commerce: { cart_token: `${word}-cart` },
          ...client(word),
        }),
      ], { now: at(n) });
    }
    await db.query("postgres", "analyze");
    const noted = async () =>
      await db.query<{ line: string }>(
        "postgres",
        `select s::text as line from pg_stats s where s::text like '%' || $1 || '%'`,
        [word],
      );
    expect(await noted()).toEqual([]);
    await redact(shop, { customers: [`${word}-customer`] });
    await db.query("postgres", "analyze");
    expect(await noted()).toEqual([]);
    expect(await linesWith([word])).toEqual([]);
  });
});
