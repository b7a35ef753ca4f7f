import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The command line of a running process; null when there is none, or nobody may know. */
export function commandLine(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() || null;
  } catch {
    const { status, stdout } = spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
    return status === 0 ? stdout.trim() : null;
  }
}
