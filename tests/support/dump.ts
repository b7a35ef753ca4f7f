import { execFileSync } from "node:child_process";
import type { TestDatabase } from "./database.ts";

/**
 * Everything a dump of a database would hold, a line each with the table in front. By `pg_dump` where there is one that
 * reads this server (Debian's of PostgreSQL 15 does not read 17), else by reading what it would: every row of every table of
 * every schema that is not Postgres's own, partitions and pg-boss included, and large objects.
 */
export async function dumpLines(db: TestDatabase): Promise<string[]> {
  const [server] = await db.query<{ major: number }>(
    "postgres",
    "select current_setting('server_version_num')::integer / 10000 as major",
  );
  return pgDumpMajor() >= server!.major ? pgDump(db.url("postgres")) : await byHand(db);
}

/** The major version of the pg_dump that is installed; 0 = none. */
export function pgDumpMajor(): number {
  try {
    return Number(/(\d+)/.exec(execFileSync("pg_dump", ["--version"], { encoding: "utf8" }))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function pgDump(url: string): string[] {
  const text = execFileSync("pg_dump", ["--blobs", `--dbname=${url}`], {
    encoding: "utf8",
    maxBuffer: 1024 * 1024 * 1024,
  });
  const lines: string[] = [];
  let table = "";
  for (const line of text.split("\n")) {
    const copy = /^COPY (\S+) /.exec(line);
    if (copy) table = copy[1]!;
    else if (line === "\\.") table = "";
    else if (line !== "") lines.push(`${table} ${line}`);
  }
  return lines;
}

async function byHand(db: TestDatabase): Promise<string[]> {
  const named = await db.query<{ name: string }>(
    "postgres",
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' order by 1`,
  );
  const lines: string[] = [];
  for (const { name } of named) {
    const rows = await db.query<{ row: string }>("postgres", `select t::text as row from ${name} t`);
    for (const { row } of rows) lines.push(`${name} ${row}`);
  }
  const objects = await db.query<{ row: string }>(
    "postgres",
    "select o.oid || ' ' || lo_get(o.oid)::text as row from pg_largeobject_metadata o",
  );
  return [...lines, ...objects.map(({ row }) => `pg_largeobject ${row}`)];
}
