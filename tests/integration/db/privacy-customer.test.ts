import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { redactDue } from "@trakit/pipeline/upkeep/privacy.ts";
import { connect } from "@trakit/db/connection.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { at, DAY, fromBrowser, fromShopify, HOUR } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { known, type Person, person, persons } from "../../support/person.ts";
import { newShop, sealedToken, type Shop } from "../../support/shop.ts";

/** After a redaction nothing of ours leads to that person. Proven by searching a full dump (tests/support/dump.ts). */
const db = await testDatabase();
const { linesWith, live, request, work } = persons(db);

test("a dump holds every place a person could be in: partitions, quarantine, pg-boss's jobs, large objects", async () => {
  const shop = await newShop(db);
  const word = "foundeverywhere";
  await live(shop, person(word, "7012345670010"), word);
  await db.query("postgres", "create schema if not exists pgboss");
  await db.query("postgres", "create table if not exists pgboss.found (data jsonb)");
  await db.query("postgres", "insert into pgboss.found values ($1)", [JSON.stringify({ word })]);
  await db.query("postgres", "select lo_from_bytea(0, $1)", [Buffer.from(word)]);
  const lines = await linesWith([word]);
  for (
    const table of [
      "trakit.events_",
      "trakit.event_clients_",
      "trakit.visitors",
      "trakit.quarantine",
      "pgboss.found",
    ]
  ) {
    expect(lines.some((line) => line.includes(table)), table).toBe(true);
  }
  // large objects are written in hex
  expect((await linesWith([Buffer.from(word).toString("hex")])).length).toBe(1);
  await db.query("postgres", "drop table pgboss.found");
  await db.query("postgres", "select lo_unlink(oid) from pg_largeobject_metadata");
  await request(shop, "redact_customer", "everywhere", {
    customers: ["7012345670010"],
    emails: [],
    phones: [],
    orders: [],
  });
  await work(at(20));
  expect(await linesWith([word])).toEqual([]);
});

