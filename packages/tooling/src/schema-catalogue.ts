/** Parts of the schema snapshot, each read from pg_catalog in a fixed order. */

// deno-lint-ignore no-explicit-any -- every query has its own columns
export type Rows = (sql: string) => Promise<any[]>;

const OURS = "('trakit'::regnamespace, 'api'::regnamespace)";

function title(text: string): string {
  return `-- ${"-".repeat(20)} ${text} ${"-".repeat(Math.max(4, 90 - text.length))}\n\n`;
}

/** Roles that migrations make, with what they may and of whom they are members. */
export async function roles(rows: Rows): Promise<string> {
  const found = await rows(
    `select r.rolname as name, r.rolcanlogin as login, r.rolinherit as inherits,
       concat_ws(' ', case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypassrls' end,
         case when r.rolcreaterole then 'createrole' end, case when r.rolcreatedb then 'createdb' end) as powers,
       (select string_agg(g.rolname, ', ' order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid
        where m.member = r.oid) as member_of,
       (select string_agg(c, ', ' order by c) from unnest(r.rolconfig) c) as settings
     from pg_roles r where r.rolname ~ '^trakit_' or r.rolname in ('authenticated', 'anon') order by 1`,
  );
  return title("roles") +
    found.map((role) =>
      `create role ${role.name} ${role.login ? "login" : "nologin"}${role.powers ? ` ${role.powers}` : ""};` +
      (role.settings ? ` -- with ${role.settings}` : "") +
      (role.member_of ? ` -- member of ${role.member_of}` : "")
    ).join("\n") + "\n";
}

/** Schemas and sequences of their own. */
export async function schemas(rows: Rows): Promise<string> {
  const found = await rows(
    `select nspname as name, obj_description(oid, 'pg_namespace') as comment from pg_namespace where oid in ${OURS} order by 1`,
  );
  const sequences = await rows(
    `select c.oid::regclass::text as name, format_type(s.seqtypid, null) as type from pg_class c join pg_sequence s on s.seqrelid = c.oid
     where c.relnamespace in ${OURS} and not exists (
       select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'i') order by 1`,
  );
  return title("schemas") +
    found.map((schema) => `create schema ${schema.name}; -- ${schema.comment}`).join("\n") + "\n" +
    sequences.map((one) => `create sequence ${one.name} as ${one.type};`).join("\n") + "\n";
}

/** Tables with columns, constraints, indexes, row security and policies; views with their text. */
export async function relations(rows: Rows): Promise<string> {
  const found = await rows(
    `select c.oid, c.oid::regclass::text as name, c.relkind as kind, c.relowner::regrole::text as owner,
       obj_description(c.oid, 'pg_class') as comment, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
       pg_get_partkeydef(c.oid) as partition, c.reloptions as options,
       case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end as definition
     from pg_class c where c.relnamespace in ${OURS} and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
     order by c.relkind in ('v', 'm'), 2`,
  );
  const texts: string[] = [];
  for (const relation of found) {
    texts.push(relation.definition ? await view(rows, relation) : await table(rows, relation));
  }
  return title("tables and views") + texts.join("\n");
}

