/**
 * `node run.mjs <script.ts> [arguments]`: installs what is missing, then runs a TypeScript source on a Node that can
 * (>= 22.18). Inside npm scripts `node` is that Node once it is installed; on the very first run it is the machine's own.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ensureInstalled } from "./ensure-installed.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Whether this Node runs TypeScript sources without a flag. */
export function runsTypeScript(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/** Runs the script as a child and ends as it ends. Signals reach it even when they were sent to this process alone. */
function runAsChild(script, args) {
  const node = join(ROOT, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
  const child = spawn(node, [script, ...args], { stdio: "inherit", shell: process.platform === "win32" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`Node 22 could not be started (${error.code}). Run npm ci, then try again.\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

/** Runs a TypeScript source of this repository, given by its path from the root. */
export async function run(path, args) {
  try {
    await ensureInstalled();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  const script = resolve(ROOT, path);
  if (!runsTypeScript(process.versions.node)) return runAsChild(script, args);
  process.argv = [process.execPath, script, ...args];
  await import(pathToFileURL(script).href);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [path, ...args] = process.argv.slice(2);
  if (!path) {
    process.stderr.write("Name the script to run: node run.mjs <script.ts> [arguments].\n");
    process.exit(1);
  }
  await run(path, args);
}
