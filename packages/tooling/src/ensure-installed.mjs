/**
 * Installs what package-lock.json names, when it is not there yet. Plain JavaScript without dependencies: it runs on the
 * machine's own Node (>= 20) before there is a node_modules.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What node_modules was made from: the lock file's digest, and the platform its binaries are for. */
function fingerprint(root) {
  const digest = createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex");
  return `${digest}\n${process.platform}-${process.arch}\n`;
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/**
 * Whether an install made by hand (`npm ci`, `npm install`) is already what the lock file asks for: npm keeps its own
 * list of what it put there. Spares a second install, and a node_modules in use is not pulled away.
 */
export function sameAsLock(lockText, installedText) {
  if (lockText === null || installedText === null) return false;
  let wanted;
  let installed;
  try {
    wanted = JSON.parse(lockText).packages;
    installed = JSON.parse(installedText).packages;
  } catch {
    return false;
  }
  if (!wanted || !installed) return false;
  const isDependency = (path) => path.startsWith("node_modules/") || path.includes("/node_modules/");
  const same = (a, b) => a?.version === b?.version && a?.integrity === b?.integrity && a?.link === b?.link;
  return Object.entries(installed).every(([path, entry]) =>
    !isDependency(path) || same(entry, wanted[path])
  ) &&
    Object.entries(wanted).every(([path, entry]) =>
      !isDependency(path) || entry.optional || path in installed
    );
}

/** Whether the process that holds the lock still runs. */
function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Two terminals may start at once: the second waits for the first one's install. Returns the function that lets go. */
async function lock(root) {
  const path = join(root, ".trakit", "install.lock");
  mkdirSync(join(root, ".trakit"), { recursive: true });
  for (let waited = 0;; waited++) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = Number(read(path));
    if (holder > 0 && !alive(holder)) {
      rmSync(path, { force: true });
      continue;
    }
    if (waited === 0) {
      process.stderr.write("Another process is installing the dependencies; waiting for it.\n");
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Runs npm with a line every ten seconds, so that nobody thinks it hangs. Resolves to its exit code and its words. */
function npm(root, args) {
  const started = Date.now();
  // npm names itself to the scripts it runs, so the same npm installs
  const command = process.env.npm_execpath?.endsWith(".js")
    ? [process.execPath, process.env.npm_execpath]
    : ["npm"];
  const child = spawn(command[0], [
    ...command.slice(1),
    ...args,
    ...["--no-audit", "--no-fund", "--loglevel=error"],
    // NODE_ENV=production would leave out Deno, Node and Postgres
    ...["--include=dev", "--include=optional"],
  ], { cwd: root, stdio: ["ignore", "ignore", "pipe"], shell: process.platform === "win32" });
  const words = [];
  child.stderr.setEncoding("utf8").on("data", (chunk) => words.push(chunk));
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const ticker = setInterval(() => process.stderr.write(`  … still installing, ${seconds()} s\n`), 10_000);
  return new Promise((resolve) => {
    const end = (code) => {
      clearInterval(ticker);
      resolve({ code, words: words.join("").trim().split("\n").slice(0, 20).join("\n"), seconds: seconds() });
    };
    child.on("error", (error) => end(error.code));
    child.on("close", (code, signal) => end(code ?? signal));
  });
}

/** Installs what the lock file says. Throws an Error with npm's words when it cannot. */
async function install(root) {
  process.stderr.write("Installing the dependencies (npm ci). The first time takes about a minute.\n");
  let done = await npm(root, ["ci"]);
  if (/can only install packages when/.test(done.words)) {
    // npm ci refuses a lock file made where the registry lacks other platforms' optional packages; npm install takes the
    // same versions from it, and --no-save leaves it as it is
    done = await npm(root, ["install", "--no-save"]);
  }
  if (done.code !== 0) {
    throw new Error(
      `${done.words}\nThe dependencies could not be installed (npm ended with ${done.code}). Read npm's words above, then run npm ci yourself.`,
    );
  }
  process.stderr.write(`✓ Dependencies installed in ${done.seconds} s\n`);
}

/**
 * Makes sure node_modules is what package-lock.json asks for; a few milliseconds when it is.
 * Throws an Error with one sentence and what to do when it cannot be.
 */
export async function ensureInstalled(root = ROOT) {
  const stamp = join(root, "node_modules", ".trakit-lock");
  const wanted = fingerprint(root);
  if (read(stamp) === wanted) return;
  const release = await lock(root);
  try {
    if (read(stamp) === wanted) return;
    const installed = read(join(root, "node_modules", ".package-lock.json"));
    if (!sameAsLock(read(join(root, "package-lock.json")), installed)) {
      await install(root);
    }
    const node = join(root, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
    if (!existsSync(node)) {
      throw new Error(
        "npm did not run the install scripts that bring Node 22 and Deno. Run npm ci --ignore-scripts=false, then try again.",
      );
    }
    writeFileSync(stamp, wanted);
  } finally {
    release();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await ensureInstalled();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
