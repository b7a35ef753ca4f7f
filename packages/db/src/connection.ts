// @ts-types="./pg-driver.d.ts"
import pg from "pg";
import { outOfReach, transient } from "./errors.ts";

/**
 * Connections to Postgres. One query in flight per connection, unnamed parameterised statements only: what a transaction
 * pooler (Supavisor) allows, and one network round trip per call.
 */

export interface Database {
  /** Runs one statement and returns its rows. Throws DatabaseUnavailable when the server cannot be reached. */
  rows<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Ends idle connections and refuses new queries; resolves when those in flight are done. */
  close(): Promise<void>;
}

/** The database could not be reached, or went away in the middle: nothing is known of what it did. */
export class DatabaseUnavailable extends Error {
  override name = "DatabaseUnavailable";
}

export interface ConnectOptions {
  url: string;
  /** Connections at most. */
  max: number;
  /** How long one statement may take, in ms. */
  statementTimeoutMs?: number;
  /** How long to wait for a connection, in ms. */
  connectTimeoutMs?: number;
  applicationName?: string;
  /** Refuse to work as a role that row level security does not bind (asked once per process, at the first statement). */
  boundByRls?: boolean;
}

const ROLE =
  "select r.rolsuper or r.rolbypassrls as unbound from pg_catalog.pg_roles r where r.rolname = current_user";

/** Opens a pool. No connection is made before the first statement. */
export function connect(options: ConnectOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    idleTimeoutMillis: 30_000,
    query_timeout: options.statementTimeoutMs ?? 10_000,
    keepAlive: true,
    application_name: options.applicationName ?? "trakit",
  });
  // an idle connection that dies is replaced by the pool; without a listener it would end the process
  pool.on("error", () => {});
  let role: Promise<void> | null = null;
  const checkRole = async () => {
    const { rows } = await pool.query<{ unbound: boolean }>(ROLE);
    if (rows[0]?.unbound !== false) {
      throw new DatabaseUnavailable(
        "the database role bypasses row level security; use trakit_edge or trakit_worker",
      );
    }
  };
  return {
    async rows<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
      for (let attempt = 1;; attempt++) {
        try {
          if (options.boundByRls) {
            // a check that failed for want of a connection is made again; one that succeeded is not
            await (role ??= checkRole().catch((error) => {
              role = null;
              throw error;
            }));
          }
          const result = await pool.query<Row & pg.QueryResultRow>(text, values as unknown[]);
          return result.rows;
        } catch (error) {
          if (transient(error) && attempt === 1) continue;
          if (outOfReach(error)) {
            throw new DatabaseUnavailable("the database is out of reach", { cause: error });
          }
          throw error;
        }
      }
    },
    close: () => pool.end(),
  };
}
