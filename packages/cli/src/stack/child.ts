import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { CliProblem } from "../problem.ts";
import { lineSplitter } from "./lines.ts";
import { type LogFile, openLog } from "./log-file.ts";
import process from "node:process";

/** One process of the stack: how to start it, how to know it is ready, how to end it. */
export interface ChildSpec {
  name: string;
  command: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  uid?: number;
  gid?: number;
  /** Whether a line of its output says that it is ready. */
  ready: (line: string) => boolean;
  /** How long it may take to become ready, in ms. */
  readyMs: number;
  stopSignal: NodeJS.Signals;
  /** Sent where a second Ctrl-C wants everything gone at once. */
  killSignal: NodeJS.Signals;
  /** How long it may take to end before it is killed, in ms. */
  stopMs: number;
  /** Runs before each start, to clear what a killed predecessor left. */
  prepare?: () => Promise<void>;
  logPath: string;
  /** Whether it notices the end of standard input by itself; else a small watcher ends it when the stack is gone. */
  watchesInput: boolean;
}

export interface ChildHooks {
  /** A line of output, ready lines left out. */
  line(line: string): void;
  /** It ended although nobody asked; it is started again in `delayMs`. */
  died(how: string, delayMs: number): void;
  /** It is ready again after having died. */
  revived(): void;
}

export interface Child {
  readonly name: string;
  /** Null while it does not run. */
  readonly pid: number | null;
  /** Starts it and resolves when it is ready. Throws CliProblem, with its last words, when it does not get there. */
  start(): Promise<void>;
  /** Ends it, letting it finish what is in flight; resolves when it is gone. It stays gone until start(). */
  stop(): Promise<void>;
  /** Sends a signal as an accident would: the stack starts it again. Resolves when the present process is gone, if that ends it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Resolves when it is ready: at once, or when it is back after an accident. */
  ready(): Promise<void>;
  /** Ends it at once, without waiting. For the last moment of the parent. */
  abandon(): void;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
/** Having run this long, a process is taken to have been healthy: the next restart is quick again. */
const HEALTHY_MS = 30_000;
const LAST_WORDS = 12;

/** POSIX: the stack is gone when `read` meets the end; a line instead says that all is well. Smart stop first, then fast. */
const WATCHER =
  'read -r _ || { kill -TERM "$1"; i=0; while [ $i -lt 15 ] && kill -0 "$1"; do sleep 1; i=$((i+1)); done; kill -INT "$1"; } 2>/dev/null';

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
}

