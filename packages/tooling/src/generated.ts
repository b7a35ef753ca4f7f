import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import pg from "pg";
import { makeTemplate, runStatements, startPostgres } from "./postgres-server.ts";
import { repositoryRoot } from "./repository.ts";

/** What the generators share: a migrated database to read, and a file to write or to compare. */

/**
 * Runs `work` on a freshly migrated database in a throw-away Postgres 17 and returns its result. Day partitions are
 * dropped first: they depend on the day, and what is generated must not.
 */
export async function onMigratedDatabase<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const server = await startPostgres();
  try {
    const url = await makeTemplate(server.url);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "select oid::regclass::text as name from pg_class where relispartition and relkind = 'r' and relnamespace = 'trakit'::regnamespace",
    );
    await client.end();
    await runStatements(url, rows.map(({ name }) => `drop table ${name}`));
    return await work(url);
  } finally {
    await server.stop();
  }
}

/**
 * Writes `content` to a file of the repository or, with `--check` on the command line, compares it: a stale file is named
 * with its first differing line, and the process ends with exit code 1. `command` is what makes it new.
 */
export function writeOrCheck(path: string, content: string, command: string): void {
  const file = join(repositoryRoot, path);
  if (!process.argv.includes("--check")) {
    writeFileSync(file, content);
    process.stdout.write(`${path} written\n`);
    return;
  }
  const present = existsSync(file) ? readFileSync(file, "utf8") : "";
  if (present === content) {
    process.stdout.write(`${path} is up to date\n`);
    return;
  }
  const [old, now] = [present.split("\n"), content.split("\n")];
  const line = now.findIndex((text, index) => text !== old[index]);
  const at = line === -1 ? now.length : line;
  process.stderr.write(
    `${path} is stale: run ${command}. First difference in line ${at + 1}:\n- ${old[at] ?? "(end)"}\n+ ${
      now[at] ?? "(end)"
    }\n`,
  );
  process.exitCode = 1;
}
