import process from "node:process";

/** Tests that take minutes, break whole machines' parts or repeat a suite elsewhere: CI runs them, and whoever names them. */
const LONG_TESTS = [
  "tests/chaos/disk.test.ts",
  "tests/chaos/kill.test.ts",
  "tests/chaos/retention.test.ts",
  "tests/chaos/vendors.test.ts",
  "tests/integration/pg15.test.ts",
];

/**
 * The long tests a run leaves out: all, but those whose path an argument is part of (`npx vitest run tests/chaos`), and none
 * with TRAKIT_TEST_ALL=1.
 */
export function leftOut(args: readonly string[] = process.argv.slice(2), env = process.env): string[] {
  if (env["TRAKIT_TEST_ALL"] === "1") return [];
  return LONG_TESTS.filter((file) => !args.some((arg) => file.includes(arg.replace(/^\.\//, ""))));
}
