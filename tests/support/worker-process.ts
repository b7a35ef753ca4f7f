import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import process from "node:process";
import { repositoryRoot } from "@trakit/tooling/repository.ts";

export interface WorkerProcess {
  child: ChildProcess;
  /** What it logged. */
  lines: string[];
  /** What it wrote to standard error. */
  errors: () => string;
  /** Resolves when it takes jobs; rejects when it ended before. */
  ready: Promise<void>;
  /** Resolves with its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  /** Signals it and waits for its end. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** A real worker, as `npm run worker` runs one. */
export function workerProcess(environment: Record<string, string>): WorkerProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(TRAKIT|SUPABASE|SHOPIFY)_/.test(name));
  const child = spawn(process.execPath, [join(repositoryRoot, "packages/worker/src/main.ts")], {
    cwd: repositoryRoot,
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let errors = "";
  child.stderr.on("data", (data) => errors += String(data));
  const ended = new Promise<number | string>((resolve) =>
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"))
  );
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (line === '{"ready":true}') resolve();
    });
    void ended.then((how) => reject(new Error(`the worker ended with ${how}: ${errors}`)));
  });
  ready.catch(() => {});
  return {
    child,
    lines,
    errors: () => errors,
    ready,
    ended,
    async end(signal) {
      child.kill(signal);
      return await ended;
    },
  };
}
