import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, inject, type RunnerTask, type RunnerTestSuite } from "vitest";
import { runStatements, TEMPLATE, withDatabase } from "@trakit/tooling/postgres-server.ts";

/** Roles that log in. `postgres` owns the database and bypasses RLS: to arrange and to look, never to prove. */
export type LoginRole = "postgres" | "trakit_edge" | "trakit_worker";
/** Roles acted as on a connection of `postgres`, as PostgREST acts as `authenticated` (`set role` drops its powers). */
export type ActedRole = "authenticated" | "anon" | "trakit_app" | "trakit_dispatcher";
export type Role = LoginRole | ActedRole;

const LOGIN_ROLES: readonly Role[] = ["postgres", "trakit_edge", "trakit_worker"];

export interface Session {
  query<Row extends object = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
}

/** A connection of one's own: for transactions that stand still while another moves. */
export interface Connection extends Session {
  /** Backend's process id, to find it in pg_locks and pg_stat_activity. */
  pid: number;
  end(): Promise<void>;
}

export interface TestDatabase {
  name: string;
  /** Connection string of a role that logs in. */
  url(role: LoginRole): string;
  /** One statement in a transaction of its own. */
  query<Row extends object = Record<string, unknown>>(
    role: Role,
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  /** The same, with JWT claims set as PostgREST sets them. */
  as(role: Role, claims?: Record<string, unknown> | string): Session;
  /** A connection of a role; ended with the database at the latest. Acted roles are set for the whole connection. */
  connect(role: Role): Promise<Connection>;
  /** Ends all connections. Called by itself when the file ends. */
  close(): Promise<void>;
}

/**
 * A database of this test file's own, cloned from the migrated template. Call it at the top of the file:
 * `const db = await testDatabase();`. It is dropped when every test of the file passed, else kept and its name printed.
 */
export async function testDatabase(): Promise<TestDatabase> {
  const desk = inject("testDatabases");
  const response = await fetch(`${desk}/server`);
  const server = await response.json() as { url: string; error?: string };
  if (server.error !== undefined) throw new Error(server.error);
  const name = `trakit_test_${randomBytes(6).toString("hex")}`;
  await runStatements(server.url, [
    `create database ${name} template ${TEMPLATE}`,
    // a machine that does five things at once is slow, and few tests are about time; these roles' own limits are
    // migrations/…_roles.sql's, and `reset` brings them back
    ...["trakit_edge", "trakit_worker"].map((role) =>
      `alter role ${role} in database ${name} set statement_timeout = '60s'`
    ),
  ]);

  const pools = new Map<LoginRole, pg.Pool>();
  const connections = new Set<Connection>();
  const url = (role: LoginRole) => withDatabase(server.url, name, role === "postgres" ? undefined : role);

  function pool(role: LoginRole): pg.Pool {
    let found = pools.get(role);
    if (!found) {
      found = new pg.Pool({ connectionString: url(role), max: 5 });
      // the pool does not wait for its connections' last packet: dropping the database may come first, and is then said
      // to the client, or through the pool when the client was idle
      found.on("connect", (client) => client.on("error", () => {}));
      found.on("error", () => {});
      pools.set(role, found);
    }
    return found;
  }

  function session(role: Role, claims: Record<string, unknown> | string | undefined): Session {
    return {
      async query<Row extends object>(sql: string, values: readonly unknown[] = []) {
        const client = await pool(isLogin(role) ? role : "postgres").connect();
        try {
          await client.query("begin");
          if (!isLogin(role)) await client.query(`set local role ${role}`);
          if (claims !== undefined) {
            const text = typeof claims === "string" ? claims : JSON.stringify(claims);
            await client.query("select set_config('request.jwt.claims', $1, true)", [text]);
          }
          const result = await client.query<Row & pg.QueryResultRow>(sql, values as unknown[]);
          await client.query("commit");
          return result.rows as Row[];
        } catch (error) {
          await client.query("rollback");
          throw error;
        } finally {
          client.release();
        }
      },
    };
  }

  async function close() {
    await Promise.all([...connections].map((connection) => connection.end()));
    await Promise.all([...pools.values()].map((one) => one.end()));
    pools.clear();
  }

  // deno-lint-ignore no-empty-pattern -- vitest reads the first parameter's source and wants a pattern
  afterAll(async ({}, file) => {
    await close();
    if (failed(file)) await fetch(`${desk}/kept/${name}`);
    else await runStatements(server.url, [`drop database ${name} with (force)`]);
  });

  return {
    name,
    url,
    query: (role, sql, values) => session(role, undefined).query(sql, values),
    as: session,
    async connect(role) {
      const client = new pg.Client({ connectionString: url(isLogin(role) ? role : "postgres") });
      client.on("error", () => {});
      await client.connect();
      if (!isLogin(role)) await client.query(`set role ${role}`);
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      const connection: Connection = {
        pid: rows[0]!.pid,
        async query<Row extends object>(sql: string, values: readonly unknown[] = []) {
          return (await client.query<Row & pg.QueryResultRow>(sql, values as unknown[])).rows as Row[];
        },
        async end() {
          if (connections.delete(connection)) await client.end();
        },
      };
      connections.add(connection);
      return connection;
    },
    close,
  };
}

function isLogin(role: Role): role is LoginRole {
  return LOGIN_ROLES.includes(role);
}

/** Whether anything in a file failed, hooks included. */
function failed(suite: Readonly<RunnerTestSuite>): boolean {
  const bad = (task: Readonly<RunnerTask>): boolean =>
    task.result?.state === "fail" || (task.type === "suite" && task.tasks.some(bad));
  return bad(suite);
}
