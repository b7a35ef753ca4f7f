import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { repositoryRoot } from "@trakit/tooling/repository.ts";
import { testDatabase } from "../../support/database.ts";

/**
 * Rules every table, view, column, function and role obeys. They read the catalogue, so what a later migration adds is
 * covered without anybody thinking of it. An empty list is a kept rule; what breaks one is named by the failure.
 */
const db = await testDatabase();

const OURS = "('trakit'::regnamespace, 'api'::regnamespace)";
const list = async (sql: string): Promise<string[]> =>
  (await db.query<{ name: string }>("postgres", `select x.name from (${sql}) x order by 1`)).map((row) =>
    row.name
  );

/** Migrations as [file name, text], in the order they run. */
function migrations(): [string, string][] {
  const folder = join(repositoryRoot, "supabase/migrations");
  return readdirSync(folder).filter((name) => name.endsWith(".sql")).sort()
    .map((name) => [name, readFileSync(join(folder, name), "utf8")]);
}
const lastMigration = () => migrations().at(-1)![1];
const withoutComments = (sql: string) => sql.replaceAll(/^\s*--.*$/gm, "");

describe("tables", () => {
  test("there are some, in trakit and nowhere else", async () => {
    const tables = await list(
      `select oid::regclass::text as name from pg_class where relkind in ('r', 'p') and not relispartition and relnamespace in ${OURS}`,
    );
    expect(tables.length).toBeGreaterThanOrEqual(12);
    expect(tables.filter((name) => !name.startsWith("trakit."))).toEqual([]);
  });

  test("every one of them, partitions included, has row security enabled and forced", async () => {
    expect(
      await list(
        `select oid::regclass::text as name from pg_class
         where relkind in ('r', 'p') and relnamespace in ${OURS} and not (relrowsecurity and relforcerowsecurity)`,
      ),
    ).toEqual([]);
  });

  test("every one but those of processes has a shop_id (shops has its id), so that a policy can bind it", async () => {
    expect(
      await list(
        `select c.oid::regclass::text as name from pg_class c
         where c.relkind in ('r', 'p') and c.relnamespace in ${OURS} and c.relname <> 'shops' and not exists (
           select from pg_attribute a where a.attrelid = c.oid and a.attname = 'shop_id' and a.attnotnull)
         order by 1`,
      ),
    ).toEqual(["trakit.queue_clock", "trakit.workers"]);
  });

  test("the key of every one with a shop_id begins with it, and no second index begins as that key does", async () => {
    expect(
      await list(
        `select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'shop_id'
         where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace in ${OURS} and not exists (
           select from pg_index i where i.indrelid = c.oid and i.indisprimary and i.indkey[0] = a.attnum)`,
      ),
    ).toEqual([]);
    expect(
      await list(
        `select o.indexrelid::regclass::text as name
         from pg_index p join pg_index o on o.indrelid = p.indrelid and o.indexrelid <> p.indexrelid
         join pg_class c on c.oid = p.indrelid
         where p.indisprimary and c.relnamespace in ${OURS} and o.indpred is null and o.indexprs is null
           and (p.indkey::text || ' ') like (o.indkey::text || ' ') || '%'`,
      ),
    ).toEqual([]);
  });

  test("that hold shoppers, partitions included, keep no statistics of what they say, but of closed sets of words", async () => {
    const tables = [
      "events",
      "event_clients",
      "event_keys",
      "visitors",
      "visitor_links",
      "customers",
      "carts",
      "cart_adds",
      "quarantine",
      "reconciled_orders",
    ];
    const columns = await list(
      `select distinct regexp_replace(c.relname, '_[0-9]{8}$', '') || '.' || a.attname as name
       from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relkind in ('r', 'p') and c.relnamespace = 'trakit'::regnamespace and a.attnum > 0 and not a.attisdropped
         and regexp_replace(c.relname, '_[0-9]{8}$', '') in (${tables.map((name) => `'${name}'`).join(", ")})
         and a.atttypid::regtype::text in ('text', 'jsonb', 'text[]') and coalesce(a.attstattarget, -1) <> 0`,
    );
    expect(columns).toEqual([
      "cart_adds.source",
      "customers.currency",
      "events.channel",
      "events.name",
      "events.tags",
      "quarantine.reason",
      "quarantine.shop_domain",
      "quarantine.topic",
      "reconciled_orders.found",
      "visitor_links.kind",
    ]);
  });

  test("no partition is granted to anybody: rows are reached through their parent's policies only", async () => {
    expect(
      await list(
        `select c.oid::regclass || ' to ' || a.grantee::regrole as name from pg_class c cross join lateral aclexplode(c.relacl) a
         where c.relispartition and c.relnamespace in ${OURS} and a.grantee <> c.relowner`,
      ),
    ).toEqual([]);
  });

  test("rows of a shop in every one of them can be deleted when it is redacted", async () => {
    expect(
      await list(
        `select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'shop_id'
         where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'trakit'::regnamespace
           and not has_table_privilege('trakit_app', c.oid, 'delete')`,
      ),
    ).toEqual([]);
  });

  test("roles that log in have no privilege on any table, column or sequence", async () => {
    expect(
      await list(
        `select c.oid::regclass || ' to ' || r.rolname as name from pg_class c cross join pg_roles r
         where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v', 'm')
           and r.rolname in ('trakit_edge', 'trakit_worker', 'anon')
           and (has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate, references, trigger')
             or has_any_column_privilege(r.oid, c.oid, 'select, insert, update, references'))
         union all
         select c.oid::regclass || ' to ' || r.rolname from pg_class c cross join pg_roles r
         where c.relnamespace in ${OURS} and c.relkind = 'S' and r.rolname in ('trakit_edge', 'trakit_worker', 'anon', 'authenticated')
           and has_sequence_privilege(r.oid, c.oid, 'usage, select, update')`,
      ),
    ).toEqual([]);
  });

  test("people change nothing, and never see a sealed token or a quarantined body", async () => {
    expect(
      await list(
        `select c.oid::regclass::text as name from pg_class c
         where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v', 'm')
           and has_table_privilege('authenticated', c.oid, 'insert, update, delete, truncate, references, trigger')`,
      ),
    ).toEqual([]);
    expect(
      await list(
        `select c.oid::regclass || '.' || a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace in ${OURS} and a.attname like '%sealed%' and a.attnum > 0
           and has_column_privilege('authenticated', c.oid, a.attnum, 'select')`,
      ),
    ).toEqual([]);
  });

  test("the dispatcher crosses shops: it reads no payload, no identifier, no token", async () => {
    const columns = await list(
      `select c.relname || '.' || a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.relnamespace in ${OURS} and a.attnum > 0 and not a.attisdropped and not c.relispartition
         and has_column_privilege('trakit_dispatcher', c.oid, a.attnum, 'select')`,
    );
    expect(
      columns.filter((name) =>
        /\.(settings|sealed|detail|reason|page|commerce|identifiers|digests|consent|key|ip)/.test(name)
      ),
    ).toEqual([]);
    const tables = new Set(columns.map((name) => name.split(".")[0]));
    expect([...tables].sort()).toEqual([
      "customer_lookups",
      "deliveries",
      "destination_grants",
      "destinations",
      "installations",
      "lanes",
      "order_readings",
      "privacy_requests",
      "queue_clock",
      "reconciled_orders",
      "reconciliations",
      "replays",
      "shops",
      "workers",
    ]);
  });

  test("views run with the reader's own rights", async () => {
    expect(
      await list(
        `select oid::regclass::text as name from pg_class where relkind in ('v', 'm') and relnamespace in ${OURS}
           and not coalesce(reloptions @> array['security_invoker=true'], false)`,
      ),
    ).toEqual([]);
  });

  test("policies name the roles they are for, and every table has one", async () => {
    expect(
      await list(
        `select tablename || ': ' || policyname as name from pg_policies where schemaname in ('trakit', 'api') and 'public' = any (roles)`,
      ),
    )
      .toEqual([]);
    expect(
      await list(
        `select c.oid::regclass::text as name from pg_class c where c.relkind in ('r', 'p') and not c.relispartition
           and c.relnamespace in ${OURS} and not exists (select from pg_policy p where p.polrelid = c.oid)`,
      ),
    ).toEqual([]);
  });

  test("trakit_app's policies look at the bound shop and nothing else, the people's at the JWT and nothing else", async () => {
    expect(
      await list(
        `select tablename || ': ' || policyname as name from pg_policies
         where schemaname = 'trakit' and 'trakit_app' = any (roles)
           and (coalesce(qual, with_check) !~ 'trakit.shop_(id|domain)' or coalesce(qual, '') || coalesce(with_check, '') ~ 'jwt')
         union all
         select tablename || ': ' || policyname from pg_policies
         where schemaname = 'trakit' and 'authenticated' = any (roles)
           and (cmd <> 'SELECT' or qual !~ 'claimed_shop' or qual ~ 'trakit.shop_')`,
      ),
    ).toEqual([]);
  });
});

