import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import process from "node:process";

export interface Child {
  /** The first line it wrote. */
  line: string;
  child: ChildProcess;
  end: () => Promise<void>;
}

/** Runs a script beside this file; resolves with its first line of output. It ends when its standard input does. */
export async function child(
  script: string,
  args: string[],
  environment: Record<string, string>,
): Promise<Child> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const running = spawn(process.execPath, [path, ...args], {
    env: { PATH: process.env["PATH"], ...environment },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => running.once("close", () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: running.stdout }).once("line", resolve);
    running.once("close", (code) => reject(new Error(`${script} ended with ${code}`)));
  });
  return {
    line,
    child: running,
    async end() {
      running.stdin.end();
      running.kill("SIGTERM");
      await ended;
    },
  };
}

export interface Stats {
  requests: number;
  events: number;
  /** When the first and the last request came, in ms of the vendors' clock. */
  first: number;
  last: number;
}

/** The counting vendors, in a process of their own. */
export async function startVendors() {
  const { line: url, child: { pid }, end } = await child("./vendors-main.ts", [], {});
  return {
    url,
    pid: pid!,
    stats: async () => await (await fetch(`${url}/_stats`)).json() as Stats,
    reset: async () => void await fetch(`${url}/_reset`),
    end,
  };
}

export type Vendors = Awaited<ReturnType<typeof startVendors>>;

/** Events a second from the first request to the last of `count`; waits until all came. Null when they do not within 5 min. */
export async function rate(
  vendors: Vendors,
  count: number,
): Promise<{ perSecond: number; requests: number }> {
  let [seen, since] = [-1, performance.now()];
  for (;;) {
    const { events, requests, first, last } = await vendors.stats();
    if (events >= count) return { perSecond: count / ((last - first) / 1_000), requests };
    if (events > seen) [seen, since] = [events, performance.now()];
    else if (performance.now() - since > 60_000) {
      throw new Error(`stuck: ${events} of ${count} events came, none for a minute`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
