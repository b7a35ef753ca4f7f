import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort, TEST_PASSWORD } from "@trakit/tooling/postgres-server.ts";
import { until } from "./stack.ts";

const PGBOUNCER = "/usr/sbin/pgbouncer";

/** Whether tests with a pooler are skipped here; says so once. With TRAKIT_TEST_ALL=1 a missing PgBouncer is a failure. */
export function withoutPgbouncer(place: string): boolean {
  const missing = !existsSync(PGBOUNCER);
  const skipped = missing && process.env["TRAKIT_TEST_ALL"] !== "1";
  if (skipped) {
    process.stdout.write(
      `${place} skipped: there is no ${PGBOUNCER}. TRAKIT_TEST_ALL=1 makes that a failure.\n`,
    );
  }
  return skipped;
}

export interface Pgbouncer {
  /** The same connection through the pooler. */
  url: string;
  start(): Promise<void>;
  /** Ends it at once, with every connection it holds. */
  stop(): Promise<void>;
  /** Removes its folder. */
  remove(): void;
}

/** A transaction pooler before the server that `url` leads to, as Supavisor is before Supabase's. Not started yet. */
export async function pgbouncer(url: string): Promise<Pgbouncer> {
  const server = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), "trakit-pgbouncer-"));
  // it runs as nobody where the tests run as root, and reads its settings then
  chmodSync(folder, 0o755);
  const port = await freePort();
  const users = join(folder, "users.txt");
  const settings = join(folder, "pgbouncer.ini");
  writeFileSync(users, `"${server.username}" "${TEST_PASSWORD}"\n`);
  writeFileSync(
    settings,
    [
      "[databases]",
      `* = host=127.0.0.1 port=${server.port}`,
      "[pgbouncer]",
      `listen_addr = 127.0.0.1`,
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = plain",
      `auth_file = ${users}`,
      "pool_mode = transaction",
      "default_pool_size = 5",
    ].join("\n"),
  );
  const through = new URL(url);
  through.host = `127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const socket = connectSocket(port, "127.0.0.1");
      socket.once("connect", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
  return {
    url: through.href,
    async start() {
      child = spawn(PGBOUNCER, ["--quiet", settings], {
        stdio: "ignore",
        // it refuses to run as root
        ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
      });
      await until(listens, "PgBouncer listens", 10_000);
    },
    async stop() {
      const ended = child?.exitCode === null && child.signalCode === null && once(child, "exit");
      child?.kill("SIGKILL");
      await ended;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
