import process from "node:process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";

/**
 * Every claim of docs/security.md names the test that would fail if it stopped holding. A claim is a row of a table, an item
 * of a list or a paragraph, in any section but those that promise nothing; its test is a file's path in backticks, in the
 * same row, item or paragraph. Whether the test proves the claim is for people to see; that there is one is checked here.
 */

/** Sections that say what is at stake, what is lost and what is missing: nothing in them is promised. */
const WITHOUT_CLAIMS = new Set([
  "What is worth protecting",
  "What a leaked credential gives",
  "Not there yet",
  "Reporting",
]);

const TEST_FILE = /`(tests\/[\w./-]{1,200}\.test\.(?:ts|sql))`/g;

interface Claim {
  line: number;
  text: string;
}

/** The claims of a Markdown text, each with the line it begins on (from 1). Before the first section there are none. */
function claimsOf(markdown: string): Claim[] {
  const lines = markdown.split("\n");
  const claims: Claim[] = [];
  let section: string | null = null;
  let open: Claim | null = null;
  for (const [index, line] of lines.entries()) {
    const begins: Claim = { line: index + 1, text: line };
    if (/^#{2,6} /.test(line)) {
      section = line.replace(/^#+ /, "");
      open = null;
    } else if (section === null || WITHOUT_CLAIMS.has(section) || line.trim() === "") open = null;
    else if (line.startsWith("|")) {
      open = null;
      // the dashes stand between a table's head and its rows
      const head = lines[index + 1]?.startsWith("| --") || line.startsWith("| --");
      if (!head) claims.push(begins);
    } else if (/^(?:[-*]|\d+\.) /.test(line) || open === null) claims.push(open = begins);
    else open.text += `\n${line}`;
  }
  // what leads to a list or a table claims what that says
  return claims.filter((claim) => !claim.text.endsWith(":"));
}

/** One sentence for each claim without a test, and for each test that is none. */
export function unprovenClaims(root: string, file = "docs/security.md"): string[] {
  const found: string[] = [];
  const markdown = readFileSync(join(root, file), "utf8");
  for (const { line, text } of claimsOf(markdown)) {
    const tests = [...text.matchAll(TEST_FILE)].map((match) => match[1]!);
    const words = text.replace(/\s+/g, " ").slice(0, 80);
    if (tests.length === 0) found.push(`${file}:${line}: no test is named for this claim: ${words}`);
    for (const test of tests) {
      const path = join(root, test);
      if (!existsSync(path)) found.push(`${file}:${line}: ${test} does not exist`);
      else if (!/\b(?:test|ok|is)\b/.test(readFileSync(path, "utf8"))) {
        found.push(`${file}:${line}: ${test} tests nothing`);
      }
    }
  }
  return found;
}

if (process.argv[1]?.endsWith("claims.ts")) {
  const found = unprovenClaims(repositoryRoot);
  for (const line of found) process.stderr.write(`${line}\n`);
  process.stdout.write(
    found.length === 0 ? "claims: each has its test\n" : `claims: ${found.length} without\n`,
  );
  process.exitCode = found.length === 0 ? 0 : 1;
}