// deno-lint-ignore no-explicit-any
async function table(rows: Rows, relation: any): Promise<string> {
  const columns = await rows(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required, a.attidentity as identity,
       pg_get_expr(d.adbin, d.adrelid) as "default", col_description(a.attrelid, a.attnum) as comment
     from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = ${relation.oid} and a.attnum > 0 and not a.attisdropped order by a.attnum`,
  );
  // not null constraints are catalogued from Postgres 18 on; columns say it themselves
  const constraints = await rows(
    `select conname as name, pg_get_constraintdef(oid, true) as definition from pg_constraint
     where conrelid = ${relation.oid} and contype <> 'n' order by contype <> 'p', conname`,
  );
  const indexes = await rows(
    `select pg_get_indexdef(i.indexrelid) as definition from pg_index i
     where i.indrelid = ${relation.oid} and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = i.indrelid)
     order by 1`,
  );
  const policies = await rows(
    `select p.polname as name, case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
       case when p.polpermissive then '' else ' as restrictive' end as kind,
       (select string_agg(r.oid::regrole::text, ', ' order by r.oid::regrole::text) from pg_roles r where r.oid = any (p.polroles)) as roles,
       pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as checks
     from pg_policy p where p.polrelid = ${relation.oid} order by 1`,
  );
  const parts = [
    ...columns.map((column) => ({
      text: [
        column.name,
        column.type,
        column.required ? "not null" : "",
        column.default ? `default ${column.default}` : "",
        column.identity ? `generated ${column.identity === "a" ? "always" : "by default"} as identity` : "",
      ].filter(Boolean).join(" "),
      comment: column.comment,
    })),
    ...constraints.map((one) => ({ text: `constraint ${one.name} ${one.definition}`, comment: null })),
  ];
  const lines = parts.map((part, index) =>
    `  ${part.text}${index < parts.length - 1 ? "," : ""}${part.comment ? ` -- ${part.comment}` : ""}`
  );
  return [
    `-- ${relation.comment}`,
    `create table ${relation.name} ( -- owner ${relation.owner}`,
    ...lines,
    `)${relation.partition ? ` partition by ${relation.partition}` : ""};`,
    ...indexes.map((one) => `${one.definition};`),
    ...(relation.enabled ? [`alter table ${relation.name} enable row level security;`] : []),
    ...(relation.forced ? [`alter table ${relation.name} force row level security;`] : []),
    ...policies.map((one) =>
      `create policy "${one.name}" on ${relation.name}${one.kind} for ${one.command} to ${
        one.roles ?? "public"
      }` +
      (one.using ? ` using (${one.using})` : "") + (one.checks ? ` with check (${one.checks})` : "") + ";"
    ).map((text) => text.replaceAll(/\s*\n\s*/g, " ")),
    "",
  ].join("\n");
}

// deno-lint-ignore no-explicit-any
async function view(rows: Rows, relation: any): Promise<string> {
  const columns = await rows(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, col_description(a.attrelid, a.attnum) as comment
     from pg_attribute a where a.attrelid = ${relation.oid} and a.attnum > 0 and not a.attisdropped order by a.attnum`,
  );
  return [
    `-- ${relation.comment}`,
    ...columns.map((column) => `--   ${column.name} ${column.type}: ${column.comment ?? ""}`),
    `create view ${relation.name}${
      relation.options ? ` with (${relation.options.join(", ")})` : ""
    } as -- owner ${relation.owner}`,
    relation.definition,
    "",
  ].join("\n");
}

/** Functions in full, with owner and who may call them. */
export async function functions(rows: Rows): Promise<string> {
  const found = await rows(
    `select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as definition, p.proowner::regrole::text as owner,
       obj_description(p.oid, 'pg_proc') as comment,
       (select string_agg(case when a.grantee = 0 then 'public' else a.grantee::regrole::text end, ', ' order by a.grantee::regrole::text)
        from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee <> p.proowner) as callers
     from pg_proc p where p.pronamespace in ${OURS} order by 1`,
  );
  return title("functions") + found.map((one) =>
    [
      `-- ${one.comment}`,
      `-- owner ${one.owner}; called by ${one.callers ?? "its owner only"}`,
      `${one.definition.trimEnd()};`,
      "",
    ].join("\n")
  ).join("\n");
}

/** Who may do what with schemas, tables, columns and sequences. Functions say it themselves. */
export async function privileges(rows: Rows): Promise<string> {
  const grantee = "case when a.grantee = 0 then 'public' else a.grantee::regrole::text end";
  const found = await rows(
    `select 'schema ' || n.nspname as thing, ${grantee} as grantee,
       string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as what
     from pg_namespace n cross join lateral aclexplode(n.nspacl) a where n.oid in ${OURS} and a.grantee <> n.nspowner group by 1, 2
     union all
     select case when c.relkind = 'S' then 'sequence ' else '' end || c.oid::regclass, ${grantee},
       string_agg(lower(a.privilege_type), ', ' order by a.privilege_type)
     from pg_class c cross join lateral aclexplode(c.relacl) a
     where c.relnamespace in ${OURS} and not c.relispartition and a.grantee <> c.relowner group by 1, 2
     union all
     select x.thing, x.grantee, string_agg(x.privilege || ' (' || x.columns || ')', ', ' order by x.privilege) from (
       select c.oid::regclass::text as thing, ${grantee} as grantee, lower(a.privilege_type) as privilege,
         string_agg(t.attname, ', ' order by t.attnum) as columns
       from pg_class c join pg_attribute t on t.attrelid = c.oid cross join lateral aclexplode(t.attacl) a
       where c.relnamespace in ${OURS} and not c.relispartition group by 1, 2, 3) x group by 1, 2
     order by 1, 2, 3`,
  );
  return title("grants") +
    found.map((one) => `grant ${one.what} on ${one.thing} to ${one.grantee};`).join("\n") + "\n";
}
