import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { circles } from "@trakit/tooling/circles.ts";

let root: string | null = null;
afterEach(() => {
  if (root) rmSync(root, { recursive: true });
  root = null;
});

function planted(files: Record<string, string>): { files: string[]; trip: string }[] {
  root = mkdtempSync(join(tmpdir(), "circles-"));
  const map = { imports: { "@trakit/core/": "./packages/core/src/", zod: "npm:zod@4.1.13" } };
  for (const [name, text] of Object.entries({ "deno.json": JSON.stringify(map), ...files })) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return circles(root);
}

test.each([
  ["a value", 'import { a } from "./a.ts";'],
  ["a type alone", 'import type { A } from "./a.ts";'],
  ["a type in place", 'export type B = import("./a.ts").A;'],
  ["import()", 'export const later = () => import("./a.ts");'],
  ["what is handed on", 'export { a } from "./a.ts";'],
  ["the package's name", 'import { a } from "@trakit/core/a.ts";'],
])("two files that import each other are refused by name: %s", (_, back) => {
  expect(planted({
    "packages/core/src/a.ts": 'import { b } from "./b.ts";\nexport const a = b;\n',
    "packages/core/src/b.ts": `${back}\nexport const b = 1;\n`,
    "packages/core/src/top.ts": 'import "./a.ts";\n',
  })).toEqual([{
    files: ["packages/core/src/a.ts", "packages/core/src/b.ts"],
    trip: "packages/core/src/a.ts -> packages/core/src/b.ts -> packages/core/src/a.ts",
  }]);
});

test("a circle across folders is one circle, with a way round it", () => {
  expect(planted({
    "packages/core/src/a.ts": 'import "./deep/b.ts";\n',
    "packages/core/src/deep/b.ts": 'import "../c.ts";\nimport "zod";\n',
    "packages/core/src/c.ts": 'import "@trakit/core/a.ts";\n',
  })).toEqual([{
    files: ["packages/core/src/a.ts", "packages/core/src/c.ts", "packages/core/src/deep/b.ts"],
    trip:
      "packages/core/src/a.ts -> packages/core/src/deep/b.ts -> packages/core/src/c.ts -> packages/core/src/a.ts",
  }]);
});

test("a file that two others import, and a word in a comment, are no circle", () => {
  expect(planted({
    "packages/core/src/a.ts": 'import "./b.ts";\nimport "./c.ts";\n',
    "packages/core/src/b.ts": 'import "./c.ts";\n',
    "packages/core/src/c.ts": '// import "./a.ts";\nexport {};\n',
  })).toEqual([]);
});
