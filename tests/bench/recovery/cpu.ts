import { readdirSync, readFileSync } from "node:fs";

/**
 * CPU time of processes, from Linux' /proc: what a rate on a machine that several share cannot tell, namely who did the work.
 */

/** Clock ticks a second in /proc; the same on every Linux there is. */
const TICKS = 100;

interface Stat {
  parent: number;
  /** Its own time, in seconds. */
  own: number;
  /** That of children that ended and were waited for. */
  ended: number;
}

function stat(pid: number | string): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // the name in parentheses may hold anything
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const seconds = (at: number) => Number(fields[at]) / TICKS;
    return { parent: Number(fields[1]), own: seconds(11) + seconds(12), ended: seconds(13) + seconds(14) };
  } catch {
    return null;
  }
}

/** CPU seconds a process has used so far, with its children's; 0 where there is no /proc, or no such process. */
export function cpuSeconds(pid: number): number {
  const root = stat(pid);
  if (root === null) return 0;
  let sum = root.own + root.ended;
  for (const entry of readdirSync("/proc")) {
    const child = /^\d+$/.test(entry) ? stat(entry) : null;
    if (child?.parent === pid) sum += child.own + child.ended;
  }
  return sum;
}

/** The process that started another one. */
export function parentOf(pid: number): number {
  return stat(pid)?.parent ?? 0;
}
