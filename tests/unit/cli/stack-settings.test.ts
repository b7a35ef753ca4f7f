import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  commandEnvironment,
  ensureSecrets,
  stackEnvironment,
  wantedPorts,
} from "@trakit/cli/stack/defaults.ts";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { PART_NAMES, partSpec } from "@trakit/cli/stack/parts.ts";
import { claimPorts } from "@trakit/cli/stack/ports.ts";
import { credentials } from "@trakit/cli/stack/roles.ts";
import { announce, settleEarlierRun, withdraw } from "@trakit/cli/stack/running.ts";
import { scramVerifier } from "@trakit/cli/stack/scram.ts";
import { readOAuthClients, readSettings, readVendorHosts } from "@trakit/runtime/settings.ts";
import process from "node:process";
import { Buffer } from "node:buffer";

let dataDir: string;
beforeEach(() => dataDir = mkdtempSync(join(tmpdir(), "trakit-settings-")));
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const SETTINGS = [
  "TRAKIT_DB_URL",
  "TRAKIT_DB_SESSION_URL",
  "SUPABASE_DB_URL",
  "SHOPIFY_API_KEY",
  "SHOPIFY_API_SECRET",
  "TRAKIT_APP_URL",
  "TRAKIT_ENCRYPTION_KEYS",
  "TRAKIT_OPERATOR_KEY",
] as const;

describe("settings of the local stack", () => {
  test("every setting has a default that is well-formed", () => {
    const environment = stackEnvironment({}, wantedPorts({}, null), ensureSecrets(dataDir).secrets, null);
    const settings = readSettings(environment, SETTINGS);
    expect(settings.SUPABASE_DB_URL).toBe("postgresql://postgres:postgres@127.0.0.1:54322/postgres");
    expect(new URL(settings.TRAKIT_DB_URL).username).toBe("trakit_edge");
    expect(new URL(settings.TRAKIT_DB_SESSION_URL).username).toBe("trakit_worker");
    expect(new Set(Object.values(readVendorHosts(environment)))).toEqual(new Set(["http://127.0.0.1:54330"]));
    expect(Object.keys(readVendorHosts(environment))).toHaveLength(PLATFORMS.length);
  });

  test("functions and worker get the clients the sandbox's platforms know, and the other parts do not", () => {
    const environment = stackEnvironment({}, wantedPorts({}, null), ensureSecrets(dataDir).secrets, null);
    for (const part of PART_NAMES) {
      const { env } = partSpec(part, environment, "/nowhere", "/nowhere");
      const named = Object.keys(env ?? {}).filter((name) => name.includes("_CLIENT_"));
      expect(named.length, part).toBe(part === "functions" || part === "worker" ? 8 : 0);
      if (named.length > 0) expect(Object.keys(readOAuthClients(env as never, PLATFORMS))).toHaveLength(4);
    }
  });

  test("a variable of the environment wins over every default", () => {
    const given = Object.fromEntries(SETTINGS.map((name) => [name, `given-${name}`]));
    expect(stackEnvironment(given, wantedPorts({}, null), ensureSecrets(dataDir).secrets, null))
      .toMatchObject(given);
  });

  test("the two login roles follow the database that was given", () => {
    const given = { SUPABASE_DB_URL: "postgresql://postgres:p%40ss@db.example:6543/app?sslmode=require" };
    const { secrets } = ensureSecrets(dataDir);
    const environment = stackEnvironment(given, wantedPorts({}, null), secrets, null);
    const url = new URL(environment["TRAKIT_DB_URL"]!);
    expect([url.host, url.pathname, url.search]).toEqual(["db.example:6543", "/app", "?sslmode=require"]);
    // a server that is not this machine's gets a password nobody can guess
    expect(credentials(url.href)).toEqual({ role: "trakit_edge", password: secrets.database_password });
  });

  test("secrets are made once, and only their owner may read them", () => {
    const first = ensureSecrets(dataDir);
    expect(first.created).toBe(true);
    expect(ensureSecrets(dataDir)).toEqual({ secrets: first.secrets, created: false });
    expect(statSync(join(dataDir, "settings.json")).mode & 0o777).toBe(0o600);
  });

  test("a command for a database elsewhere gets nothing of the local stack: no key, no sandbox", () => {
    ensureSecrets(dataDir);
    const given = { TRAKIT_DB_SESSION_URL: "postgresql://trakit_worker:x@db.example/postgres" };
    expect(commandEnvironment(given, dataDir)).toEqual(given);
    expect(commandEnvironment({}, dataDir)["TRAKIT_ENCRYPTION_KEYS"]).toBeDefined();
  });

  test("a command finds the stack that runs on other ports in another terminal, unless told otherwise", () => {
    const ports = wantedPorts({ TRAKIT_API_PORT: "1111", TRAKIT_DB_PORT: "2222" }, null);
    const environment = stackEnvironment({}, ports, null, null) as Record<
      "SUPABASE_DB_URL" | "TRAKIT_DB_URL" | "TRAKIT_DB_SESSION_URL",
      string
    >;
    const { SUPABASE_DB_URL, TRAKIT_DB_URL, TRAKIT_DB_SESSION_URL } = environment;
    announce(dataDir, { ports, children: [], SUPABASE_DB_URL, TRAKIT_DB_URL, TRAKIT_DB_SESSION_URL });
    expect(commandEnvironment({}, dataDir)).toMatchObject({
      TRAKIT_DB_SESSION_URL,
      TRAKIT_APP_URL: "http://127.0.0.1:1111/functions/v1",
    });
    expect(commandEnvironment({ TRAKIT_DB_PORT: "3333" }, dataDir)["TRAKIT_DB_URL"]).toContain(
      "127.0.0.1:3333",
    );
    withdraw(dataDir);
  });

  test("a second stack on the same folder is refused while the first runs", async () => {
    const ports = wantedPorts({}, null);
    announce(dataDir, {
      ports,
      children: [],
      SUPABASE_DB_URL: "x",
      TRAKIT_DB_URL: "x",
      TRAKIT_DB_SESSION_URL: "x",
    });
    await expect(settleEarlierRun(dataDir, () => {})).rejects.toThrow(
      `already runs from this folder (process ${process.pid}`,
    );
    withdraw(dataDir);
    await expect(settleEarlierRun(dataDir, () => {})).resolves.toBeUndefined();
  });
});

