import process from "node:process";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

/** `npm run ok`: the gate. Runs every check, says what failed, and runs the tests only when the checks pass. */
const root = join(import.meta.dirname, "../../..");
const tooling = (name: string, ...rest: string[]) => ["node", `packages/tooling/src/${name}.ts`, ...rest];
const sources = ["packages", "functions", "tests", "vitest.config.ts"];

const steps: [string, string[]][] = [
  ["format", ["deno", "fmt", "--check", "--quiet", ...sources]],
  ["lint", ["deno", "lint", "--quiet", ...sources]],
  ["types: core", ["tsc", "-p", "packages/core"]],
  ["types: shopify", ["tsc", "-p", "packages/shopify"]],
  ["types: destinations", ["tsc", "-p", "packages/destinations"]],
  ["types: storefront", ["tsc", "-p", "packages/storefront"]],
  ["types: all", ["tsc", "-p", "."]],
  ["functions under Deno 2.1", tooling("deno-check")],
  ["boundaries", tooling("boundaries")],
  ["circles of imports", tooling("circles")],
  ["consistency and docs", tooling("consistency")],
  ["regular expressions", tooling("regexps")],
  ["claims and their tests", tooling("claims")],
  ["lists of identifiers", tooling("identifier-lists", "--check")],
  ["browser code", ["node", "packages/storefront/src/build.ts", "--check"]],
  ["destination pages", tooling("destination-docs", "--check")],
  ["schema snapshot", tooling("schema-snapshot", "--check")],
  ["generated types", tooling("generate-types", "--check")],
];

let failed = 0;
for (const [name, [command, ...args]] of steps) {
  const started = performance.now();
  const run = spawnSync(command!, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (run.status === 0) process.stdout.write(`✓ ${name} (${seconds} s)\n`);
  else {
    failed++;
    process.stdout.write(`✗ ${name} (${seconds} s)\n${run.stdout}${run.stderr}${run.error?.message ?? ""}\n`);
  }
}
if (failed > 0) {
  process.stdout.write(`\n${failed} of ${steps.length} checks failed; the tests were not run.\n`);
  process.exit(1);
}
if (!process.argv.includes("--no-tests")) {
  const tests = spawnSync("node", [...globSync("node_modules/vitest/vitest.mjs", { cwd: root }), "run"], {
    cwd: root,
    stdio: "inherit",
  });
  process.exit(tests.status ?? 1);
}
