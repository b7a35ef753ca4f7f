import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { unprovenClaims } from "@trakit/tooling/claims.ts";

let root: string | null = null;
afterEach(() => {
  if (root) rmSync(root, { recursive: true });
  root = null;
});

/** What the check says of a section "Network" with this text. `tests/proof.test.ts` is there, `tests/empty.test.ts` holds nothing. */
function found(text: string, section = "Network"): string[] {
  root = mkdtempSync(join(tmpdir(), "claims-"));
  for (const folder of ["docs", "tests"]) mkdirSync(join(root, folder));
  writeFileSync(join(root, "tests/proof.test.ts"), 'test("holds", () => {});\n');
  writeFileSync(join(root, "tests/empty.test.ts"), "\n");
  writeFileSync(
    join(root, "docs/security.md"),
    `# Security\n\nFor whoever reviews.\n\n## ${section}\n\n${text}\n`,
  );
  return unprovenClaims(root).map((line) => line.replace(/^docs\/security\.md:/, ""));
}

describe("a claim without a test is refused with its line", () => {
  test.each([
    ["a row of a table", "| Caller | Test |\n| ------ | ---- |\n| pixel | its key |", "9"],
    ["an item of a list", "- it holds: `tests/proof.test.ts`\n- this too", "8"],
    ["a paragraph", "It holds (`tests/proof.test.ts`).\n\nThis too.", "9"],
    ["a second item, though the first has one", "- one: `tests/proof.test.ts`\n- two\n  goes on", "8"],
    ["a path that is no test", "It holds (`packages/core/src/event.ts`).", "7"],
    ["a test named without backticks", "It holds (tests/proof.test.ts).", "7"],
  ])("%s", (_, text, line) => {
    expect(found(text)).toEqual([expect.stringMatching(new RegExp(`^${line}: no test is named`))]);
  });
});

test("a test that does not exist, or tests nothing, is none", () => {
  expect(found("Both hold (`tests/gone.test.ts`, `tests/empty.test.ts`).")).toEqual([
    "7: tests/gone.test.ts does not exist",
    "7: tests/empty.test.ts tests nothing",
  ]);
});

test.each([
  ["a row", "| Caller | Test |\n| --- | --- |\n| pixel | `tests/proof.test.ts` |"],
  ["an item over several lines", "- it holds, in more words\n  than one line takes: `tests/proof.test.ts`"],
  ["what leads to a list", "A proof does not prove:\n\n- the rest (`tests/proof.test.ts`)"],
])("%s with its test passes", (_, text) => {
  expect(found(text)).toEqual([]);
});

test("sections that promise nothing need none, and their list is short", () => {
  expect(found("Everything is lost.", "What a leaked credential gives")).toEqual([]);
  expect(found("Everything is lost.", "What a leaked credential takes")).toHaveLength(1);
});
