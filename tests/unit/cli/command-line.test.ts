import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "@trakit/cli/commands.ts";
import { nearest } from "@trakit/cli/nearest.ts";
import { runCli } from "./run-cli.ts";
import process from "node:process";

describe("the command line", () => {
  test.each(COMMANDS.map(({ name }) => name))(
    "%s has help that names its options, and --json",
    async (name) => {
      const ran = await runCli([...name.split(" "), "--help"]);
      expect(ran.code).toBe(0);
      expect(ran.err).toBe("");
      expect(ran.out).toMatch(new RegExp(`^trakit ${name}`));
      expect(ran.out).toContain("--json");
      expect(ran.out.split("\n").every((line) => line.length <= 140)).toBe(true);
      const command = await COMMANDS.find((one) => one.name === name)!.load();
      for (const option of Object.keys(command.options)) expect(ran.out).toContain(`--${option}`);
    },
  );

  test("without a command the commands are listed, and the exit code says that nothing was done", async () => {
    const ran = await runCli([]);
    expect(ran.code).toBe(1);
    for (const { name } of COMMANDS) expect(ran.out).toContain(name);
    expect((await runCli(["--help"])).code).toBe(0);
  });

  test.each([
    [["staus"], "trakit status"],
    [["shop", "lst"], "trakit shop list"],
    [["destinations", "set"], "trakit destination set"],
    [["tail", "--onec"], "--once"],
    [["payload", "metta"], "meta"],
    [["hash", "meta", "emial", "a@b.example"], "email"],
    [["shop", "add", "a.myshopify.com", "--test-orders", "skp"], "skip"],
  ])("a typing error in %j is answered with what was probably meant", async (argv, meant) => {
    const ran = await runCli(argv);
    expect(ran.code).toBe(1);
    expect(ran.out).toBe("");
    expect(ran.err).toContain(meant);
  });

  test.each([
    [["shop"], "trakit shop add"],
    [["shop", "add"], "<domain>"],
    [["shop", "add", "blue"], "myshopify.com"],
    [["shop", "add", "a.myshopify.com", "b"], '"b"'],
    [["shop", "add", "a.myshopify.com", "--country", "Germany"], "two-letter"],
    [["shop", "add", "a.myshopify.com", "--grace", "601"], "600"],
    [["shop", "add", "a.myshopify.com", "--exclude-channels", "pos,till"], "till"],
    [["shop", "add", "a.myshopify.com", "--unsigned", "--no-unsigned"], "contradict"],
    [["shop", "add", "a.myshopify.com", "--hosts", "https://a.example"], "host name"],
    [["shop", "add", "a.myshopify.com", "--first-party", "a.example"], "whole address"],
    [["shop", "add", "a.myshopify.com", "--browser-tags", "meta=loud"], "share, fire, off"],
    [["shop", "add", "a.myshopify.com", "--cookie-days", "731"], "1 to 730"],
    [["shop", "add", "a.myshopify.com", "--events-per-minute", "59"], "60 to"],
    [["tail", "--since"], "needs a value"],
    [["tail", "--once=1"], "takes no value"],
    [["tail", "--since", "yesterday"], "15m"],
    [["quarantine", "list", "a.myshopify.com", "--limit", "0"], "1 to 1000"],
    [["--once", "tail"], "Name a command first"],
    [["hash", "meta", "email"], "--stdin"],
    [["destination", "set", "a.myshopify.com", "meta", "--disable", "--enable"], "contradict"],
  ])("%j is refused in a sentence that says what to do", async (argv, part) => {
    const ran = await runCli(argv);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(part);
    expect(ran.err).not.toMatch(/\bat .*\.ts:\d/);
  });

  test("with --json an error is one JSON object on standard error", async () => {
    const ran = await runCli(["payload", "myspace", "--json"]);
    expect(ran.code).toBe(1);
    expect(ran.out).toBe("");
    expect(Object.keys(JSON.parse(ran.err) as object)).toEqual(["error", "remedy"]);
  });

  test("a token that cannot be one is refused without being repeated, before any database is asked", async () => {
    const ran = await runCli([
      "destination",
      "set",
      "a.myshopify.com",
      "meta",
      "--id",
      "1234567890",
      "--token",
      "-",
    ], {
      input: "Bearer EAABsecretsecret\n",
    });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("Bearer");
    expect(ran.err).not.toContain("EAAB");
  });

  test("a database out of reach is one sentence and what to do", async () => {
    const ran = await runCli(["status"], {
      environment: { TRAKIT_DB_SESSION_URL: "postgresql://trakit_worker:x@127.0.0.1:1/postgres" },
    });
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/database is out of reach \(ECONNREFUSED\)\.\n {2}Start the local stack/);
  });

  test("the process passes standard input through and ends with the command's exit code", () => {
    const main = fileURLToPath(new URL("../../../packages/cli/src/main.ts", import.meta.url));
    const ran = spawnSync(process.execPath, [main, "hash", "--stdin"], {
      input: '{"platform":"meta","field":"country","value":"US"}\nnot json\n',
      encoding: "utf8",
    });
    expect(ran.stdout.trim().split("\n").map((line) => Object.keys(JSON.parse(line) as object))).toEqual([
      ["send", "value", "normalised"],
      ["error"],
    ]);
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(1);
  });
});

describe("the nearest word", () => {
  test("a known word is nearest to itself", () => {
    const words = COMMANDS.map(({ name }) => name);
    for (const word of words) expect(nearest(word, words)).toBe(word);
  });

  test("two swapped letters still lead to the word", () => {
    fc.assert(fc.property(fc.stringMatching(/^[a-z]{6,12}$/), fc.nat(4), (word, at) => {
      const swapped = word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
      expect(nearest(swapped, [word])).toBe(word);
    }));
  });

  test("what resembles nothing leads nowhere", () => {
    expect(nearest("xyzzyq", ["status", "doctor"])).toBeNull();
  });
});
