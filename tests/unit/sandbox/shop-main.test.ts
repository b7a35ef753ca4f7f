import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../../packages/sandbox/src/main-shop.ts", import.meta.url));

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], { env: { PATH: process.env["PATH"] ?? "", ...env } });
  let errors = "";
  child.stderr.on("data", (chunk) => errors += String(chunk));
  return { child, errors: () => errors, exited: once(child, "close") };
}

describe("the demo shop as a process", () => {
  test("says in one JSON line when it is ready, answers, and ends on SIGTERM", async () => {
    const { child, exited } = start({ SHOPIFY_API_SECRET: "s", TRAKIT_SHOP_PORT: "0" });
    const lines: string[] = [];
    const output = createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
    await once(output, "line");
    const ready = JSON.parse(lines[0]!) as { ready: boolean; url: string };
    expect(ready).toEqual({ ready: true, url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
    expect((await fetch(ready.url)).status).toBe(200);
    child.kill("SIGTERM");
    expect((await exited)[0]).toBe(0);
    expect(lines).toHaveLength(1);
  });

  test.each([
    ["SHOPIFY_API_SECRET", {}],
    ["TRAKIT_SHOP_DOMAIN", { SHOPIFY_API_SECRET: "s3cret-value", TRAKIT_SHOP_DOMAIN: "evil.example" }],
    ["TRAKIT_API_PORT", { SHOPIFY_API_SECRET: "s3cret-value", TRAKIT_API_PORT: "many" }],
  ])("refuses to start without a usable %s, names it and shows no value", async (name, env) => {
    const { errors, exited } = start({ TRAKIT_SHOP_PORT: "0", ...env });
    expect((await exited)[0]).toBe(1);
    expect(errors()).toBe(`Missing or malformed setting: ${name}.\n`);
  });
});
