import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partSpec } from "@trakit/cli/stack/parts.ts";
import { Buffer } from "node:buffer";

const FUNCTIONS: Record<string, string> = {
  echo: `
    Deno.serve({ port: 9 }, async (request, info) => Response.json({
      method: request.method, url: request.url, body: await request.text(),
      headers: Object.fromEntries(request.headers), peer: info.remoteAddr.hostname,
      cloned: request.bodyUsed ? null : request.clone().url,
    }));`,
  object:
    `Deno.serve({ handler: () => new Response("from an object", { status: 418, headers: { "x-own": "1" } }) });`,
  broken: `throw new Error("a setting is missing");`,
  silent: `export const nothing = 1;`,
  throws: `Deno.serve(() => { throw new Error("secret detail"); });`,
  rejects:
    `Deno.serve(() => { Promise.reject(new Error("nobody waits for this")); return new Response("fine"); });`,
  // writes when its background work is done, which takes longer than the answer
  later: `
    Deno.serve(async (request) => {
      const { file, ms } = await request.json();
      EdgeRuntime.waitUntil(new Promise((resolve) => setTimeout(resolve, ms)).then(() => console.log("done " + file)));
      return new Response("accepted");
    });`,
  slow:
    `Deno.serve(() => new Promise((resolve) => setTimeout(() => resolve(new Response("after all")), 400)));`,
};

let folder: string;
let server: ChildProcess;
let output = "";
let base: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "trakit functions "));
  for (const [name, source] of Object.entries(FUNCTIONS)) {
    mkdirSync(join(folder, "functions", name), { recursive: true });
    writeFileSync(join(folder, "functions", name, "index.ts"), source);
  }
  const spec = partSpec("functions", { TRAKIT_API_PORT: "0" }, folder, join(folder, "functions"));
  server = spawn(spec.command, spec.args, { cwd: spec.cwd, env: spec.env, stdio: "pipe" });
  server.stderr!.on("data", (chunk: Buffer) => output += chunk.toString());
  const ready = new Promise<string>((resolve) => {
    server.stdout!.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const url = /"ready":true,"url":"([^"]+)"/.exec(output)?.[1];
      if (url) resolve(url);
    });
  });
  base = `${await ready}/functions/v1`;
});

afterAll(() => {
  server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

describe("the functions server", () => {
  test("passes a request on as the hosted runtime does: prefix gone, everything else untouched", async () => {
    const answer = await fetch(`${base}/echo/a%2Fb/?q=1&q=%20`, {
      method: "PUT",
      body: "raw \u0000 body",
      headers: { "x-own": "kept" },
    });
    const seen = await answer.json() as {
      url: string;
      method: string;
      body: string;
      headers: Record<string, string>;
    };
    const url = new URL(seen.url);
    expect([url.pathname, url.search]).toEqual(["/echo/a%2Fb/", "?q=1&q=%20"]);
    expect(url.host).toBe(new URL(base).host);
    expect(seen).toMatchObject({ method: "PUT", body: "raw \u0000 body", headers: { "x-own": "kept" } });
  });

  test("passes on whatever address and host a visitor wrote; the peer is named only where nothing is", async () => {
    const headersOf = async (headers: Record<string, string>) =>
      (await (await fetch(`${base}/echo`, { headers })).json() as { headers: Record<string, string> })
        .headers;
    expect((await headersOf({}))["x-forwarded-for"]).toBe("127.0.0.1");
    const written = {
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-host": "evil.example",
      "x-real-ip": "203.0.113.10",
      "cf-connecting-ip": "203.0.113.11",
    };
    expect(await headersOf(written)).toMatchObject(written);
  });

  test("takes every form of Deno.serve, and leaves answers as they are", async () => {
    const answer = await fetch(`${base}/object`);
    expect([answer.status, answer.headers.get("x-own"), await answer.text()]).toEqual([
      418,
      "1",
      "from an object",
    ]);
  });

  test.each([
    ["/nope", 404, "unknown_function"],
    ["/echoo", 404, "unknown_function"],
    ["/echo.x", 404, "unknown_function"],
    ["/", 404, "unknown_function"],
    ["/constructor", 404, "unknown_function"],
    ["/broken", 503, "function_not_loaded"],
    ["/silent/x", 503, "function_not_loaded"],
    ["/throws", 500, "function_failed"],
  ])("%s is answered %i with a problem document", async (path, status, code) => {
    const answer = await fetch(`${base}${path}`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    const problem = await answer.json() as { code: string; status: number };
    expect(problem).toMatchObject({ code, status });
    expect(JSON.stringify(problem)).not.toContain("secret detail");
  });

  test("a function that cannot be loaded is named, with its reason", async () => {
    expect(await (await fetch(`${base}/broken`)).text()).toContain("a setting is missing");
    expect(output).toContain("The function broken could not be loaded: Error: a setting is missing");
  });

  test("a rejection nobody handles ends no other function", async () => {
    expect(await (await fetch(`${base}/rejects`)).text()).toBe("fine");
    await expect.poll(() => output).toContain("nobody waits for this");
    expect((await fetch(`${base}/object`)).status).toBe(418);
  });

  // last: it ends the server
  test("SIGTERM lets requests in flight and background work finish, takes no new ones, and ends well", async () => {
    const slow = fetch(`${base}/slow`).then((answer) => answer.text());
    const later = await fetch(`${base}/later`, {
      method: "POST",
      body: JSON.stringify({ file: "work", ms: 600 }),
    });
    expect(await later.text()).toBe("accepted");
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    expect(await slow).toBe("after all");
    expect(await ended).toEqual([0, null]);
    expect(output).toContain("done work");
    await expect(fetch(`${base}/object`)).rejects.toThrow();
  });
});

test("every function of the repository is served by its folder's name", () => {
  const config = readFileSync(new URL("../../../supabase/config.toml", import.meta.url), "utf8");
  for (const [, name] of config.matchAll(/^\[functions\.([a-z-]+)\]$/gm)) {
    expect(readFileSync(new URL(`../../../functions/${name}/index.ts`, import.meta.url), "utf8")).toContain(
      "Deno.serve(",
    );
  }
});
