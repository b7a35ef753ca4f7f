import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { CliProblem } from "../problem.ts";
import { readRunning, runningPath, type RunningStack, secretsPath } from "./defaults.ts";
import { ROOT } from "./paths.ts";
import { clusterFolder } from "./postgres-place.ts";
import { commandLine } from "./processes.ts";
import { writeState } from "./state-file.ts";

/** What a killed stack's processes take at most to notice and to end (watchdog.ts, functions-server.ts). */
const LEFTOVERS_MS = 16_000;

/** Data folders in use by this very process. */
const here = new Set<string>();

/** Notes that a stack of this process uses the folder, and how the others can recognise it. */
export function announce(dataDir: string, running: Omit<RunningStack, "pid" | "command">): void {
  here.add(dataDir);
  writeState(runningPath(dataDir), { pid: process.pid, command: commandLine(process.pid) ?? "", ...running });
}

/** Takes the note back. */
export function withdraw(dataDir: string): void {
  if (here.delete(dataDir)) rmSync(runningPath(dataDir), { force: true });
}

/** Refuses a second stack on one data folder, and lets the processes of one that was killed end first. */
export async function settleEarlierRun(dataDir: string, notice: (text: string) => void): Promise<void> {
  const earlier = readRunning(dataDir);
  if (!earlier) return;
  // the system gives process ids anew, in a container even the same one: the command line must fit too
  const runs = earlier.pid === process.pid
    ? here.has(dataDir)
    : earlier.command !== "" && commandLine(earlier.pid) === earlier.command;
  if (runs) {
    throw new CliProblem(
      `TrakIt already runs from this folder (process ${earlier.pid}, API at port ${earlier.ports.api}).`,
      "Use that one, or end it with Ctrl-C there.",
    );
  }
  const until = Date.now() + LEFTOVERS_MS;
  const left = (): boolean =>
    earlier.children.some((pid) => commandLine(pid)?.includes(join(ROOT, "packages")));
  for (let told = false; Date.now() < until && left(); await delay(100)) {
    if (!told) notice("The previous run did not end in order; waiting for its processes to finish.");
    told = true;
  }
  rmSync(runningPath(dataDir), { force: true });
}

/** Deletes what a run left behind: database, secrets, logs. The folder itself and Deno's compile cache stay. */
export function beginAnew(dataDir: string): void {
  const cluster = clusterFolder(dataDir);
  for (
    const path of [
      cluster,
      join(dataDir, "postgres"),
      `${cluster}.half`,
      secretsPath(dataDir),
      join(dataDir, "logs"),
    ]
  ) {
    if (existsSync(path) || path === join(dataDir, "postgres")) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
