import { describe, expect, test } from "vitest";
// plain JavaScript: it runs before there is a compiler
import { sameAsLock } from "../../../packages/tooling/src/ensure-installed.mjs";
import { runsTypeScript } from "../../../packages/tooling/src/run.mjs";

const lock = {
  packages: {
    "": { name: "trakit" },
    "node_modules/@trakit/core": { resolved: "packages/core", link: true },
    "node_modules/zod": { version: "4.6.7", integrity: "sha512-a" },
    "node_modules/only-on-a-mac": { version: "1.0.0", integrity: "sha512-m", optional: true },
    "packages/core": { name: "@trakit/core" },
  },
};
const installed = {
  packages: {
    "node_modules/@trakit/core": { resolved: "packages/core", link: true },
    "node_modules/zod": {
      version: "4.6.7",
      resolved: "https://registry.example/zod.tgz",
      integrity: "sha512-a",
    },
    "packages/core": { name: "@trakit/core" },
  },
};
const same = (a: unknown, b: unknown): boolean => sameAsLock(JSON.stringify(a), JSON.stringify(b));
const change = (path: string, entry: object | undefined) => ({
  packages: { ...installed.packages, [path]: entry },
});

describe("the first run", () => {
  test("an install made by hand is recognised, other platforms' packages left out", () => {
    expect(same(lock, installed)).toBe(true);
  });

  test.each([
    ["an older version", change("node_modules/zod", { version: "4.6.6", integrity: "sha512-z" })],
    ["other content", change("node_modules/zod", { version: "4.6.7", integrity: "sha512-b" })],
    ["a missing package", change("node_modules/zod", undefined)],
    ["a package the lock does not know", change("node_modules/left-pad", { version: "1.0.0" })],
  ])("%s is installed anew", (_, other) => {
    expect(same(lock, other)).toBe(false);
  });

  test("no list, or no JSON, is no install", () => {
    expect(sameAsLock(JSON.stringify(lock), null)).toBe(false);
    expect(sameAsLock(JSON.stringify(lock), "{")).toBe(false);
  });

  test.each([["20.19.0", false], ["22.17.1", false], ["22.18.0", true], ["23.5.0", false], ["23.6.0", true], [
    "24.0.0",
    true,
  ]])(
    "Node %s runs TypeScript: %s",
    (version, runs) => expect(runsTypeScript(version)).toBe(runs),
  );
});
