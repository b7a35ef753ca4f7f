import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { startVendorSandbox } from "@trakit/sandbox/vendors/server.ts";

const MAIN = fileURLToPath(new URL("../../../packages/sandbox/src/main-vendors.ts", import.meta.url));
const children: ChildProcess[] = [];

function start(port: string) {
  const env = { PATH: process.env["PATH"], TRAKIT_SANDBOX_PORT: port };
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], { env });
  children.push(child);
  return child;
}

async function failure(port: string): Promise<{ code: number; sentence: string }> {
  const child = start(port);
  let sentence = "";
  child.stderr.on("data", (chunk) => sentence += chunk);
  const [code] = await once(child, "close");
  return { code, sentence };
}

afterEach(() => children.splice(0).forEach((child) => child.kill("SIGKILL")));

describe("the sandbox process", () => {
  it("prints one ready line, serves, and ends cleanly on SIGTERM", async () => {
    const child = start("0");
    const [line] = await once(createInterface(child.stdout), "line");
    const { ready, url } = JSON.parse(line);
    expect(ready).toBe(true);
    expect((await fetch(`${url}/_health`)).status).toBe(200);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("says in one sentence that its port is taken", async () => {
    const other = await startVendorSandbox({ port: 0, now: () => 0 });
    const { code, sentence } = await failure(String(other.port));
    await other.close();
    expect(code).toBe(1);
    expect(sentence).toBe(
      `Port ${other.port} is in use: stop what listens there or set TRAKIT_SANDBOX_PORT to another port.\n`,
    );
  });

  it("says in one sentence that its port is no port", async () => {
    expect(await failure("vendors")).toEqual({
      code: 1,
      sentence: "TRAKIT_SANDBOX_PORT must be a port number between 0 and 65535.\n",
    });
  });
});
