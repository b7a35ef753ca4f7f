import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import pg from "pg";
import {
  createMigrationRole,
  freePort,
  makeTemplate,
  runStatements,
  supabase,
  TEMPLATE,
  TEST_PASSWORD,
  withDatabase,
} from "./postgres-server.ts";
import { repositoryRoot } from "./repository.ts";

/**
 * The database on Debian's PostgreSQL 15, which Supabase still runs beside 17: starts a throw-away cluster with pg_cron
 * preloaded, migrates as a role that is no superuser, and runs `supabase db lint` (plpgsql_check), the pgTAP files and the
 * vitest database suite against it, and pg_cron itself.
 *
 *   node packages/tooling/src/pg15.ts [lint] [pgtap] [vitest] [cron]      without a name: all of them
 *
 * Exit code 1 when something failed, 2 when the Debian packages are missing. The cluster goes in every case.
 */
const STEPS = ["lint", "pgtap", "vitest", "cron"] as const;
type Step = (typeof STEPS)[number];

const BIN = "/usr/lib/postgresql/15/bin";
const EXTENSIONS = "/usr/share/postgresql/15/extension";
const PACKAGES: Record<string, string> = {
  "postgresql-15": join(BIN, "postgres"),
  "postgresql-15-cron": join(EXTENSIONS, "pg_cron.control"),
  "postgresql-15-pgtap": join(EXTENSIONS, "pgtap.control"),
  "postgresql-15-plpgsql-check": join(EXTENSIONS, "plpgsql_check.control"),
  // `supabase test db` runs pg_prove in Docker
  "libtap-parser-sourcehandler-pgtap-perl": "/usr/bin/pg_prove",
};

/** One sentence that names the packages to install; null when all are there. */
function missingPackages(): string | null {
  const missing = Object.entries(PACKAGES).filter(([, file]) => !existsSync(file)).map(([name]) => name);
  return missing.length === 0
    ? null
    : `This needs Debian's ${missing.join(", ")}: apt-get install -y ${missing.join(" ")}.`;
}

