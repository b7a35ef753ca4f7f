import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "@trakit/db/connection.ts";
import { ROOT } from "./paths.ts";

/**
 * Migrations as the repository has them and as a database ran them. The supabase CLI knows versions only; the hash of each
 * file stands beside them, so that one that was edited after it ran is noticed.
 */

export interface MigrationFile {
  /** 14 digits, what the file's name begins with. */
  version: string;
  name: string;
  /** SHA-256 of its text, hex; line ends do not count. */
  sha256: string;
}

export interface AppliedMigration {
  version: string;
  /** Null = it ran without `trakit migrate`, which notes it the next time. */
  sha256: string | null;
}

/** SHA-256 of a migration's text, hex. */
export function migrationHash(text: string): string {
  return createHash("sha256").update(text.replaceAll("\r\n", "\n")).digest("hex");
}

/** Migrations in the repository, oldest first. */
export function localMigrations(): MigrationFile[] {
  const folder = join(ROOT, "supabase", "migrations");
  return readdirSync(folder).sort().flatMap((name) => {
    const version = /^(\d{14})_.*\.sql$/.exec(name)?.[1];
    return version === undefined
      ? []
      : [{ version, name, sha256: migrationHash(readFileSync(join(folder, name), "utf8")) }];
  });
}

/** Migrations a database ran, oldest first. `database` must be logged in as the role that migrates. */
export async function appliedMigrations(database: Database): Promise<AppliedMigration[]> {
  const [row] = await database.rows<{ exists: boolean }>(
    "select to_regclass('supabase_migrations.schema_migrations') is not null as exists",
  );
  if (!row?.exists) return [];
  // the column may not be there yet
  return await database.rows<AppliedMigration>(
    `select m.version, to_jsonb(m) ->> 'trakit_sha256' as sha256
     from supabase_migrations.schema_migrations m order by m.version`,
  );
}

/** Notes the hash of each file that ran and has none yet. */
export async function noteHashes(database: Database, files: readonly MigrationFile[]): Promise<void> {
  await database.rows(
    "alter table supabase_migrations.schema_migrations add column if not exists trakit_sha256 text",
  );
  await database.rows(
    `update supabase_migrations.schema_migrations m set trakit_sha256 = f.sha256
     from unnest($1::text[], $2::text[]) f (version, sha256)
     where m.version = f.version and m.trakit_sha256 is null`,
    [files.map((file) => file.version), files.map((file) => file.sha256)],
  );
}

/** Names of the files that were edited after the database ran them. */
export function editedMigrations(
  files: readonly MigrationFile[],
  applied: readonly AppliedMigration[],
): string[] {
  const ran = new Map(applied.map(({ version, sha256 }) => [version, sha256]));
  return files.filter(({ version, sha256 }) => {
    const then = ran.get(version);
    return then !== undefined && then !== null && then !== sha256;
  }).map(({ name }) => name);
}