describe("redacting a customer", () => {
  test.each([
    ["by id", (who: Person) => ({ customers: [who.id], emails: [], phones: [], orders: [who.order] })],
    [
      "by email alone",
      (who: Person) => ({ customers: [], emails: [who.emailDigest], phones: [], orders: [] }),
    ],
  ])(
    "%s, leaves nothing that leads to them, cancels what waits, and leaves a receipt",
    async (how, subject) => {
      const shop = await newShop(db, { platforms: ["meta", "tiktok"] });
      const word = `gone${how.replaceAll(" ", "")}`;
      const who = person(word, how === "by id" ? "7012345670001" : "7012345670002");
      const other = person(
        `stays${how.replaceAll(" ", "")}`,
        how === "by id" ? "7012345679991" : "7012345679992",
      );
      await live(shop, who, word);
      await live(shop, other, other.words[1]!);
      expect((await linesWith(who.words)).length).toBeGreaterThan(10);
      expect((await shop.deliveries()).some((row) => row.state === "pending")).toBe(true);
      const others = (await linesWith(other.words)).length;

      const asked = await request(shop, "redact_customer", `redact ${how}`, subject(who));
      expect(await request(shop, "redact_customer", `redact ${how}`, subject(who))).toMatchObject({
        status: "duplicate",
        id: asked.id,
      });
      expect(await work(at(20))).toBe(1);

      expect(await linesWith(who.words)).toEqual([]);
      expect((await linesWith(other.words)).length).toBe(others);
      const [receipt] = await db.as("authenticated", { shop_id: shop.id }).query<Record<string, unknown>>(
        "select kind, reference, state, counts from api.redaction_log where id = $1",
        [asked.id],
      );
      expect(receipt).toMatchObject({ kind: "redact_customer", reference: `redact ${how}`, state: "done" });
      expect(receipt!.counts).toMatchObject({ events: 3, visitors: 1, customers: 1, quarantine: 1 });
      expect(await work(at(30))).toBe(0);
    },
  );

  test("takes of the quarantine what names them, and what no key opens: nobody can say whom that names", async () => {
    const shop = await newShop(db);
    const who = person("sealedup", "7012345670023");
    const other = person("sealedother", "7012345679923");
    for (const one of [who, other]) await live(shop, one, one.words[1]!);
    await db.query(
      "trakit_edge",
      "select trakit.quarantine_webhook($1, 'orders/create', 'unopenable', 'malformed_json', '{}', $2, $3)",
      [shop.domain, sealedToken(), at(0)],
    );
    await request(shop, "redact_customer", "sealed", {
      customers: [],
      emails: [],
      phones: [],
      orders: [who.order],
    });
    await work(at(20));
    const left = await db.query<{ webhook_id: string }>(
      "postgres",
      "select webhook_id from trakit.quarantine where shop_id = $1",
      [shop.id],
    );
    expect(left).toEqual([{ webhook_id: "quarantined-sealedother" }]);
  });

  test("is continued where a crash left it", async () => {
    const shop = await newShop(db);
    const who = person("crashed", "7012345670003");
    await live(shop, who, "crashed");
    const { id, shop_id } = await request(shop, "redact_customer", "crash", {
      customers: [who.id],
      emails: [],
      phones: [],
      orders: [],
    });
    // its first piece only: the visitor is gone, the events are not
    await db.query("trakit_edge", "select trakit.privacy_step($1, $2, 5000, $3)", [shop_id, id, at(11)]);
    expect((await linesWith(["crashed"])).length).toBeGreaterThan(0);
    await work(at(20));
    expect(await linesWith(who.words)).toEqual([]);
  });

  test("is as much work a step as its limit says, however many events and keys the shop has", async () => {
    const shop = await newShop(db);
    const who = person("oneofmany", "7012345670013");
    await live(shop, who, "oneofmany");
    await shop.ingest(Array.from({ length: 7 }, () => fromBrowser("page_viewed")), { now: at(-DAY) });
    const keys = 100_000;
    await db.query(
      "postgres",
      `insert into trakit.event_keys (shop_id, key, event_row, captured_at)
       select $1, 'event:page_viewed:' || n, -n, $3 from generate_series(1, $2::integer) n`,
      [shop.id, keys, at(-DAY)],
    );
    const { id, shop_id } = await request(shop, "redact_customer", "many", {
      customers: [who.id],
      emails: [],
      phones: [],
      orders: [who.order],
    });
    const session = await db.connect("postgres");
    const read: number[] = [];
    let steps = 0;
    let state = "pending";
    for (; state === "pending"; steps++) {
      await session.query("begin");
      await session.query("set local role trakit_edge");
      const [step] = await session.query<{ state: string }>(
        "select trakit.privacy_step($1, $2, 2, $3) ->> 'state' as state",
        [shop_id, id, at(20)],
      );
      state = step!.state;
      await session.query("reset role");
      // of this transaction alone, and only rows: how many blocks it takes depends on what the catalogue's cache still has
      const [keysRead] = await session.query<{ rows: number }>(
        `select (seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_xact_user_tables
         where schemaname = 'trakit' and relname = 'event_keys'`,
      );
      read.push(keysRead!.rows);
      await session.query("commit");
    }
    await session.end();
    expect(Math.max(...read)).toBeGreaterThan(0);
    expect(Math.max(...read)).toBeLessThan(100);
    // what there is beside events; their three, two at a time, and that there are no more; seven others; that there are no more
    expect({ state, steps }).toEqual({ state: "sealed", steps: 10 });
    await work(at(20));
    expect(await linesWith(who.words)).toEqual([]);
    const left = await db.query("postgres", "select from trakit.event_keys where shop_id = $1", [shop.id]);
    expect(left.length).toBe(keys + 7);
  });

  test("that fails has its turn again after those that were not tried", async () => {
    const shop = await newShop(db);
    const asked: string[] = [];
    for (const [index, word] of ["turn-a", "turn-b", "turn-c"].entries()) {
      const subject = { customers: [word], emails: [], phones: [], orders: [] };
      asked.push((await request(shop, "redact_customer", word, subject, at(index))).id);
    }
    const due = async () =>
      (await db.query<{ id: string }>("trakit_edge", "select id from trakit.due_privacy(100, $1)", [at(20)]))
        .map((row) => row.id).filter((id) => asked.includes(id));
    expect(await due()).toEqual(asked);
    // its first step fails, and the time is over
    let now = 0;
    const failing = {
      rows: (text: string, values?: unknown[]) => {
        if (!text.includes("privacy_step")) return edge.rows(text, values);
        now = 1;
        return Promise.reject(new Error("canceling statement due to statement timeout"));
      },
    };
    const edge = connect({ url: db.url("trakit_edge"), max: 1 });
    try {
      const world = { db: failing, log: createLogger(() => {}, () => 0), now: () => now };
      await redactDue({ ...world, databaseNow: () => at(20) } as never, 1);
    } finally {
      await edge.close();
    }
    expect(await due()).toEqual([asked[1], asked[2], asked[0]]);
  });

  test("settles late what was being sent, and brings nothing back", async () => {
    const shop = await newShop(db);
    const who = person("inflight", "7012345670004");
    const sent = await shop.ingest([fromShopify("checkout_completed", known(who, "inflight"))], { slots: 5 });
    expect(sent.sends).toHaveLength(1);
    await request(shop, "redact_customer", "flight", {
      customers: [],
      emails: [who.emailDigest],
      phones: [],
      orders: [who.order],
    });
    await work(at(20));
    expect(await shop.settle(sent.sends, { kind: "retry", delay_ms: 1000 }, at(21))).toMatchObject({
      settled: 0,
    });
    expect((await shop.claim("meta", { now: at(HOUR) })).items).toEqual([]);
    expect(await linesWith(who.words)).toEqual([]);
  });

  test("by the operator's function takes clear text and keeps none of it", async () => {
    const shop = await newShop(db);
    const who = person("byhand", "7012345670005");
    await live(shop, who, "byhand");
    const redact = async (email: string | null) =>
      (await db.query<{ r: Record<string, unknown> }>(
        "trakit_worker",
        "select api.redact_customer($1, p_email => $2, p_now => $3) as r",
        [shop.domain, email, at(20)],
      ))[0]!.r;
    expect(await redact(null)).toEqual({ status: "nobody_named" });
    const answer = await redact(` BYHAND@Example.com`);
    expect(answer).toMatchObject({ state: "pending", waits_for: expect.stringContaining("quarantine") });
    expect(JSON.stringify(answer)).not.toContain(who.emailDigest);
    expect((await linesWith(who.words)).filter((line) => !/quarantine|privacy_requests/.test(line))).toEqual(
      [],
    );
    expect(await work(at(21))).toBe(1);
    expect(await linesWith(who.words)).toEqual([]);
    // where nothing is quarantined there is nothing to wait for
    expect(await redact(who.email)).toMatchObject({ state: "done" });
  });
});

