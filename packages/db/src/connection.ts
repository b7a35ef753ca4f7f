// @ts-types="./pg-driver.d.ts"
import pg from "pg";
import { connectionLives, outOfReach, transient } from "./errors.ts";

/**
 * Connections to Postgres. One query in flight per connection, unnamed parameterised statements only: what a transaction
 * pooler (Supavisor) allows, and one network round trip per call.
 */

export interface Database {
  /** Runs one statement and returns its rows. Throws DatabaseUnavailable when the server cannot be reached, or is too slow. */
  rows<Row extends object>(
    text: string,
    values?: readonly unknown[],
    options?: StatementOptions,
  ): Promise<Row[]>;
  /** Ends idle connections and refuses new queries; resolves when those in flight are done. */
  close(): Promise<void>;
}

export interface StatementOptions {
  /** How long the caller had waited for this call to begin, in ms. */
  waitedMs?: number;
  /**
   * How long the statement may take, in ms, where that is longer than the connection's limits allow. It is then a
   * transaction of its own and takes three round trips: for reports and upkeep.
   */
  limitMs?: number;
}

/**
 * How long a call may take, in ms. The server gives up before we do: else it would go on for a caller who is gone, and
 * lease deliveries to nobody.
 */
export interface Limits {
  /** Waiting for a connection. */
  connectMs: number;
  /** The role's `statement_timeout` (supabase/migrations, roles): then the server ends the statement and undoes it. */
  statementMs: number;
  /** The whole call, with the wait for a connection and the repetition after a deadlock. */
  answerMs: number;
}

/** Of role trakit_edge, for what answers a request. Shopify waits 5 s for the answer to a webhook and then sends it again. */
export const REQUEST_LIMITS: Limits = { connectMs: 1_000, statementMs: 2_500, answerMs: 3_900 };
/** Of role trakit_worker: workers, upkeep, the command line. Shorter than a lease, by time enough to hand back what it holds. */
export const WORK_LIMITS: Limits = { connectMs: 3_000, statementMs: 25_000, answerMs: Infinity };
/** For the way to the server and back: this long after the server gave up, so do we (ms). */
const ROUND_TRIP_MS = 400;

/** The database could not be reached, or went away in the middle: nothing is known of what it did. */
export class DatabaseUnavailable extends Error {
  override name = "DatabaseUnavailable";
}

export interface ConnectOptions {
  url: string;
  /** Connections at most. */
  max: number;
  /** Absent: WORK_LIMITS. */
  limits?: Limits;
  applicationName?: string;
  /** Refuse to work as a role that row level security does not bind (asked once per process, at the first statement). */
  boundByRls?: boolean;
}

const ROLE =
  "select r.rolsuper or r.rolbypassrls as unbound from pg_catalog.pg_roles r where r.rolname = current_user";

/** Opens a pool. No connection is made before the first statement. */
export function connect(options: ConnectOptions): Database {
  const limits = options.limits ?? WORK_LIMITS;
  const readMs = limits.statementMs + ROUND_TRIP_MS;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    connectionTimeoutMillis: limits.connectMs,
    idleTimeoutMillis: 30_000,
    query_timeout: readMs,
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
  /** `deadline`: when the answer is to be there, by the process's clock. */
  const once = async <Row extends object>(
    text: string,
    values: readonly unknown[],
    limitMs: number,
    deadline: number,
  ): Promise<Row[]> => {
    const longer = limitMs > limits.statementMs;
    const client = await pool.connect();
    // a connection that dies while it is ours says so by its statement as well
    client.on("error", noted);
    let broken = true;
    try {
      if (!longer && performance.now() + readMs > deadline) {
        broken = false;
        throw new DatabaseUnavailable("no time is left for a statement");
      }
      if (longer) await client.query(`begin; set local statement_timeout = ${Math.floor(limitMs)}`);
      const query: pg.QueryConfig & { query_timeout: number } = {
        text,
        values: values as unknown[],
        query_timeout: longer ? limitMs + ROUND_TRIP_MS : readMs,
      };
      const { rows } = await client.query<Row & pg.QueryResultRow>(query);
      if (longer) await client.query("commit");
      broken = false;
      return rows;
    } catch (error) {
      if (!longer && connectionLives(error)) broken = false;
      throw error;
    } finally {
      client.off("error", noted);
      client.release(broken);
    }
  };
  return {
    async rows<Row extends object>(
      text: string,
      values: readonly unknown[] = [],
      { waitedMs = 0, limitMs = limits.statementMs }: StatementOptions = {},
    ): Promise<Row[]> {
      const deadline = performance.now() - waitedMs + limits.answerMs;
      for (let attempt = 1;; attempt++) {
        try {
          if (options.boundByRls) {
            // a check that failed for want of a connection is made again; one that succeeded is not
            await (role ??= checkRole().catch((error) => {
              role = null;
              throw error;
            }));
          }
          return await once<Row>(text, values, limitMs, deadline);
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

function noted(): void {}

/**
 * The same database for what answers one request: its calls, one after another, share the time that one of them has. Not
 * for what goes on after the answer. `clock` in ms, of a clock nobody sets.
 */
export function oneAnswer(db: Database, clock: () => number = () => performance.now()): Database {
  const asked = clock();
  return {
    rows: (text, values, options) => db.rows(text, values, { ...options, waitedMs: clock() - asked }),
    close: () => db.close(),
  };
}
