import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import process from "node:process";
import { spawn } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Child, type ChildSpec, superviseChild } from "@trakit/cli/stack/child.ts";

let folder: string;
beforeAll(() => folder = mkdtempSync(join(tmpdir(), "trakit-child-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVER = `
  process.on("SIGTERM", () => setTimeout(() => { console.log("finished"); process.exit(0); }, 100));
  console.log("hello"); console.log("READY"); setInterval(() => {}, 1000);`;

const children: Child[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
});

function supervise(source: string, rest: Partial<ChildSpec> = {}) {
  const heard: string[] = [];
  const died: string[] = [];
  const script = join(folder, `${Math.random()}.mjs`);
  writeFileSync(script, source);
  const child = superviseChild({
    name: "worker",
    command: process.execPath,
    args: [script],
    env: {},
    cwd: folder,
    ready: (line) => line === "READY",
    readyMs: 60_000,
    stopSignal: "SIGTERM",
    killSignal: "SIGKILL",
    stopMs: 5_000,
    logPath: join(folder, "worker.log"),
    watchesInput: true,
    ...rest,
  }, { line: (line) => heard.push(line), died: (how) => died.push(how), revived: () => died.push("back") });
  children.push(child);
  return { child, heard, died };
}

/** Whether the process exists. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a supervised process", () => {
  test("is ready when it says so, and is asked to end in order", async () => {
    const { child, heard, died } = supervise(SERVER);
    await child.start();
    const pid = child.pid!;
    expect(exists(pid)).toBe(true);
    await child.stop();
    expect(child.pid).toBeNull();
    expect(exists(pid)).toBe(false);
    expect(heard).toEqual(["hello", "finished"]);
    expect(died).toEqual([]);
    expect(readFileSync(join(folder, "worker.log"), "utf8")).toBe("hello\nREADY\nfinished\n");
  });

  test("that is killed is reported and started again", async () => {
    const { child, died } = supervise(SERVER);
    await child.start();
    const first = child.pid;
    await child.kill("SIGKILL");
    expect(child.pid).toBeNull();
    await child.ready();
    expect(child.pid).not.toBe(first);
    await expect.poll(() => died).toEqual(["was ended by SIGKILL", "back"]);
  });

  test("that is stopped while it waits to be started again stays away", async () => {
    const { child, died } = supervise(SERVER);
    await child.start();
    await child.kill("SIGKILL");
    await child.stop();
    expect(child.pid).toBeNull();
    expect(died).toEqual(["was ended by SIGKILL"]);
    await child.start();
    expect(child.pid).not.toBeNull();
  });

  test("that ends before it is ready fails the start with its last words", async () => {
    const { child, died } = supervise(`console.error("no such table"); process.exit(3);`);
    await expect(child.start()).rejects.toMatchObject({
      message: "The worker process ended with exit code 3 before it was ready.",
      remedy: expect.stringContaining("no such table") as string,
    });
    expect(child.pid).toBeNull();
    expect(died).toEqual([]);
  });

  test("that never becomes ready is given up and killed", async () => {
    const { child } = supervise(`setInterval(() => {}, 1000);`, { readyMs: 300 });
    await expect(child.start()).rejects.toThrow("was not ready after 0.3 s");
    expect(child.pid).toBeNull();
  });

  test("that does not end when asked is killed", async () => {
    const { child } = supervise(
      `process.on("SIGTERM", () => {}); console.log("READY"); setInterval(() => {}, 1000);`,
      { stopMs: 200 },
    );
    await child.start();
    const pid = child.pid!;
    await child.stop();
    expect(exists(pid)).toBe(false);
  });

  test("that cannot be started at all says so", async () => {
    const { child } = supervise(SERVER, { command: join(folder, "missing") });
    await expect(child.start()).rejects.toThrow("could not be started (ENOENT)");
  });
});

test("a process whose stack was killed ends by itself, as if by SIGTERM", async () => {
  const ended = join(folder, "ended");
  const script = join(folder, "watched.mjs");
  writeFileSync(
    script,
    `
    import { writeFileSync } from "node:fs";
    process.on("SIGTERM", () => { writeFileSync(${JSON.stringify(ended)}, "in order"); process.exit(0); });
    console.log("READY"); setInterval(() => {}, 1000);`,
  );
  const watchdog =
    pathToFileURL(join(import.meta.dirname, "../../../packages/cli/src/stack/watchdog.ts")).href;
  const child = spawn(process.execPath, ["--import", watchdog, script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  // what the kernel does with the pipe when its holder is killed
  child.stdin.destroy();
  expect(await exit).toBe(0);
  expect(existsSync(ended)).toBe(true);
});