describe("who is meant by a request", () => {
  const subjectOf = async (shop: Shop, subject: object) => {
    const session = await db.connect("trakit_app");
    try {
      await session.query("select set_config('trakit.shop_id', $1, false)", [shop.id]);
      const [row] = await session.query<{ r: Record<string, unknown[]> }>(
        "select trakit.whole_subject($1, $2) as r",
        [shop.id, JSON.stringify(subject)],
      );
      return row!.r;
    } finally {
      await session.end();
    }
  };

  test("is the same as a scan of all visitors finds, whatever each of them is known by", async () => {
    const shop = await newShop(db);
    // every third was never logged in; some customers have an email or a phone, or share one, or have two emails
    await db.query(
      "postgres",
      `insert into trakit.visitors (shop_id, identifiers, created_at, last_seen_at)
       select $1, case when n % 3 = 0 then '{"fbp": "x"}' else jsonb_build_object('customer_id', 'c' || n % 17) end, $2, $2
       from generate_series(1, 300) n`,
      [shop.id, at(0)],
    );
    await db.query(
      "postgres",
      `insert into trakit.customers (shop_id, customer_id, digests, created_at, updated_at)
       select $1, 'c' || n,
         case when n % 2 = 0 then '{}' else jsonb_build_object('email.lower', jsonb_build_array('e' || n % 5, 'e' || n % 11)) end
         || case when n % 4 = 0 then '{}' else jsonb_build_object('phone.e164', jsonb_build_array('p' || n % 13)) end,
         $2, $2
       from generate_series(0, 16) n`,
      [shop.id, at(0)],
    );
    for (let n = 0; n < 13; n++) {
      for (
        const asked of [
          { customers: [`c${n}`], emails: [], phones: [], orders: [] },
          { customers: [], emails: [`e${n}`], phones: [], orders: [] },
          { customers: [], emails: [`e${n}`], phones: [`p${n}`], orders: [] },
          { customers: [], emails: [], phones: [], orders: ["1"] },
        ]
      ) {
        const found = await subjectOf(shop, asked);
        const scanned = await db.query<{ id: string }>(
          "postgres",
          `select v.id from trakit.visitors v where v.shop_id = $1 and v.identifiers ->> 'customer_id' in (
             select c.customer_id from trakit.customers c where c.shop_id = $1
               and ($2::jsonb -> 'customers' ? c.customer_id
                 or c.digests -> 'email.lower' ?| array(select jsonb_array_elements_text($2::jsonb -> 'emails'))
                 or c.digests -> 'phone.e164' ?| array(select jsonb_array_elements_text($2::jsonb -> 'phones'))))
           order by v.id`,
          [shop.id, JSON.stringify(asked)],
        );
        expect(found.visitors!.map(Number).sort((one, other) => one - other), JSON.stringify(asked))
          .toEqual(scanned.map((row) => Number(row.id)));
      }
    }
  });

  test("is looked for among those something names, not among all visitors", async () => {
    const shop = await newShop(db);
    await db.query(
      "postgres",
      `insert into trakit.visitors (shop_id, identifiers, created_at, last_seen_at)
       select $1, case when n % 1000 = 0 then jsonb_build_object('customer_id', n::text) else '{"fbp": "fb.1.1.1"}' end,
         $2, $2 from generate_series(1, 50000) n`,
      [shop.id, at(0)],
    );
    const session = await db.connect("trakit_app");
    await session.query("select set_config('trakit.shop_id', $1, false)", [shop.id]);
    await session.query("begin");
    await session.query("select trakit.whole_subject($1, $2)", [
      shop.id,
      JSON.stringify({ customers: ["7000"], emails: [], phones: [], orders: [] }),
    ]);
    await session.query("reset role");
    const [read] = await session.query<{ rows: number }>(
      `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables
       where schemaname = 'trakit' and relname like 'visitor%'`,
    );
    await session.end();
    expect(read!.rows).toBeGreaterThan(0);
    expect(read!.rows).toBeLessThan(200);
  });
});

