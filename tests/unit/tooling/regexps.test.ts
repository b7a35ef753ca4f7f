import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { slowRegexps } from "@trakit/tooling/regexps.ts";

let root: string | null = null;
afterEach(() => {
  if (root) rmSync(root, { recursive: true });
  root = null;
});

async function found(code: string, file = "packages/core/src/a.ts"): Promise<string[]> {
  root = mkdtempSync(join(tmpdir(), "regexps-"));
  mkdirSync(join(root, dirname(file)), { recursive: true });
  writeFileSync(join(root, file), code);
  return await slowRegexps(root);
}

test.each([
  [
    "slashes at an end, searched from each place",
    "export const path = (text: string) => text.replace(/\\/+$/, '');",
  ],
  ["blanks that two parts may take", "export const a = /^\\s*\\(?\\s*x/;"],
  ["what takes time beyond measure", "export const a = /^(a+)+$/;"],
  ["a look ahead from each place", "export const a = /(?=[a-z]*\\d)\\w{32,}/g;"],
  ["a call", 'export const a = new RegExp("(x+x+)+y", "i");'],
  ["a call with a constant of the file", "const PART = 'a*';\nexport const a = RegExp(`^${PART}a*b`);"],
  [
    "a call with a list",
    'const PARTS = ["a*", "b*"];\nexport const a = RegExp(`^(?:${PARTS.join("|")})*c`);',
  ],
])("refused: %s", async (_, code) => {
  const line = code.split("\n").length;
  expect(await found(code)).toEqual([
    expect.stringMatching(new RegExp(`^packages/core/src/a.ts:${line}: .* (polynomial|exponential)`)),
  ]);
});

test("one put together when it runs is refused: no program can look at it", async () => {
  expect(await found("export const of = (part: string) => new RegExp(`^${part}`);")).toEqual([
    "packages/core/src/a.ts:1: new RegExp(`^${part}`) is put together when it runs: no program can check it",
  ]);
});

test("functions, pages and SQL are looked at as well", async () => {
  expect(await found("export const a = / +$/;", "functions/install/handler.ts")).toHaveLength(1);
  const page = "<p>\n<script>\nconst a = /(a|a)*b/;\n</script>\n";
  expect(await found(page, "packages/admin/public/index.html")).toEqual([
    expect.stringMatching(/^packages\/admin\/public\/index\.html:3: /),
  ]);
  const sql =
    "create table t (\n  a text check (a ~ '^(x+)+$')\n);\nselect regexp_replace(p_a, '(y*)*z', '', 'g');\n";
  expect(await found(sql, "supabase/migrations/20261130000100_a.sql")).toEqual([
    expect.stringMatching(/_a\.sql:2: \^\(x\+\)\+\$ is exponential/),
    expect.stringMatching(/_a\.sql:4: \(y\*\)\*z is exponential/),
  ]);
});

test("linear ones pass", async () => {
  expect(await found("export const a = [/(?<!\\/)\\/+$/, /^[a-z]+(?:-[a-z]+)*$/, /[?&]x=([^&]*)/g];"))
    .toEqual([]);
});