/** Postgres refuses to run as root: then it runs as the packages' own user. */
function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }).trim());
  return { uid: id("-u"), gid: id("-g") };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  // a server that is still starting ends the connection as an event, not only as a rejected promise
  client.on("error", () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

interface Cluster {
  superUrl: string;
  stop(): Promise<void>;
}

/** A new cluster on a free port of 127.0.0.1. Throws with the server's last words when it does not start in 30 s. */
async function startCluster(): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "trakit-pg15-"));
  const user = serverUser();
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, TEST_PASSWORD);
  if (user.uid !== undefined && user.gid !== undefined) {
    for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid);
  }
  const data = join(folder, "data");
  execFileSync(
    join(BIN, "initdb"),
    [
      "-D",
      data,
      "-U",
      "supabase_admin",
      `--pwfile=${passwordFile}`,
      "-A",
      "scram-sha-256",
      "-E",
      "UTF8",
      "--locale=C",
      "--no-sync",
    ],
    { ...user, cwd: folder, stdio: "pipe" },
  );
  const port = await freePort();
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${folder}`,
    "shared_preload_libraries=pg_cron",
    "cron.database_name=postgres",
    // runs by itself, instead of logging in with a password it does not have
    "cron.use_background_workers=on",
    "fsync=off",
    "autovacuum=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "max_locks_per_transaction=256",
    "deadlock_timeout=200ms",
    "timezone=UTC",
  ];
  const child: ChildProcess = spawn(join(BIN, "postgres"), [
    "-D",
    data,
    ...settings.flatMap((one) => ["-c", one]),
  ], {
    ...user,
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let words = "";
  child.stderr?.on("data", (data) => words = (words + String(data)).slice(-4_000));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const stop = async () => {
    child.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const superUrl = `postgresql://supabase_admin:${TEST_PASSWORD}@127.0.0.1:${port}/postgres`;
  const deadline = Date.now() + 30_000;
  while (!(await answers(superUrl))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`PostgreSQL 15 did not start: ${words.trim()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { superUrl, stop };
}

/** Runs a program with our output; resolves with its exit code. */
function run(
  program: string,
  parameters: string[],
  environment: Record<string, string> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      cwd: repositoryRoot,
      stdio: "inherit",
      env: { ...process.env, ...environment },
    });
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** A clone of the template with an extension only a superuser may make. Returns the migration role's connection to it. */
async function cloneWith(cluster: Cluster, name: string, extension: string): Promise<string> {
  await runStatements(withDatabase(cluster.superUrl, "postgres", "postgres"), [
    `create database ${name} template ${TEMPLATE}`,
  ]);
  await runStatements(withDatabase(cluster.superUrl, name), [`create extension ${extension}`]);
  return `${withDatabase(cluster.superUrl, name, "postgres")}?sslmode=disable`;
}

async function lint(cluster: Cluster): Promise<boolean> {
  const url = await cloneWith(cluster, "trakit_lint", "plpgsql_check");
  const words = await supabase([
    "db",
    "lint",
    `--remote=${url}`,
    "--schema",
    "trakit,api",
    "--level",
    "warning",
    "--fail-on",
    "warning",
  ])
    .catch((error: Error) => error);
  if (words instanceof Error) {
    process.stderr.write(`${words.message}\n`);
    return false;
  }
  process.stdout.write("supabase db lint: clean\n");
  return true;
}

async function pgtap(cluster: Cluster): Promise<boolean> {
  const url = new URL(await cloneWith(cluster, "trakit_pgtap", "pgtap"));
  const program = PACKAGES["libtap-parser-sourcehandler-pgtap-perl"]!;
  return await run(program, ["--ext", ".sql", "--recurse", "tests/sql"], {
    PGHOST: url.hostname,
    PGPORT: url.port,
    PGUSER: url.username,
    PGPASSWORD: url.password,
    PGDATABASE: url.pathname.slice(1),
  }) === 0;
}

async function vitest(cluster: Cluster): Promise<boolean> {
  const program = join(repositoryRoot, "node_modules", ".bin", "vitest");
  return await run(program, ["run", "tests/integration/db"], {
    TRAKIT_TEST_DB_URL: withDatabase(cluster.superUrl, "postgres", "postgres"),
  }) === 0;
}

/** pg_cron lives in the database `postgres` only, which nothing else uses: migrated here, and its schedules awaited. */
async function cron(cluster: Cluster): Promise<boolean> {
  const program = join(repositoryRoot, "node_modules", ".bin", "vitest");
  return await run(program, ["run", "tests/integration/pg-cron.test.ts"], {
    TRAKIT_TEST_CRON_DB_URL: `${withDatabase(cluster.superUrl, "postgres", "postgres")}?sslmode=disable`,
  }) === 0;
}

const named = process.argv.slice(2);
const unknown = named.filter((name) => !STEPS.includes(name as Step));
if (unknown.length > 0) {
  process.stderr.write(`There is no step ${unknown.join(", ")}: the steps are ${STEPS.join(", ")}.\n`);
  process.exit(2);
}
const missing = missingPackages();
if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exit(2);
}

const cluster = await startCluster();
const failed: string[] = [];
try {
  await createMigrationRole(cluster.superUrl);
  // Supabase lets `postgres` make this extension; here its superuser does, in the one database it can live in
  await runStatements(cluster.superUrl, [
    "create extension pg_cron",
    "grant usage on schema cron to postgres",
    "grant all on all tables in schema cron to postgres",
    "grant create on database postgres to postgres",
  ]);
  await makeTemplate(withDatabase(cluster.superUrl, "postgres", "postgres"));
  process.stdout.write("PostgreSQL 15: migrated by a role that is no superuser\n");
  const steps: Record<Step, (cluster: Cluster) => Promise<boolean>> = { lint, pgtap, vitest, cron };
  for (const step of STEPS) {
    if (named.length > 0 && !named.includes(step)) continue;
    if (!(await steps[step](cluster))) failed.push(step);
  }
} finally {
  await cluster.stop();
}
if (failed.length > 0) process.stderr.write(`Failed on PostgreSQL 15: ${failed.join(", ")}.\n`);
process.exit(failed.length > 0 ? 1 : 0);
