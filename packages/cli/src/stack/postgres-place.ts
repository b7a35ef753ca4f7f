import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { CliProblem } from "../problem.ts";
import { postgresFolder, ROOT } from "./paths.ts";

/** Where the embedded Postgres lives and as whom it runs. */
export interface PostgresPlace {
  /** Folder with bin/, lib/, share/. */
  binaries: string;
  /** The cluster. */
  data: string;
  /** Postgres refuses to run as root: the user it runs as then. Undefined = the present one. */
  user: { name: string; uid: number; gid: number } | undefined;
  /** What a person should know about an unusual place; null = all is where it is expected. */
  notice: string | null;
}

/** Where root's clusters go when the repository is in a folder that only root may enter, such as /root. */
const ROOT_ONLY_BASE = "/var/lib/trakit";

function idOf(flag: "-u" | "-g", name: string): number | null {
  const { status, stdout } = spawnSync("id", [flag, name], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : null;
}

/** `postgres` where the machine has such a user, else `nobody`, which every machine has: none is created. */
function unprivilegedUser(): NonNullable<PostgresPlace["user"]> {
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = [idOf("-u", name), idOf("-g", name)];
    if (uid !== null && gid !== null && uid !== 0) return { name, uid, gid };
  }
  throw new CliProblem(
    "Postgres does not run as root, and this machine has neither a user postgres nor a user nobody.",
    "Run npm start as an ordinary user, or set SUPABASE_DB_URL to a Postgres server of your own.",
  );
}

/** Whether a test of the shell, with the path as $1, holds for that user. */
function holds(user: NonNullable<PostgresPlace["user"]>, test: string, path: string): boolean {
  const { status } = spawnSync("/bin/sh", ["-c", test, "sh", path], {
    uid: user.uid,
    gid: user.gid,
    cwd: "/",
    stdio: "ignore",
  });
  return status === 0;
}

/** A copy of the binaries that everyone may run, made once per version; processes that start at once make it together. */
function copyBinaries(source: string): string {
  const { version } = JSON.parse(readFileSync(join(source, "..", "package.json"), "utf8")) as {
    version: string;
  };
  const target = join(ROOT_ONLY_BASE, `binaries-${version}`);
  if (!existsSync(target)) {
    const half = `${target}.${process.pid}`;
    cpSync(source, half, { recursive: true, verbatimSymlinks: true });
    // modes came along from under a strict umask, perhaps
    spawnSync("chmod", ["-R", "a+rX", half]);
    try {
      renameSync(half, target);
    } catch (error) {
      rmSync(half, { recursive: true, force: true });
      // another process was quicker
      if (!existsSync(target)) throw error;
    }
  }
  return target;
}

/** Whoever owns the cluster runs it: a user `postgres` may have come to the machine after `nobody` made it. */
function owner(
  data: string,
  otherwise: NonNullable<PostgresPlace["user"]>,
): NonNullable<PostgresPlace["user"]> {
  try {
    const { uid, gid } = statSync(data);
    return uid === 0 || uid === otherwise.uid ? otherwise : { name: `number ${uid}`, uid, gid };
  } catch {
    return otherwise;
  }
}

/** The cluster's folder is a link where it could not be inside the data folder. */
export function clusterFolder(dataDir: string): string {
  const path = join(dataDir, "postgres");
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : path;
  } catch {
    return path;
  }
}

/**
 * Decides where the cluster goes. Creates `dataDir` and, for root, what is needed outside of it: the binaries and the
 * cluster, each only when its own folder is one that Postgres's user may not enter.
 */
export function postgresPlace(dataDir: string, binaries = postgresFolder()): PostgresPlace {
  mkdirSync(dataDir, { recursive: true });
  for (const name of ["postgres", "initdb"]) {
    const path = join(binaries, "bin", name + (process.platform === "win32" ? ".exe" : ""));
    const { mode } = lstatSync(path);
    if ((mode & 0o555) !== 0o555) chmodSync(path, mode | 0o555);
  }
  if (process.getuid?.() !== 0) {
    return { binaries, data: clusterFolder(dataDir), user: undefined, notice: null };
  }

  const user = owner(clusterFolder(dataDir), unprivilegedUser());
  // a strict umask must not shut Postgres out of its own folder's parent; what is secret in there has its own mode
  chmodSync(dataDir, 0o755);
  const link = join(dataDir, "postgres");
  const runs = holds(user, '[ -x "$1/bin/postgres" ] && [ -r "$1/share/postgresql/postgres.bki" ]', binaries);
  const enters = clusterFolder(dataDir) === link && holds(user, 'cd "$1"', dataDir);
  if (!runs || !enters) {
    mkdirSync(ROOT_ONLY_BASE, { recursive: true, mode: 0o755 });
    chmodSync(ROOT_ONLY_BASE, 0o755);
  }
  const usable = runs ? binaries : copyBinaries(binaries);
  if (enters) return { binaries: usable, data: link, user, notice: null };
  const data = join(
    ROOT_ONLY_BASE,
    `${basename(ROOT).replace(/[^A-Za-z0-9_-]/g, "_")}-${
      createHash("sha256").update(dataDir).digest("hex").slice(0, 12)
    }`,
  );
  if (clusterFolder(dataDir) !== data) {
    // a cluster from the time when this was another user's or another place's folder
    rmSync(link, { recursive: true, force: true });
    symlinkSync(data, link);
  }
  return {
    binaries: usable,
    data,
    user,
    notice:
      `Postgres does not run as root and its user "${user.name}" may not enter ${dataDir}, so the database is in ${data}.`,
  };
}