describe("ports", () => {
  test.each(["abc", "70000", "-1", "1.5"])("the port %s is refused with the variable's name", (port) => {
    expect(() => wantedPorts({ TRAKIT_SHOP_PORT: port }, null)).toThrow("TRAKIT_SHOP_PORT");
  });

  test("a taken port is named, with what wants it and the variable to change", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    await expect(claimPorts({ sandbox: port })).rejects.toMatchObject({
      message: `Port ${port}, which the vendor sandbox wants, is taken.`,
      remedy: expect.stringContaining("TRAKIT_SANDBOX_PORT") as string,
    });
    await new Promise((resolve) => server.close(resolve));
  });

  test("one port cannot serve two, and 0 gives each its own", async () => {
    const claimed = await claimPorts({ api: 0, database: 0, sandbox: 0, shop: 0 });
    // one that is free: the stack may be running beside the tests
    const port = claimed.api!;
    await expect(claimPorts({ api: port, shop: port })).rejects.toThrow("wanted twice");
    expect(new Set(Object.values(claimed)).size).toBe(4);
    expect(Object.values(claimed).every((port) => port > 0)).toBe(true);
  });
});

describe("a role's password", () => {
  test("is stored as RFC 7677 says: its example's proof fits the verifier", () => {
    const verifier = scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
    const [, stored, server] = /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$([^:]+):(.+)$/.exec(verifier)!;
    const message =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const hmac = (key: string) => createHmac("sha256", Buffer.from(key, "base64")).update(message).digest();
    expect(hmac(server!).toString("base64")).toBe("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    const proof = Buffer.from("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "base64");
    const signature = hmac(stored!);
    const clientKey = Buffer.from(proof.map((byte, index) => byte ^ signature[index]!));
    expect(createHash("sha256").update(clientKey).digest("base64")).toBe(stored);
  });

  test("Supabase's pooler names the project behind the role", () => {
    expect(credentials("postgresql://trakit_edge.abcdef:p%3Aw@pooler.example:6543/postgres")).toEqual({
      role: "trakit_edge",
      password: "p:w",
    });
  });
});
