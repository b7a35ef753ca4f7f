import { lstat, mkdtemp, readlink, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { superviseChild } from "@trakit/cli/stack/child.ts";
import { claimPorts } from "@trakit/cli/stack/ports.ts";
import { createCluster, postgresSpec } from "@trakit/cli/stack/postgres.ts";
import { clusterFolder, postgresPlace } from "@trakit/cli/stack/postgres-place.ts";
import { CliProblem } from "@trakit/cli/problem.ts";
import { runStatements, TEST_PASSWORD, withDatabase } from "./postgres-server.ts";

/**
 * One throw-away Postgres 17 in a process of its own: `node packages/tooling/src/postgres-process.ts [folder]`. It prints
 * the connection string of role `postgres` and runs until it reads `stop` (its folder goes) or `keep` (the folder stays
 * and is printed, the one kept before goes), or until its input ends, because whoever started it is gone.
 * With a folder, what `keep` left is started again, and stays.
 *
 * The server is the local stack's (packages/cli/src/stack): one way to find a user, a folder and the binaries. A process of
 * its own, so that the folder goes even when a test runner is killed.
 */
const SETTINGS = [
  "fsync=off",
  // its workers are a superuser's: dropping a database beside one would be refused
  "autovacuum=off",
  "synchronous_commit=off",
  "full_page_writes=off",
  "max_locks_per_transaction=256",
  // a deadlock is to be seen as one, not as a slow test
  "deadlock_timeout=200ms",
  "jit=off",
  // passwords here guard nothing, and every test file logs in anew
  "scram_iterations=1",
];
/** Another process may bind a free port before Postgres does; more often than this it is no accident. */
const TRIES = 5;

/** Names the folder that was kept last. */
const KEPT = join(tmpdir(), "trakit-postgres-kept");

async function remove(dataDir: string): Promise<void> {
  await rm(clusterFolder(dataDir), { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
}

const given = process.argv[2];
const dataDir = given ?? await mkdtemp(join(tmpdir(), "trakit-postgres-"));

async function start(): Promise<{ url: string; stop(): Promise<void> }> {
  const place = postgresPlace(dataDir);
  createCluster(place, false);
  for (let tries = 1;; tries++) {
    const port = (await claimPorts({ database: 0 })).database!;
    const server = superviseChild(postgresSpec(place, port, join(dataDir, "postgres.log"), SETTINGS), {
      line() {},
      died: (how) => process.stderr.write(`The embedded Postgres ${how}.\n`),
      revived() {},
    });
    try {
      await server.start();
    } catch (error) {
      const inUse = error instanceof CliProblem && /could not bind|in use/i.test(error.remedy);
      if (inUse && tries < TRIES) continue;
      throw error;
    }
    const url = `postgresql://postgres:${TEST_PASSWORD}@127.0.0.1:${port}/postgres`;
    // set again, with this server's iterations
    await runStatements(withDatabase(url, "postgres", "supabase_admin"), [
      `alter role postgres password '${TEST_PASSWORD}'`,
    ]);
    return { url, stop: () => server.stop() };
  }
}

let server: Awaited<ReturnType<typeof start>> | undefined;

async function end(keep: boolean, code: number): Promise<never> {
  await server?.stop();
  if (given === undefined && keep) {
    const isLink = await lstat(KEPT).then((found) => found.isSymbolicLink(), () => false);
    if (isLink) await remove(await readlink(KEPT));
    await rm(KEPT, { recursive: true, force: true });
    await symlink(dataDir, KEPT);
    process.stdout.write(`${dataDir}\n`);
  } else if (given === undefined) {
    await remove(dataDir);
  }
  process.exit(code);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end(false, 0));
try {
  server = await start();
} catch (error) {
  const words = error instanceof CliProblem ? `${error.message} ${error.remedy}` : String(error);
  process.stderr.write(`The embedded Postgres did not start: ${words}\n`);
  await end(false, 1);
}
process.stdout.write(`${server!.url}\n`);

let keep = false;
for await (const line of createInterface({ input: process.stdin })) {
  keep = line === "keep";
  break;
}
await end(keep, 0);
