/** `trakit migrate` on an empty database, with the real supabase CLI, and on databases it must not touch. */
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { CliProblem } from "@trakit/cli/problem.ts";
import { migrateDatabase } from "@trakit/cli/stack/migrate.ts";
import { localMigrations, migrationHash } from "@trakit/cli/stack/migration-files.ts";
import { runStatements, withDatabase } from "@trakit/tooling/postgres-server.ts";

const { url: server } = await (await fetch(`${inject("testDatabases")}/server`)).json() as { url: string };
const name = `trakit_migrate_${randomBytes(6).toString("hex")}`;
const url = withDatabase(server, name);
const files = localMigrations();

const migrate = () => migrateDatabase({ SUPABASE_DB_URL: `${url}?sslmode=disable` });
/** What it says when it refuses, and what it says to do about it. */
async function refusal(): Promise<string> {
  const error = await migrate().then(() => null, (error: unknown) => error);
  expect(error).toBeInstanceOf(CliProblem);
  const { message, remedy } = error as CliProblem;
  return `${message} ${remedy}`;
}
async function rows(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(() => runStatements(server, [`create database ${name}`]));
afterAll(() => runStatements(server, [`drop database if exists ${name} with (force)`]));

describe("migrate", () => {
  test(
    "applies every file to an empty database and keeps the SHA-256 of each; again, it changes nothing",
    async () => {
      expect((await migrate()).applied).toEqual(files.map((file) => file.version));
      expect(
        await rows(
          "select version, trakit_sha256 as sha256 from supabase_migrations.schema_migrations order by 1",
        ),
      )
        .toEqual(files.map(({ version, sha256 }) => ({ version, sha256 })));
      expect((await migrate()).applied).toEqual([]);
    },
    120_000,
  );

  test("notes the hash of a file that ran without it", async () => {
    await rows(
      "update supabase_migrations.schema_migrations set trakit_sha256 = null where version = (select max(version) from supabase_migrations.schema_migrations)",
    );
    await migrate();
    expect(await rows("select from supabase_migrations.schema_migrations where trakit_sha256 is null"))
      .toEqual([]);
  }, 60_000);

  test("refuses a file that was edited since it ran, by its name", async () => {
    const edited = files[3]!;
    await rows(
      `update supabase_migrations.schema_migrations set trakit_sha256 = '${
        migrationHash("select 1;\n")
      }' where version = '${edited.version}'`,
    );
    expect(await refusal()).toContain(edited.name);
    await rows(
      `update supabase_migrations.schema_migrations set trakit_sha256 = '${edited.sha256}' where version = '${edited.version}'`,
    );
    expect((await migrate()).applied).toEqual([]);
  }, 60_000);

  test("refuses a database of an earlier build and says how to begin anew", async () => {
    await rows("insert into supabase_migrations.schema_migrations (version) values ('20261123090000')");
    const said = await refusal();
    expect(said).toContain("20261123090000");
    expect(said).toContain("--fresh");
  });
});

test("line ends do not make a migration another one", () => {
  expect(migrationHash("select 1;\r\nselect 2;\r\n")).toBe(migrationHash("select 1;\nselect 2;\n"));
  expect(migrationHash("select 1;\n")).not.toBe(migrationHash("select 2;\n"));
});
