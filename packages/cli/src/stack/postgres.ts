import { spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { CliProblem } from "../problem.ts";
import type { ChildSpec } from "./child.ts";
import type { PostgresPlace } from "./postgres-place.ts";
import { commandLine } from "./processes.ts";

const MAJOR = "17";

/**
 * As Supabase has it: the superuser is another, and `postgres`, which runs the migrations, may create roles and is exempt
 * from row-level security, no more. The cluster listens on the loopback address only, hence the fixed password.
 */
const SUPERUSER = "supabase_admin";
const ROLES = `
create role postgres login createrole createdb bypassrls password 'postgres';
alter database postgres owner to postgres;
`;

function asUser(place: PostgresPlace): { uid?: number; gid?: number } {
  return place.user ? { uid: place.user.uid, gid: place.user.gid } : {};
}

function binary(place: PostgresPlace, name: string): string {
  return join(place.binaries, "bin", name + (process.platform === "win32" ? ".exe" : ""));
}

function own(place: PostgresPlace, path: string): void {
  if (place.user) chownSync(path, place.user.uid, place.user.gid);
}

function run(place: PostgresPlace, name: string, args: string[], input: string): void {
  const { status, signal, stderr, error } = spawnSync(binary(place, name), args, {
    ...asUser(place),
    // the present folder may be one that user cannot enter
    cwd: "/",
    env: { ...process.env, LC_ALL: "C" },
    input,
    encoding: "utf8",
  });
  if (status === 0) return;
  const words = (stderr ?? "").trim().split("\n").slice(-4).join("\n    ");
  throw new CliProblem(
    `The database could not be created (${name}: ${
      error ? (error as NodeJS.ErrnoException).code : signal ?? `exit code ${status}`
    }).`,
    `${
      words ? `Its last words:\n    ${words}\n  ` : ""
    }Set SUPABASE_DB_URL to use a Postgres server of your own.`,
  );
}

/**
 * Makes the cluster unless there is one, and says whether it did. A start that was interrupted half-way leaves nothing
 * that looks finished. `durable` false spares the waits for the disk: a crash of the machine may lose a throw-away one.
 */
export function createCluster(place: PostgresPlace, durable = true): boolean {
  const version = join(place.data, "PG_VERSION");
  if (existsSync(version)) {
    const found = readFileSync(version, "utf8").trim();
    if (found === MAJOR) return false;
    throw new CliProblem(
      `The database in ${place.data} belongs to Postgres ${found}, not ${MAJOR}.`,
      "Begin anew with npm start -- --fresh.",
    );
  }
  const half = `${place.data}.half`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true, mode: 0o700 });
  own(place, half);
  const secrets = mkdtempSync(join(tmpdir(), "trakit-"));
  try {
    own(place, secrets);
    const passwordFile = join(secrets, "password");
    writeFileSync(passwordFile, "postgres\n", { mode: 0o600 });
    own(place, passwordFile);
    run(place, "initdb", [
      `--pgdata=${half}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      // Postgres's own locale: the same order and case rules on every machine
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-instructions",
      ...(durable ? [] : ["--no-sync"]),
    ], "");
    run(place, "postgres", ["--single", "-D", half, "postgres"], ROLES);
  } finally {
    rmSync(secrets, { recursive: true, force: true });
  }
  rmSync(place.data, { recursive: true, force: true });
  renameSync(half, place.data);
  return true;
}

/**
 * Clears what a killed run left in the cluster: a server that still runs is stopped, a postmaster.pid that names nobody,
 * or by now somebody else, is removed (Postgres would refuse to start for the latter).
 */
export async function clearLeftovers(place: PostgresPlace): Promise<void> {
  const pidFile = join(place.data, "postmaster.pid");
  const alive = (): number | null => {
    if (!existsSync(pidFile)) return null;
    const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
    const command = pid > 0 ? commandLine(pid) : null;
    return command?.includes("postgres") && command.includes(place.data) ? pid : null;
  };
  for (let tries = 0, pid = alive(); pid !== null; tries++, pid = alive()) {
    if (tries === 0) process.kill(pid, "SIGINT");
    if (tries === 100) process.kill(pid, "SIGQUIT");
    if (tries === 150) {
      throw new CliProblem(
        `A Postgres of an earlier run (process ${pid}) does not end.`,
        `End it yourself (kill -9 ${pid}), then start again.`,
      );
    }
    await delay(100);
  }
  rmSync(pidFile, { force: true });
}

/** The server as a process of the stack, with more settings (`name=value`) if wished. The cluster must have been created. */
export function postgresSpec(
  place: PostgresPlace,
  port: number,
  logPath: string,
  settings: readonly string[] = [],
): ChildSpec {
  return {
    name: "postgres",
    command: binary(place, "postgres"),
    args: [
      ...["-D", place.data, "-p", String(port)],
      ...[
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "timezone=UTC",
        "log_timezone=UTC",
        "max_connections=200",
        // statements may carry digests and addresses: errors are logged without their values
        "log_parameter_max_length_on_error=0",
        "log_error_verbosity=terse",
        ...settings,
      ].flatMap((setting) => ["-c", setting]),
    ],
    env: {
      PATH: process.env["PATH"] ?? "",
      LC_ALL: "C",
      ...(process.env["TZDIR"] ? { TZDIR: process.env["TZDIR"] } : {}),
    },
    cwd: place.data,
    ...asUser(place),
    ready: (line) => line.includes("database system is ready to accept connections"),
    // after a crash it replays its log first
    readyMs: 60_000,
    stopSignal: "SIGINT",
    killSignal: "SIGQUIT",
    stopMs: 15_000,
    prepare: () => clearLeftovers(place),
    logPath,
    watchesInput: false,
  };
}
