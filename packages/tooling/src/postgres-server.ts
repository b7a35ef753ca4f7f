import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import pg from "pg";
import { repositoryRoot } from "./repository.ts";

/**
 * Throw-away Postgres for tests and generators, shaped like Supabase's: the superuser is `supabase_admin`, and `postgres`,
 * who runs the migrations, is none (it may create roles and databases and bypasses RLS).
 */

/** Passwords of roles in throw-away servers; they listen on 127.0.0.1 only and hold nothing. */
export const TEST_PASSWORD = "postgres";

export interface PostgresServer {
  /** Connection of the migration role `postgres` to the maintenance database. */
  url: string;
  /** Stops it and removes its folder; with `keep` the folder stays and its path is returned (what was kept before goes). */
  stop(keep?: boolean): Promise<string | null>;
}

/** A port nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))
      );
    });
  });
}

/** The same connection to another database or as another role (test password). */
export function withDatabase(url: string, database: string, user?: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  if (user !== undefined) {
    changed.username = user;
    changed.password = TEST_PASSWORD;
  }
  return changed.toString();
}

/** Runs statements one after another on a connection of their own. */
export async function runStatements(url: string, statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Makes the migration role as Supabase has it. `superUrl` is a superuser's connection. */
export async function createMigrationRole(superUrl: string): Promise<void> {
  await runStatements(superUrl, [
    `create role postgres login createrole createdb bypassrls password '${TEST_PASSWORD}'`,
  ]);
}

/** Starts the embedded Postgres 17 in a process of its own (postgres-process.ts). Throws with the server's own words when it does not start. */
export function startPostgres(): Promise<PostgresServer> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "postgres-process.ts")], {
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C reaches the whole foreground group: the runner first looks at its tests, then stops us
    detached: true,
  });
  const lines = createInterface({ input: child.stdout });
  let errors = "";
  child.stderr.on("data", (data) => errors += data);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    ended.then(() => reject(new Error(errors.trim() || "The embedded Postgres ended at once.")));
    lines.once("line", (url) => {
      let kept: string | null = null;
      lines.once("line", (folder) => kept = folder);
      resolve({
        url,
        async stop(keep = false) {
          child.stdin.end(keep ? "keep\n" : "stop\n");
          await ended;
          return kept;
        },
      });
    });
  });
}

/** Runs the supabase CLI of this repository; resolves with what it printed, throws with it when it fails. */
export function supabase(parameters: string[]): Promise<string> {
  const program = join(repositoryRoot, "node_modules", ".bin", "supabase");
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...parameters, "--yes", "--agent", "no"], {
      cwd: repositoryRoot,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let errors = "";
    child.stdout.on("data", (data) => output += data);
    child.stderr.on("data", (data) => errors += data);
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`supabase ${parameters[0]} ${parameters[1] ?? ""} failed:\n${errors}${output}`));
    });
  });
}

/** Name of the migrated database that tests are cloned from. */
export const TEMPLATE = "trakit_template";

/**
 * Makes the template on a server that has none: all migrations, run as `postgres`, and passwords for the roles that log
 * in. Returns the connection of its owner. A template left by an earlier run is replaced, migrations may have changed.
 */
export async function makeTemplate(serverUrl: string): Promise<string> {
  await runStatements(serverUrl, [`drop database if exists ${TEMPLATE}`, `create database ${TEMPLATE}`]);
  const url = withDatabase(serverUrl, TEMPLATE);
  await supabase(["migration", "up", `--remote=${url}?sslmode=disable`]);
  await runStatements(url, [
    `alter role trakit_edge password '${TEST_PASSWORD}'`,
    `alter role trakit_worker password '${TEST_PASSWORD}'`,
    // tests act as these; the owner of the database would otherwise not be allowed to
    "grant authenticated, anon, trakit_edge, trakit_worker, trakit_app, trakit_dispatcher to current_user",
  ]);
  return url;
}
