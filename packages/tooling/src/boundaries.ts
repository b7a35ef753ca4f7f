import process from "node:process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { importsOf } from "./closure.ts";

/** Who may import whom (docs/architecture.md). A package not listed as a value may not be imported. */
export const MAY_IMPORT: Record<string, string[]> = {
  core: [],
  shopify: ["core"],
  destinations: ["core"],
  db: ["core"],
  runtime: [],
  pipeline: ["core", "shopify", "destinations", "db", "runtime"],
  worker: ["core", "db", "destinations", "pipeline", "runtime", "shopify"],
  functions: ["core", "db", "destinations", "pipeline", "runtime", "shopify", "storefront"],
  sandbox: [],
  admin: [],
  client: ["db", "pipeline"],
  storefront: [],
  cli: ["core", "db", "destinations", "pipeline", "runtime", "shopify"],
  // the pages of docs/destinations are made from the destinations themselves; a throw-away Postgres is the local stack's
  tooling: ["cli", "core", "destinations"],
};

/** Pure packages: no input or output, no clock, no chance. */
const PURE = ["core", "shopify", "destinations"];
const PURE_IMPORTS = new Set(["zod", "libphonenumber-js", "node:crypto"]);
const IMPURE =
  /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomUUID\(|\bprocess\.|\bDeno\.|\bfetch\(|\bsetTimeout\(|\bconsole\./;

/**
 * Rooms that know no platform by name: what is peculiar to one is a property of its destination. A vendor's name for people
 * ("Meta") and the names of its cookies and click ids (`fbp`), which `core` reads for every platform, are not meant.
 */
const NAMELESS = ["core", "db", "pipeline", "worker", "functions"];
const PLATFORM_NAME = new RegExp(`["'\`](${PLATFORMS.join("|")})["'\`]`);

/** Every breach of the dependency rules in the tree at `root`, one sentence each. */
export function breaches(root: string): string[] {
  const found: string[] = [];
  const files = globSync(["packages/*/src/**/*.ts", "functions/**/*.ts"], { cwd: root }).sort();
  for (const file of files) {
    const source = readFileSync(join(root, file), "utf8");
    const code = source.replace(/\/\*[\s\S]*?\*\/|(^|[^:"'`])\/\/[^\n]*/g, "$1");
    const room = file.startsWith("functions/") ? "functions" : file.split("/")[1]!;
    const allowed = MAY_IMPORT[room];
    if (!allowed) {
      found.push(`${file}: the package ${room} is not in the dependency rules`);
      continue;
    }
    for (const specifier of importsOf(source)) {
      const target = /^@trakit\/([^/]+)\//.exec(specifier)?.[1];
      if (target && target !== room && !allowed.includes(target)) {
        found.push(`${file}: ${room} must not import @trakit/${target}`);
      }
      if (specifier.startsWith(".") && /^(\.\.\/)+(functions|packages|tests)\//.test(specifier)) {
        found.push(`${file}: import ${specifier} by its package name`);
      }
      if ((target || specifier.startsWith(".")) && !/\.(d\.)?(m?ts|mjs|json)$/.test(specifier)) {
        found.push(`${file}: import ${specifier} has no file extension`);
      }
      if (/^(npm|jsr|https?):/.test(specifier)) {
        found.push(`${file}: ${specifier} belongs into deno.json's imports`);
      }
      if (PURE.includes(room) && !target && !specifier.startsWith(".")) {
        const name = specifier.startsWith("node:") ? specifier : specifier.split("/")[0]!;
        if (!PURE_IMPORTS.has(name)) found.push(`${file}: ${room} is pure and must not import ${specifier}`);
      }
      if (room === "functions" && specifier.startsWith("../")) {
        found.push(`${file}: functions must not import each other`);
      }
    }
    const platform = NAMELESS.includes(room) ? PLATFORM_NAME.exec(code) : null;
    if (platform) {
      found.push(`${file}: ${platform[0]} belongs into its destination; ${room} knows no platform by name`);
    }
    if (PURE.includes(room) && !file.endsWith(".d.ts")) {
      const impure = IMPURE.exec(code);
      if (impure) found.push(`${file}: ${room} is pure and must not use ${impure[0]}`);
    }
    if (
      /\bDeno\./.test(code) && !/^functions\/[^/]+\/index\.ts$/.test(file) &&
      file !== "packages/cli/src/stack/functions-server.ts"
    ) {
      found.push(`${file}: only functions/*/index.ts and the local functions server may use Deno`);
    }
    if (/^functions\/[^/]+\/index\.ts$/.test(file) && source.split("\n").length > 31) {
      found.push(`${file}: wiring only, at most 30 lines`);
    }
  }
  return found;
}

if (process.argv[1]?.endsWith("boundaries.ts")) {
  const found = breaches(join(import.meta.dirname, "../../.."));
  for (const line of found) process.stderr.write(`${line}\n`);
  process.stdout.write(found.length === 0 ? "boundaries: kept\n" : `boundaries: ${found.length} breaches\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
