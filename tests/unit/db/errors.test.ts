import fc from "fast-check";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { dataRefused, outOfReach, transient } from "@trakit/db/errors.ts";

/** An answer of the server, as the driver throws it. */
function answer(code: string, severity = "ERROR"): Error {
  return Object.assign(new pg.DatabaseError("as the server says it", 0, "error"), { code, severity });
}
const coded = (code: string, message = "of the socket") => Object.assign(new Error(message), { code });

/** [what it is, the error, out of reach, refused data] */
const TABLE: [string, unknown, boolean, boolean][] = [
  ["connection failure", answer("08006", "FATAL"), true, false],
  ["cannot connect now", answer("57P03", "FATAL"), true, false],
  ["administrator shutdown", answer("57P01", "FATAL"), true, false],
  ["statement timeout", answer("57014"), true, false],
  ["lock timeout", answer("55P03"), true, false],
  ["transaction timeout", answer("25P04", "FATAL"), true, false],
  ["too many connections", answer("53300", "FATAL"), true, false],
  ["disk full", answer("53100"), true, false],
  ["a standby after a failover", answer("25006"), true, false],
  ["input or output error", answer("58030"), true, false],
  ["deadlock, twice", answer("40P01"), true, false],
  ["PgBouncer ends a connection", answer("08P01", "FATAL"), true, false],
  ["Supavisor ends a connection", answer("XX000", "FATAL"), true, false],

  ["a call with too few parameters", answer("08P01"), false, false],
  ["an internal error of Postgres", answer("XX000"), false, false],
  ["a function that is not there", answer("42883"), false, false],
  ["a privilege that is missing", answer("42501"), false, false],
  ["a wrong password", answer("28P01", "FATAL"), false, false],
  ["no such database", answer("3D000", "FATAL"), false, false],

  ["a NUL character in JSON", answer("22P05"), false, true],
  ["a number out of range", answer("22003"), false, true],
  ["an argument a function refuses", answer("22023"), false, true],
  ["a check constraint", answer("23514"), false, true],
  ["JSON nested too deeply", answer("54001"), false, true],
  ["a key too long for its index", answer("54000"), false, true],

  ["connection refused", coded("ECONNREFUSED"), true, false],
  [
    "connection refused at every address",
    Object.assign(new AggregateError([]), { code: "ECONNREFUSED" }),
    true,
    false,
  ],
  ["a pipe nobody reads", coded("EPIPE"), true, false],
  ["connection reset", coded("ECONNRESET"), true, false],
  ["a host that is not reached", coded("EHOSTUNREACH"), true, false],
  ["a name that does not resolve", coded("ENOTFOUND"), true, false],
  ["a stream that was destroyed", coded("ERR_STREAM_DESTROYED"), true, false],
  [
    "Deno: the peer closed without a word",
    Object.assign(new Error(""), { name: "UnexpectedEof" }),
    true,
    false,
  ],

  ["an argument of the wrong type, ours", coded("ERR_INVALID_ARG_TYPE"), false, false],
  ["an option out of range, ours", coded("ERR_OUT_OF_RANGE"), false, false],
  ["a certificate that ran out", coded("CERT_HAS_EXPIRED"), false, false],
  ["a file that may not be read", coded("EACCES"), false, false],

  ["the driver: terminated", new Error("Connection terminated unexpectedly"), true, false],
  ["the driver: no connection in time", new Error("timeout exceeded when trying to connect"), true, false],
  ["the driver: no answer in time", new Error("Query read timeout"), true, false],
  ["ours, that speaks of a connection", new TypeError("connection is not a function"), false, false],
  ["ours, that speaks of a closed thing", new Error("the shelf is closed"), false, false],
  ["a socket's word on something else", coded("EWHATEVER", "Connection terminated"), false, false],
  ["nothing", undefined, false, false],
  ["a string", "ECONNREFUSED", false, false],
];

describe("what an error of the driver means", () => {
  test.each(TABLE)("%s", (_, error, away, refused) => {
    expect(outOfReach(error)).toBe(away);
    expect(dataRefused(error)).toBe(refused);
  });

  test("only serialisation failure and deadlock are tried again at once", () => {
    expect(TABLE.filter(([, error]) => transient(error)).map(([what]) => what)).toEqual(["deadlock, twice"]);
    expect(transient(answer("40001"))).toBe(true);
  });

  test("a code without a severity is never read as a SQLSTATE", () => {
    const code = fc.stringMatching(/^[0-9A-Z]{5}$/);
    fc.assert(fc.property(code, (five) => {
      expect(dataRefused(coded(five))).toBe(false);
      expect(transient(coded(five))).toBe(false);
      expect(outOfReach(coded(five))).toBe(five === "EPIPE");
    }));
  });

  test("no error is both: data that is refused is not sent again, a database that is away refuses nothing", () => {
    const code = fc.stringMatching(/^(08|22|23|25|28|3D|40|42|53|54|55|57|58|P0|XX)[0-9A-Z]{3}$/);
    fc.assert(fc.property(code, fc.constantFrom("ERROR", "FATAL", "PANIC"), (five, severity) => {
      const error = answer(five, severity);
      expect(outOfReach(error) && dataRefused(error)).toBe(false);
    }));
  });

  test("an error of our own code is a bug, whatever it says", () => {
    fc.assert(fc.property(fc.string(), (message) => {
      expect(outOfReach(new TypeError(`${message} of undefined`))).toBe(false);
    }));
  });
});
