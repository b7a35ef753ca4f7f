import process from "node:process";
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { closure } from "./closure.ts";

/**
 * Type-checks every function under Deno 2.1 as it is deployed: only the files it reaches, in an empty folder, with the
 * packages deno.json names and nothing else beside them (no package.json, no @types). What passes here is complete.
 */
const root = resolve(import.meta.dirname, "../../..");
const entries = [...globSync("functions/*/index.ts", { cwd: root })].sort();
const { files, packages } = closure(root, entries);
const declared =
  (JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as { imports: Record<string, string> }).imports;

const folder = mkdtempSync(join(tmpdir(), "trakit-closure-"));
try {
  for (const file of [...files, "deno.json", ...globSync("packages/*/src/*.d.ts", { cwd: root })]) {
    // the pure packages' hand-written platform types are tsc's: Deno has the real ones
    if (file.endsWith("core/src/platform.d.ts")) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(root, file), join(folder, file));
  }
  const needed = new Set<string>();
  const add = (name: string) => {
    if (needed.has(name)) return;
    needed.add(name);
    const manifest = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")) as {
      dependencies?: Record<string, string>;
    };
    for (const dependency of Object.keys(manifest.dependencies ?? {})) add(dependency);
  };
  for (const name of packages) {
    if (!Object.keys(declared).some((key) => key === name || key.startsWith(`${name}/`))) {
      throw new Error(`deno.json does not name ${name}, which a function imports`);
    }
    add(name);
  }
  for (const name of needed) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  // the hosted type-check brings these along: the version Deno 2.1 ships with, which its TypeScript understands
  mkdirSync(join(folder, "node_modules/@types"), { recursive: true });
  symlinkSync(join(root, "node_modules/types-node-deno"), join(folder, "node_modules/@types/node"));
  const run = spawnSync(
    "deno",
    ["check", "--quiet", "--node-modules-dir=manual", "--no-lock", ...entries],
    { cwd: folder, encoding: "utf8", env: { ...process.env, DENO_NO_PACKAGE_JSON: "1", NO_COLOR: "1" } },
  );
  if (run.status !== 0) {
    process.stderr.write(
      `${run.stderr}${run.error?.message ?? ""}`.replaceAll(`file://${folder}/`, "").split(
        "Stack backtrace",
      )[0]!,
    );
    process.exitCode = 1;
  } else {
    process.stdout.write(
      `deno check: ${entries.length} functions, ${files.length} files, ${packages.join(", ")}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
