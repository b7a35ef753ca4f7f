import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { connect, type Database } from "@trakit/db/connection.ts";
import { ensurePartitions } from "@trakit/db/calls/ensure-partitions.ts";
import { CliProblem } from "../problem.ts";
import { ROOT, supabaseScript } from "./paths.ts";
import { installQueue } from "./queue-schema.ts";
import { setPasswords } from "./roles.ts";
import { makeSchedules, type Scheduled } from "./schedules.ts";

export interface Migrated {
  /** Versions applied now, oldest first. */
  applied: string[];
  /** Roles that were given the password in their connection setting. */
  passwords: string[];
  /** Partitions made. */
  partitions: number;
  /** What became of pg-boss's schema. */
  queue: "installed" | "upgraded" | "up to date";
  /** What wakes the queue from inside the database. */
  schedules: Scheduled;
}

/** How far ahead day partitions are made (SQL `trakit.ensure_partitions`). */
const PARTITION_DAYS = 8;

/** Versions of the migrations in the repository, oldest first. */
export function localVersions(): string[] {
  return readdirSync(join(ROOT, "supabase", "migrations"))
    .map((name) => /^(\d{14})_.*\.sql$/.exec(name)?.[1]).filter((version) => version !== undefined).sort();
}

/** Versions the database has, by the supabase CLI's own table. `database` must be logged in as the role that migrates. */
export async function appliedVersions(database: Database): Promise<string[]> {
  const [row] = await database.rows<{ exists: boolean }>(
    "select to_regclass('supabase_migrations.schema_migrations') is not null as exists",
  );
  if (!row?.exists) return [];
  const versions = await database.rows<{ version: string }>(
    "select version from supabase_migrations.schema_migrations order by version",
  );
  return versions.map(({ version }) => version);
}

/** Runs the supabase CLI quietly. Throws CliProblem with its words when it fails. */
async function supabase(args: string[]): Promise<void> {
  const child = spawn(process.execPath, [supabaseScript(), ...args, "--workdir", ROOT], {
    cwd: ROOT,
    // it need not tell anybody that it ran, nor look for a newer one of itself
    env: { ...process.env, SUPABASE_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", CI: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const words: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => words.push(chunk));
  }
  const code = await new Promise<number | string>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "not started"));
    child.on("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
  });
  if (code === 0) return;
  const said = words.join("").trim().split("\n").slice(-15).map((line) => `    ${line}`).join("\n");
  throw new CliProblem(
    `The migrations could not be applied (supabase ended with ${code}).`,
    `It said:\n${said}`,
  );
}

/** One sentence for a database that cannot be used for migrations. */
function unreachable(error: unknown): CliProblem {
  const { code, cause } = error as { code?: string; cause?: { code?: string; message?: string } };
  return new CliProblem(
    `The database that SUPABASE_DB_URL names cannot be used (${
      code ?? cause?.code ?? cause?.message ?? "no answer"
    }).`,
    "Check that it runs and that host, role, password and database are right; without the variable npm start brings its own Postgres.",
    { cause: error },
  );
}

/**
 * Brings the database of `SUPABASE_DB_URL` up to date: migrations, passwords of the login roles, partitions, pg-boss's
 * schema, schedules. Repeating it changes nothing. Throws CliProblem when the database cannot be reached or a migration fails.
 */
export async function migrateDatabase(environment: Record<string, string | undefined>): Promise<Migrated> {
  const url = environment["SUPABASE_DB_URL"];
  if (!url) {
    throw new CliProblem(
      "The setting SUPABASE_DB_URL is missing.",
      "Set it to the database's address, logged in as postgres.",
    );
  }
  if (!/^postgres(ql)?:\/\/\S+$/.test(url) || !URL.canParse(url)) {
    throw new CliProblem(
      "The setting SUPABASE_DB_URL is malformed: it must be a postgresql:// address.",
      "Correct it.",
    );
  }
  const owner = connect({ url, max: 1, statementTimeoutMs: 60_000, applicationName: "trakit-migrate" });
  try {
    const before = await appliedVersions(owner).catch((error: unknown) => {
      throw unreachable(error);
    });
    const unknown = before.filter((version) => !localVersions().includes(version));
    if (unknown.length > 0) {
      throw new CliProblem(
        `The database has migrations this version of TrakIt does not know (${unknown.join(", ")}).`,
        "Use the newer TrakIt, or another database; locally, npm start -- --fresh begins anew.",
      );
    }
    const missing = localVersions().filter((version) => !before.includes(version));
    if (missing.length > 0) await supabase(["migration", "up", `--remote=${url}`, "--include-all", "--yes"]);
    return {
      applied: missing,
      passwords: await setPasswords(owner, environment),
      partitions: await ensurePartitions(owner, PARTITION_DAYS),
      queue: await installQueue(url, owner),
      schedules: await makeSchedules(owner, environment),
    };
  } finally {
    await owner.close();
  }
}