describe("functions", () => {
  test("are executed by those they are granted to, never by everybody", async () => {
    expect(
      await list(
        `select p.oid::regprocedure::text as name from pg_proc p
         where p.pronamespace in ${OURS}
           and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)`,
      ),
    ).toEqual([]);
  });

  test("are owned and called by those the last migration's table names, each in one line of it", async () => {
    const text = lastMigration();
    const lines = [
      ...text.matchAll(/^ +\('([^']+)', (null|'[a-z_]+'), (null|'[a-z_, ]+')\),?$/gm),
    ].map(([, name, owner, callers]) => ({
      name: name!,
      owner: owner === "null" ? "postgres" : owner!.slice(1, -1),
      callers: callers === "null" ? [] : callers!.slice(1, -1).split(", ").sort(),
    }));
    const named = await db.query<{ name: string }>(
      "postgres",
      "select x.given::regprocedure::text as name from unnest($1::text[]) with ordinality x (given, place) order by x.place",
      [lines.map((line) => line.name)],
    );
    const found = await db.query<{ name: string }>(
      "postgres",
      `select p.oid::regprocedure::text as name, p.proowner::regrole::text as owner, array(
         select a.grantee::regrole::text from aclexplode(p.proacl) a where a.grantee <> p.proowner order by 1) as callers
       from pg_proc p where p.pronamespace in ${OURS}`,
    );
    const byName = (one: { name: string }, other: { name: string }) => one.name < other.name ? -1 : 1;
    expect(lines.map((line, index) => ({ ...line, name: named[index]!.name })).sort(byName)).toEqual(
      found.sort(byName),
    );
  });

  test("are handed over and granted by the last migration only", () => {
    const others = migrations().slice(0, -1).filter(([, text]) =>
      /\bowner to\b|\b(grant|revoke)\b[^;]*\b(function|procedure|routine)s?\b(?! execute)|\balter (function|procedure|routine)\b/i
        .test(withoutComments(text).replaceAll(/alter default privileges[^;]*;/g, ""))
    );
    expect(others.map(([name]) => name)).toEqual([]);
  });

  test("that run as their owner pin a search_path in which the caller's temporary schema comes last", async () => {
    // '' is not enough: type names are then looked up in pg_temp first, and a domain's check would run as the owner
    expect(
      await list(
        `select p.oid::regprocedure::text as name from pg_proc p
         where p.pronamespace in ${OURS} and p.prosecdef
           and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)`,
      ),
    ).toEqual([]);
  });

  test("without a search_path of their own are called by our functions only, or look nothing up when they run", async () => {
    expect(
      await list(
        `select p.oid::regprocedure::text || ' to ' || r.rolname as name from pg_proc p cross join pg_roles r
         where p.pronamespace in ${OURS} and p.prosqlbody is null
           and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)
           and r.rolname in ('trakit_edge', 'trakit_worker', 'authenticated', 'anon')
           and has_function_privilege(r.oid, p.oid, 'execute')`,
      ),
    ).toEqual([]);
  });

  test("that cross shops are few, and owned by the dispatcher", async () => {
    expect(
      await list(
        "select proname::text as name from pg_proc where proowner = 'trakit_dispatcher'::regrole order by 1",
      ),
    ).toEqual([
      "check_in",
      "check_out",
      "due_grants",
      "due_lanes",
      "due_lookups",
      "due_privacy",
      "due_readings",
      "due_reconciliations",
      "due_refreshes",
      "due_setups",
      "end_flush",
      "enqueue_jobs",
      "expire_deliveries",
      "grant_alerts",
      "lane_shop",
      "list_shops",
      "live_workers",
      "pending_alerts",
      "queue_metrics",
      "queue_totals",
      "queue_watch",
      "run_replays",
      "settle_alerts",
      "settle_grant_alert",
      "wake_lanes",
    ]);
  });

  test("of the table owner that others may call are maintenance, and the call of drain, which reads Vault", async () => {
    expect(
      await list(
        `select proname::text as name from pg_proc p where p.pronamespace in ${OURS} and p.prosecdef
           and p.proowner not in ('trakit_app'::regrole, 'trakit_dispatcher'::regrole)`,
      ),
    ).toEqual(["call_drain", "ensure_partitions", "purge", "purge_visitors"]);
  });

  test("that reckon in days, or read a time from text, do so in UTC, whatever their caller's time zone", async () => {
    expect(
      await list(
        `select p.oid::regprocedure::text as name from pg_proc p
         where p.pronamespace in ${OURS} and not coalesce(p.proconfig @> array['TimeZone=UTC'], false)
           and pg_get_functiondef(p.oid) ~* ('[0-9] ?(days?|weeks?|months?|years?)\\M|\\m(days|weeks|months|years) =>'
             || '|date_trunc|date_part|to_date|to_char|::date\\M|::timestamp|to_record(set)?\\M[^;]* timestamptz')`,
      ),
    ).toEqual([]);
    // a view has no settings of its own: it names the zone, or counts in hours
    expect(
      await list(
        `select c.oid::regclass::text as name from pg_class c
         where c.relnamespace in ${OURS} and c.relkind in ('v', 'm')
           and pg_get_viewdef(c.oid) ~* '[0-9] (days?|mons?|years?)''::interval|date_trunc|[^)]\\)::date'`,
      ),
    ).toEqual([]);
  });

  test("that depend on time take it as an argument", async () => {
    expect(
      await list(
        `select p.oid::regprocedure::text as name from pg_proc p
         where p.pronamespace in ${OURS} and p.prosrc ~* '(\\mnow\\(\\)|current_timestamp|clock_timestamp)'`,
      ),
    ).toEqual([]);
  });
});

