/**
 * What an error of the driver means for the caller. Three kinds matter: the database is out of reach (send it again), it
 * refused this data (no repetition helps), and everything else, which is a bug of ours.
 *
 * Sources: SQLSTATEs https://www.postgresql.org/docs/17/errcodes-appendix.html; socket codes are those of libuv, which
 * Deno uses too; the sentences are those of `pg` and `pg-pool`, which give them no code.
 */

interface Told {
  code?: unknown;
  /** Only an answer of the server, or of a pooler in its place, has one. */
  severity?: unknown;
  name?: unknown;
  message?: unknown;
}

/** The way to the server is broken, or there is no server at its end. */
const SOCKET_CODES = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ENOTCONN", "ESHUTDOWN"],
  ...["ETIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENETRESET", "EADDRNOTAVAIL"],
  // names that do not resolve; the socket file of a server that is down
  ...["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "ENOENT"],
  // no further socket can be opened here
  ...["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"],
  ...["ERR_SOCKET_CLOSED", "ERR_SOCKET_CONNECTION_TIMEOUT", "ERR_STREAM_DESTROYED"],
  ...["ERR_STREAM_WRITE_AFTER_END", "ERR_STREAM_PREMATURE_CLOSE"],
]);

/** Deno's own classes, where they come without a code (TLS). */
const DENO_ERRORS = new Set([
  ...["ConnectionRefused", "ConnectionReset", "ConnectionAborted", "BrokenPipe", "NotConnected"],
  ...["TimedOut", "UnexpectedEof", "BadResource", "Interrupted", "NetworkUnreachable", "HostUnreachable"],
]);

const DRIVER_SENTENCES = new Set([
  "Connection terminated",
  "Connection terminated unexpectedly",
  "Connection terminated due to connection timeout",
  "timeout exceeded when trying to connect",
  "timeout expired",
  "Query read timeout",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
  "There was an error establishing an SSL connection",
]);

/**
 * SQLSTATEs after which the same call may succeed a little later: connection lost (08), read-only after a failover
 * (25006), transaction limit (25P04), serialisation and deadlock (40), no resources (53), lock not had (55P03), ended by
 * an administrator or a time limit (57014, 57P01 to 57P03, 57P05), input or output error of the server (58).
 */
const OUT_OF_REACH = /^(08|40|53|58|25006|25P04|55P03|57014|57P0[1235])/;

/**
 * 08P01 says that somebody broke the protocol, XX000 that something broke inside. Poolers put them on whatever ends a
 * connection (PgBouncer 08P01, Supavisor XX000), with severity FATAL. As an ERROR they are Postgres' own, and our bug.
 */
const FATAL_ONLY = new Set(["08P01", "XX000"]);

/** Data exceptions, violated constraints, and what is too large or too deep for Postgres. */
const REFUSED = /^(22|23|54)/;

/** Serialization failure or deadlock: the transaction did not happen, and happens when tried again. */
export function transient(error: unknown): boolean {
  const state = sqlState(error);
  return state === "40P01" || state === "40001";
}

/** Whether the database, or the way to it, is at fault: nothing is known of what it did, and the caller may ask again. */
export function outOfReach(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { code, severity, name, message } = error as Told;
  const state = sqlState(error);
  if (state !== null) {
    if (FATAL_ONLY.has(state)) return severity === "FATAL" || severity === "PANIC";
    return OUT_OF_REACH.test(state);
  }
  if (typeof code === "string") return SOCKET_CODES.has(code);
  return (typeof name === "string" && DENO_ERRORS.has(name)) ||
    (typeof message === "string" && DRIVER_SENTENCES.has(message));
}

/**
 * Whether Postgres refused what it was given, so that the same call is refused every time: a value it cannot hold
 * (a NUL character, a number out of range, JSON nested too deeply), or one a constraint forbids.
 */
export function dataRefused(error: unknown): boolean {
  return REFUSED.test(sqlState(error) ?? "");
}

/** Whether the server answered with an error that ends the statement only, so that the connection is as good as before. */
export function connectionLives(error: unknown): boolean {
  return sqlState(error) !== null && (error as Told).severity === "ERROR";
}

/** The SQLSTATE of a server's answer; null = the error is not one. EPIPE has five capitals too, but no severity. */
function sqlState(error: unknown): string | null {
  if (typeof error !== "object" || error === null) return null;
  const { code, severity } = error as Told;
  return typeof severity === "string" && typeof code === "string" ? code : null;
}