/** Keeps one process running. Not started yet. */
export function superviseChild(spec: ChildSpec, hooks: ChildHooks): Child {
  let process_: ChildProcess | null = null;
  let gone: Promise<void> = Promise.resolve();
  let wanted = false;
  let failures = 0;
  let retry: AbortController | null = null;
  let readyNow = false;
  const waiting: (() => void)[] = [];
  let log: LogFile | null = null;
  let started = false;
  const lastWords: string[] = [];

  function watch(pid: number): Writable | null {
    if (spec.watchesInput || process.platform === "win32") return null;
    const watcher = spawn("/bin/sh", ["-c", WATCHER, "trakit-watch", String(pid)], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      cwd: "/",
    });
    watcher.on("error", () => {});
    watcher.stdin!.on("error", () => {});
    return watcher.stdin;
  }

  /** Spawns it; resolves when it is ready, throws when it ends or takes too long. */
  async function launch(): Promise<void> {
    await spec.prepare?.();
    // stopped while preparing: nothing may be spawned behind the stack's back
    if (!wanted) {
      throw new CliProblem(`The ${spec.name} process was stopped while it started.`, "Start it again.");
    }
    log ??= openLog(spec.logPath, started ? "continue" : "anew");
    started = true;
    lastWords.length = 0;
    const startedAt = Date.now();
    let isReady = false;
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      ...(spec.uid === undefined ? {} : { uid: spec.uid, gid: spec.gid }),
      stdio: [spec.watchesInput ? "pipe" : "ignore", "pipe", "pipe"],
      // a session of its own: Ctrl-C reaches the stack alone, which ends its processes in order
      detached: true,
    });
    child.stdin?.on("error", () => {});
    process_ = child;
    const watcher = child.pid === undefined ? null : watch(child.pid);

    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new CliProblem(
            `The ${spec.name} process was not ready after ${spec.readyMs / 1000} s.`,
            lastWordsText(),
          ),
        );
      }, spec.readyMs);
      const onLine = (line: string): void => {
        log?.write(line);
        if (!isReady && spec.ready(line)) {
          isReady = true;
          readyNow = true;
          clearTimeout(timer);
          resolve();
          for (const wake of waiting.splice(0)) wake();
          return;
        }
        lastWords.push(line);
        if (lastWords.length > LAST_WORDS) lastWords.shift();
        hooks.line(line);
      };
      for (const stream of [child.stdout!, child.stderr!]) {
        const splitter = lineSplitter(onLine, 65_536);
        stream.setEncoding("utf8");
        stream.on("data", (chunk: string) => splitter.push(chunk));
        stream.on("end", () => splitter.end());
      }
      gone = new Promise<void>((resolveGone) => {
        let over = false;
        const end = (how: string): void => {
          if (over) return;
          over = true;
          clearTimeout(timer);
          // says to the watcher that all is well, before the process id can belong to another
          watcher?.end("ended\n");
          if (process_ === child) {
            process_ = null;
            readyNow = false;
          }
          reject(new CliProblem(`The ${spec.name} process ${how} before it was ready.`, lastWordsText()));
          resolveGone();
          if (isReady && wanted) revive(how, Date.now() - startedAt);
        };
        child.on("error", (error: NodeJS.ErrnoException) => end(`could not be started (${error.code})`));
        child.on("close", (code, signal) => end(describeEnd(code, signal)));
        // descendants may hold its output open: do not wait for them for ever
        child.on("exit", (code, signal) => setTimeout(() => end(describeEnd(code, signal)), 1_000).unref());
      });
    });
    try {
      await ready;
    } catch (error) {
      await end(spec.killSignal);
      throw error;
    }
  }

  function lastWordsText(): string {
    const words = lastWords.map((line) => `    ${line}`).join("\n");
    return `${words ? `Its last words:\n${words}\n  ` : ""}All of its output is in ${spec.logPath}.`;
  }

  /** Starts it again, later each time it dies young. */
  function revive(how: string, livedMs: number): void {
    if (livedMs > HEALTHY_MS) failures = 0;
    const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures++);
    hooks.died(how, delayMs);
    const pause = retry = new AbortController();
    delay(delayMs, undefined, { signal: pause.signal }).then(launch).then(
      () => hooks.revived(),
      (error: unknown) => {
        if (pause.signal.aborted || !wanted) return;
        revive(error instanceof CliProblem ? error.message : "could not be started", 0);
      },
    );
  }

  /** Signals the process and waits for its end; what does not end in time is killed, its descendants with it. */
  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = process_;
    if (!child) return;
    child.kill(signal);
    const timer = setTimeout(() => abandon("SIGKILL"), spec.stopMs);
    await gone;
    clearTimeout(timer);
  }

  function abandon(signal: NodeJS.Signals): void {
    if (!process_?.pid) return;
    try {
      // the whole group: nothing of it may outlive the stack
      process.kill(process.platform === "win32" ? process_.pid : -process_.pid, signal);
    } catch {
      process_.kill(signal);
    }
  }

  return {
    name: spec.name,
    get pid() {
      return process_?.pid ?? null;
    },
    async start() {
      if (wanted && process_) return;
      wanted = true;
      failures = 0;
      try {
        await launch();
      } catch (error) {
        wanted = false;
        throw error;
      }
    },
    async stop() {
      wanted = false;
      retry?.abort();
      await end(spec.stopSignal);
      log?.close();
      log = null;
    },
    async kill(signal) {
      const child = process_;
      if (!child) return;
      const over = gone;
      child.kill(signal);
      if (signal === "SIGKILL" || signal === spec.stopSignal || signal === spec.killSignal) await over;
    },
    ready: () => readyNow ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
    abandon() {
      wanted = false;
      retry?.abort();
      abandon(spec.killSignal);
    },
  };
}