describe("exporting a customer", () => {
  test("gives the merchant visitors, customer, events and where they went, and nobody else's", async () => {
    const shop = await newShop(db);
    const who = person("exported", "7012345670006");
    const other = person("unasked", "7012345679996");
    await live(shop, who, "exported");
    await live(shop, other, "unasked");
    const [row] = await db.query<{ r: Record<string, Record<string, unknown>[]> }>(
      "trakit_worker",
      "select api.export_customer($1, p_phone => $2) as r",
      [shop.domain, who.phone],
    );
    const found = row!.r;
    expect(found.customers).toHaveLength(1);
    expect(found.events!.map((event) => event.name)).toEqual([
      "page_viewed",
      "checkout_completed",
      "order_refunded",
    ]);
    expect(found.events![1]).toMatchObject({ client: { ip: "exported-ip" } });
    expect(found.events![1]!.deliveries).toEqual([expect.objectContaining({ platform: "meta" })]);
    expect(JSON.stringify(found)).not.toContain("unasked");
  });

  test("is forgotten after 30 days", async () => {
    const shop = await newShop(db);
    await request(shop, "export", "old", {
      customers: ["7012345670007"],
      emails: [],
      phones: [],
      orders: [],
    });
    await db.query("trakit_edge", "select trakit.purge($1)", [at(29 * DAY)]);
    expect(await linesWith(["7012345670007"])).toHaveLength(1);
    await db.query("trakit_edge", "select trakit.purge($1)", [at(31 * DAY)]);
    expect(await linesWith(["7012345670007"])).toEqual([]);
  });
});
