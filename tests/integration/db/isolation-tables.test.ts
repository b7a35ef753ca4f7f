import { beforeAll, describe, expect, test } from "vitest";
import { type Role, testDatabase } from "../../support/database.ts";
import { expectNothingOf, MARKER, type TwoShops, twoShops } from "../../support/two-shops.ts";

/** Promise 3, nobody else's, at the tables, partitions and views: read from the catalogue, so that new ones are covered. */
const db = await testDatabase();
let shops: TwoShops;
beforeAll(async () => {
  shops = await twoShops(db);
});

/** Tables of processes, not of shops. */
const PROCESSES = ["trakit.queue_clock", "trakit.workers"];

interface Relation {
  name: string;
  bound: string;
  readable: boolean;
  columns: string;
}

function relations(role: Role): Promise<Relation[]> {
  return db.query<Relation>(
    "postgres",
    `select c.oid::regclass::text as name, case when c.relname = 'shops' then 'id' else 'shop_id' end as bound,
       has_any_column_privilege($1, c.oid, 'select') as readable,
       string_agg(quote_ident(a.attname), ', ') filter (where has_column_privilege($1, c.oid, a.attnum, 'select')) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p', 'v', 'm') and c.relnamespace in ('trakit'::regnamespace, 'api'::regnamespace)
     group by c.oid order by 1`,
    [role],
  );
}

describe("tables, partitions and views", () => {
  test.each(["trakit_edge", "trakit_worker", "anon"] as const)("are all closed to %s", async (role) => {
    const all = await relations(role);
    expect(all.length).toBeGreaterThan(15);
    for (const { name } of all) {
      await expect(db.query(role, `select * from ${name}`), name).rejects.toMatchObject({ code: "42501" });
      // 55000: a view that joins takes no rows from anybody
      await expect(db.query(role, `delete from ${name}`), name).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|55000)$/),
      });
    }
  });

  test("show authenticated exactly the rows of the shop in the JWT", async () => {
    const session = db.as("authenticated", { shop_id: shops.mine.id, role: "authenticated" });
    let read = 0;
    for (const { name, readable, bound } of await relations("authenticated")) {
      if (!readable) {
        await expect(session.query(`select * from ${name}`), name).rejects.toMatchObject({ code: "42501" });
        continue;
      }
      read++;
      const rows = await session.query(`select * from ${name}`);
      expectNothingOf(shops.secrets, rows, name);
      const [own] = await db.query<{ n: number }>(
        "postgres",
        `select count(*)::int as n from ${name} where ${bound} = $1`,
        [
          shops.mine.id,
        ],
      );
      expect(rows.length, name).toBe(own!.n);
      expect(rows.length, `${name} of shop A is empty: nothing was proved`).toBeGreaterThan(0);
    }
    expect(read).toBeGreaterThanOrEqual(9);
  });

  test("show authenticated the JWT's shop though the functions' context says another", async () => {
    const connection = await db.connect("authenticated");
    await connection.query(
      "select set_config('request.jwt.claims', $1, false), set_config('trakit.shop_id', $2, false), set_config('trakit.shop_domain', $3, false)",
      [JSON.stringify({ shop_id: shops.mine.id }), shops.theirs.id, shops.theirs.domain],
    );
    for (const { name, readable } of await relations("authenticated")) {
      if (readable) expectNothingOf(shops.secrets, await connection.query(`select * from ${name}`), name);
    }
    await connection.end();
  });

  test.each([
    ["no claims", undefined],
    ["empty claims", ""],
    ["no shop", {}],
    ["a null", { shop_id: null }],
    ["an empty shop", { shop_id: "" }],
    ["a number", { shop_id: 7 }],
    ["a list", { shop_id: ["00000000-0000-0000-0000-000000000000"] }],
    ["nobody's shop", { shop_id: "00000000-0000-0000-0000-000000000000" }],
    ["broken JSON", "{not json"],
    ["JSON that is no object", "[]"],
  ])("show authenticated with %s not one row", async (_what, claims) => {
    const session = db.as("authenticated", claims as Record<string, unknown> | string | undefined);
    for (const { name, readable } of await relations("authenticated")) {
      if (readable) expect(await session.query(`select * from ${name}`), name).toEqual([]);
    }
  });

  test("let authenticated change nothing, its own rows included", async () => {
    const session = db.as("authenticated", { shop_id: shops.mine.id });
    for (const { name } of await relations("authenticated")) {
      for (const sql of [`delete from ${name}`, `insert into ${name} default values`]) {
        // 55000: a view nobody could change
        await expect(session.query(sql), sql).rejects.toMatchObject({
          code: expect.stringMatching(/^(42501|55000)$/),
        });
      }
    }
  });

  test("show the functions' owner only the shop it is bound to", async () => {
    const connection = await db.connect("trakit_app");
    await connection.query("select set_config('trakit.shop_id', $1, false)", [shops.mine.id]);
    let read = 0;
    for (const { name, readable } of await relations("trakit_app")) {
      if (!readable) continue;
      read++;
      const rows = await connection.query(`select * from ${name}`);
      expectNothingOf(shops.secrets, rows, name);
      expect(rows.length, name).toBeGreaterThan(0);
      // and it can write to no other
      await connection.query("begin");
      await expect(
        connection.query(`update ${name} set ${name === "trakit.shops" ? "id" : "shop_id"} = $1`, [
          shops.theirs.id,
        ]),
        name,
      ).rejects.toMatchObject({ code: "42501" });
      await connection.query("rollback");
    }
    expect(read).toBeGreaterThanOrEqual(12);
    for (const nobody of ["", "00000000-0000-0000-0000-000000000001"]) {
      await connection.query("select set_config('trakit.shop_id', $1, false)", [nobody]);
      for (const { name, readable } of await relations("trakit_app")) {
        if (readable) expect(await connection.query(`select * from ${name}`), name).toEqual([]);
      }
    }
    await connection.end();
  });

  test("show the functions' owner by domain that one shop's row and nothing else", async () => {
    const connection = await db.connect("trakit_app");
    await connection.query("select set_config('trakit.shop_domain', $1, false)", [shops.mine.domain]);
    for (const { name, readable } of await relations("trakit_app")) {
      if (!readable) continue;
      const rows = await connection.query(`select * from ${name}`);
      expect(rows.length, name).toBe(name === "trakit.shops" ? 1 : 0);
    }
    await connection.end();
  });

  test("show the dispatcher ids, states and times of both shops, and no word of either", async () => {
    const connection = await db.connect("trakit_dispatcher");
    const domains = [shops.mine.domain, shops.theirs.domain];
    const read: string[] = [];
    for (const { name, readable, columns } of await relations("trakit_dispatcher")) {
      if (!readable) continue;
      read.push(name);
      const rows = await connection.query(`select ${columns} from ${name}`);
      if (!PROCESSES.includes(name)) expect(rows.length, name).toBeGreaterThan(1);
      const text = domains.reduce((left, domain) => left.replaceAll(domain, ""), JSON.stringify(rows));
      expectNothingOf([MARKER, "mine-", "v1.k1"], text, name);
    }
    expect(read.filter((name) => !PROCESSES.includes(name))).toEqual([
      "trakit.customer_lookups",
      "trakit.deliveries",
      "trakit.destination_grants",
      "trakit.destinations",
      "trakit.installations",
      "trakit.lanes",
      "trakit.order_readings",
      "trakit.privacy_requests",
      "trakit.reconciled_orders",
      "trakit.reconciliations",
      "trakit.replays",
      "trakit.shops",
    ]);
    await connection.end();
  });
});