describe("roles", () => {
  const roles =
    "('trakit_app', 'trakit_dispatcher', 'trakit_edge', 'trakit_worker', 'authenticated', 'anon')";

  test("none bypasses row security, is a superuser, or may create roles or databases", async () => {
    expect(
      await list(
        `select rolname::text as name from pg_roles where rolname in ${roles}
           and (rolbypassrls or rolsuper or rolcreaterole or rolcreatedb or rolreplication)`,
      ),
    ).toEqual([]);
  });

  test("that log in own nothing, and those that own functions cannot log in and own no table", async () => {
    expect(
      await list(
        `select c.oid::regclass::text as name from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname in ${roles}
         union all
         select p.oid::regprocedure::text from pg_proc p join pg_roles r on r.oid = p.proowner where r.rolname in ${roles} and r.rolcanlogin
         union all
         select n.nspname::text from pg_namespace n join pg_roles r on r.oid = n.nspowner where r.rolname in ${roles}
         union all
         select rolname::text from pg_roles where rolname in ('trakit_app', 'trakit_dispatcher', 'authenticated', 'anon') and rolcanlogin`,
      ),
    ).toEqual([]);
  });

  test("that log in are members of nothing that owns functions, and may not create in our schemas", async () => {
    expect(
      await list(
        `select r.rolname || ' in ' || o.rolname as name from pg_roles r cross join pg_roles o
         where r.rolname in ('trakit_edge', 'trakit_worker', 'authenticated', 'anon')
           and o.rolname in ('trakit_app', 'trakit_dispatcher', 'postgres') and pg_has_role(r.oid, o.oid, 'member')
         union all
         select r.rolname || ' creates in ' || n.nspname from pg_roles r cross join pg_namespace n
         where r.rolname in ${roles} and n.oid in ${OURS} and has_schema_privilege(r.oid, n.oid, 'create')`,
      ),
    ).toEqual([]);
  });

  test("the migration role is no superuser here, as on Supabase", async () => {
    expect(
      await db.query("postgres", "select rolsuper, rolbypassrls from pg_roles where rolname = current_user"),
    ).toEqual([
      { rolsuper: false, rolbypassrls: true },
    ]);
  });
});

describe("comments", () => {
  test("every schema, table, view and sequenceless column says what it is", async () => {
    expect(
      await list(
        `select n.nspname::text as name from pg_namespace n where n.oid in ${OURS} and obj_description(n.oid, 'pg_namespace') is null
         union all
         select c.oid::regclass::text from pg_class c
         where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v', 'm') and obj_description(c.oid, 'pg_class') is null
         union all
         select c.oid::regclass || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
           and col_description(c.oid, a.attnum) is null`,
      ),
    ).toEqual([]);
  });

  test("every function says what it promises", async () => {
    expect(
      await list(
        `select p.oid::regprocedure::text as name from pg_proc p
         where p.pronamespace in ${OURS} and obj_description(p.oid, 'pg_proc') is null`,
      ),
    ).toEqual([]);
  });
});
