import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * Facts about platforms and Shopify stand once, in `docs/references`, and code cites them: `(reference: meta §5)`.
 * docs/references/README.md says how a citation is written; this is the program that holds it.
 */
const PAGES = "docs/references";
const CITING = [
  "*.md",
  "docs/**/*.md",
  "functions/**/*.{ts,js}",
  "packages/**/*.{ts,mts,mjs,js,liquid,toml,html,css}",
  "supabase/**/*.{sql,toml}",
  "tests/**/*.{ts,js,sql,md}",
];
/** Text of others, and what a bundler wrote. */
const PASSED_OVER = /(?:^|\/)(?:node_modules|fixtures|built|assets|dist)\//;

/** One sentence for each citation that leads nowhere and for each section of a reference that does not say its source. */
export function brokenCitations(root: string): string[] {
  const found: string[] = [];
  const sections = new Map<string, Set<string>>();
  for (const file of globSync(`${PAGES}/*.md`, { cwd: root }).sort()) {
    const page = basename(file, ".md");
    const text = readFileSync(join(root, file), "utf8");
    if (page === "README") continue;
    sections.set(page, new Set(sectionsOf(text).map(({ number }) => number)));
    found.push(...unsourced(text).map((problem) => `${file}: ${problem}`));
  }
  const index = join(root, PAGES, "README.md");
  const listed = existsSync(index) ? readFileSync(index, "utf8") : "";
  for (const page of sections.keys()) {
    if (!listed.includes(`](${page}.md)`)) found.push(`${PAGES}/README.md does not lead to ${page}.md`);
  }

  for (const file of globSync(CITING, { cwd: root }).sort()) {
    if (PASSED_OVER.test(file) || file === `${PAGES}/README.md`) continue;
    const page = file.startsWith(`${PAGES}/`) ? basename(file, ".md") : null;
    for (
      const { line, problem } of citationProblems(readFileSync(join(root, file), "utf8"), sections, page)
    ) {
      found.push(`${file}:${line}: ${problem}`);
    }
  }
  return found;
}

/** Sections in a row, with or without a page's name and the word before it: `reference: meta §5, §8.2 and tiktok §3`. */
const CITATION =
  /(\breference:\s+)?((?:(?:RFC \d+|FIPS [\d-]+|[\w-]+)\s+)?§[\d.]*\d(?:(?:,|\s+and|\s+to)\s+(?:[\w-]+\s+)?§[\d.]*\d)*)/g;

/**
 * What is wrong with the citations in a text. `own` is the page the text is, whose sections need no name there; null for
 * code and other documents.
 */
function citationProblems(
  source: string,
  sections: ReadonlyMap<string, ReadonlySet<string>>,
  own: string | null,
): { line: number; problem: string }[] {
  // a comment goes on in the next line: its break and marks count as blanks, and every offset stays what it is
  const text = source.replace(/\n[ \t]*(?:\*(?!\/)|\/\/|--|#(?!#))?/g, (gap) => " ".repeat(gap.length));
  const problems: { offset: number; problem: string }[] = [];
  for (const { index: offset, 1: word, 2: list } of text.matchAll(CITATION)) {
    if (/^(?:RFC|FIPS) /.test(list!)) continue;
    let page = own;
    for (const [place, item] of list!.split(/(?:,|\s+and|\s+to)\s+/).entries()) {
      const [name, number] = item.split(/\s*§/) as [string, string];
      // on a page itself a word before a number is a word, unless it is another page
      if (name !== "" && (own === null || sections.has(name))) page = name;
      const problem = page === null
        ? "a § without a page"
        : !sections.has(page)
        ? `there is no page ${PAGES}/${page}.md`
        : !sections.get(page)!.has(number)
        ? `${PAGES}/${page}.md has no section ${number}`
        : own === null && place === 0 && word === undefined
        ? "a citation that is not found by its form"
        : null;
      if (problem !== null) problems.push({ offset, problem });
    }
  }
  for (const match of text.matchAll(/(?<!\b(?:if|while|for|switch|return))[\s"]\(references?(?=[:)])/g)) {
    if (!/^:\s+[\w-]+\s+§/.test(text.slice(match.index + match[0].length))) {
      problems.push({ offset: match.index + 1, problem: "a citation without page or section" });
    }
  }
  return problems.map(({ offset, problem }) => ({
    line: source.slice(0, offset).split("\n").length,
    problem: `${problem}; write reference: <page> §<section>, in parentheses`,
  }));
}

interface Section {
  number: string;
  /** Its own text, up to the next heading. */
  text: string;
}

function sectionsOf(page: string): Section[] {
  return page.split(/^(?=#{2,4} )/m).flatMap((part) => {
    const heading = /^#{2,4} (\d+(?:\.\d+)*)\.? [^\n]+\n/.exec(part);
    return heading === null ? [] : [{ number: heading[1]!, text: part.slice(heading[0].length).trim() }];
  });
}

/** Sections that do not say where their facts come from and when that was read, and names of sources that lead nowhere. */
function unsourced(page: string): string[] {
  const problems: string[] = [];
  const sources = new Set([...page.matchAll(/^\[([^\]]+)\]: https:\/\/\S+$/gm)].map((match) => match[1]!));
  for (const { number, text } of sectionsOf(page)) {
    if (text === "") continue;
    const source = /^Source: ([\s\S]*?)(?:\n\n|$(?![\s\S]))/m.exec(text)?.[1] ?? "";
    const names = [...source.matchAll(/\[([^\]]+)\]/g)].map((match) => match[1]!.replace(/\s+/g, " "));
    if (!source.includes("https://") && !names.some((name) => sources.has(name))) {
      problems.push(`§${number} has no "Source:" with an address`);
    }
    if (!/\bread\s+\d{4}-\d\d-\d\d\b/.test(source)) {
      problems.push(`§${number} does not say when its source was read`);
    }
  }
  for (const [, name] of page.replace(/`[^`]*`/g, "").matchAll(/\[([^\]]+)\](?![(:\[])/g)) {
    const plain = name!.replace(/\s+/g, " ");
    if (!sources.has(plain)) problems.push(`the source [${plain}] has no address`);
  }
  return problems;
}
