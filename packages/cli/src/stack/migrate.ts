import { spawn } from "node:child_process";
import process from "node:process";
import { connect, WORK_LIMITS } from "@trakit/db/connection.ts";
import { ensurePartitions } from "@trakit/db/calls/ensure-partitions.ts";
import { CliProblem } from "../problem.ts";
import {
  type AppliedMigration,
  appliedMigrations,
  editedMigrations,
  localMigrations,
  type MigrationFile,
  noteHashes,
} from "./migration-files.ts";
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

/** Throws CliProblem for a database that ran other migrations than these files. */
function refuseOthers(files: readonly MigrationFile[], applied: readonly AppliedMigration[]): void {
  const known = new Set(files.map(({ version }) => version));
  const unknown = applied.filter(({ version }) => !known.has(version));
  const anew =
    "locally npm start -- --fresh, elsewhere without the schemas trakit, api and supabase_migrations; its data goes";
  if (unknown.length > 0) {
    throw new CliProblem(
      `The database was made by another build of TrakIt: it ran ${unknown.length} migration${
        unknown.length === 1 ? "" : "s"
      } this one does not have (the first is ${unknown[0]!.version}).`,
      `Use the build that made it, another database, or begin anew (${anew}).`,
    );
  }
  const edited = editedMigrations(files, applied);
  if (edited.length > 0) {
    throw new CliProblem(
      `The database ran another text of ${edited.join(", ")}: a migration was edited after it ran.`,
      `Put the file back and write a new migration, or begin anew (${anew}).`,
    );
  }
}

/**
 * Brings the database of `SUPABASE_DB_URL` up to date: migrations, passwords of the login roles, partitions, pg-boss's
 * schema, schedules. Repeating it changes nothing. Throws CliProblem when the database cannot be reached,
 * ran other migrations than this build has (unknown ones, or a file that was edited since), or a migration fails.
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
  const owner = connect({
    url,
    max: 1,
    limits: { ...WORK_LIMITS, statementMs: 60_000 },
    applicationName: "trakit-migrate",
  });
  try {
    const applied = await appliedMigrations(owner).catch((error: unknown) => {
      throw unreachable(error);
    });
    const files = localMigrations();
    refuseOthers(files, applied);
    const ran = new Set(applied.map(({ version }) => version));
    const missing = files.map(({ version }) => version).filter((version) => !ran.has(version));
    if (missing.length > 0) await supabase(["migration", "up", `--remote=${url}`, "--include-all", "--yes"]);
    await noteHashes(owner, files);
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
