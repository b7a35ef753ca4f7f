import process from "node:process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { check } from "recheck";
import ts from "typescript";
import { repositoryRoot } from "./repository.ts";

/**
 * Every regular expression of the code is linear in its input: none can be made slow by a long text. Literals, `RegExp(…)` of
 * constants, and the patterns in SQL are analysed (recheck: by automata, else by attacking them); what it cannot say is
 * refused like what is not linear. A search counts from every place it may begin at, so `/\/+$/` is quadratic.
 */

/** Folders that are not looked at, with the reason. */
const FOLDERS: Record<string, string> = {
  "packages/tooling/": "reads this repository's own files, and nothing from outside",
  "packages/storefront/src/built/": "made from the sources, which are looked at",
  "packages/storefront/extensions/": "made from the sources, which are looked at",
};

/** Expressions analysed at a time: each is a process of its own. */
const AT_ONCE = 4;

interface Exception {
  file: string;
  /** The expression as it stands in the code. */
  text: string;
  reason: string;
  /** Instead of not at all it is analysed with these values of what it is put together from. */
  with?: Record<string, string>;
}

const EXCEPTIONS: Exception[] = [
  {
    file: "packages/core/src/identity/phone-plan.ts",
    text: "new RegExp(`^(?:${pattern})$`)",
    reason: "the library's own patterns, on at most 14 digits",
  },
  {
    file: "packages/core/src/identity/phone-plan.ts",
    text: "new RegExp(`^(?:${data[AT.idd]})`)",
    reason: "the library's own patterns, on at most 14 digits",
  },
  {
    file: "packages/core/src/identity/phone-plan.ts",
    text: "new RegExp(`^(?:${prefix})`)",
    reason: "the library's own patterns, on at most 14 digits",
  },
  {
    file: "packages/sandbox/src/shop/extensions.ts",
    text: "/\\{%-?\\s*schema\\s*-?%\\}([\\s\\S]*?)\\{%-?\\s*endschema\\s*-?%\\}/",
    reason: "reads this repository's own theme block",
  },
  {
    file: "packages/storefront/src/shared/visitor.ts",
    text: "RegExp(`(^|; )${cookie}=([^;]+)`)",
    reason: "put together from the names of our cookies",
    with: { cookie: "_tk_c" },
  },
  {
    file: "packages/storefront/src/shared/visitor.ts",
    text: "RegExp(`^(${ours})=`)",
    reason: "put together from the names of our cookies",
    with: { ours: "_tk_[cv]|_fbp|_fbc|_ga|_ga_\\w+" },
  },
  {
    file: "packages/storefront/src/embed/device.ts",
    text: "RegExp(`^(${gone})$`)",
    reason: "put together from the names of our cookies",
    with: { gone: "_fbp|_fbc|_tk_c|_tk_\\w+" },
  },
];

/** A regular expression where it stands. */
interface Found {
  file: string;
  /** From 1. */
  line: number;
  /** As it stands in the code. */
  text: string;
  source: string;
  flags: string;
}

/** What the expression cannot be worked out from: it is put together of what only the running program knows. */
class Unknown extends Error {}

/** The text an expression of constants gives. Throws Unknown for any other. */
function constant(node: ts.Expression, file: ts.SourceFile, given: Record<string, string>): string {
  const of = (inner: ts.Expression) => constant(inner, file, given);
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isParenthesizedExpression(node)) return of(node.expression);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    return of(node.left) + of(node.right);
  }
  if (ts.isTemplateExpression(node)) {
    return node.head.text +
      node.templateSpans.map((span) => of(span.expression) + span.literal.text).join("");
  }
  if (ts.isIdentifier(node)) {
    const value = given[node.text];
    if (value !== undefined) return value;
    const initializer = declared(node.text, file);
    if (initializer) return of(initializer);
  }
  // LIST.join("|")
  if (
    ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === "join" && ts.isIdentifier(node.expression.expression)
  ) {
    const list = declared(node.expression.expression.text, file);
    if (list && ts.isArrayLiteralExpression(list)) return list.elements.map(of).join(of(node.arguments[0]!));
  }
  throw new Unknown();
}

/** What a constant of the file itself is set to. */
function declared(name: string, file: ts.SourceFile): ts.Expression | null {
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement) || !(statement.declarationList.flags & ts.NodeFlags.Const)) {
      continue;
    }
    for (const declaration of statement.declarationList.declarations) {
      if (ts.isIdentifier(declaration.name) && declaration.name.text === name && declaration.initializer) {
        return declaration.initializer;
      }
    }
  }
  return null;
}

function isRegExpCall(node: ts.Node): node is ts.CallExpression | ts.NewExpression {
  return (ts.isCallExpression(node) || ts.isNewExpression(node)) && ts.isIdentifier(node.expression) &&
    node.expression.text === "RegExp";
}

/** The regular expressions of a program, and one sentence for each that cannot be worked out. */
function inProgram(name: string, code: string, lineBefore = 0): { found: Found[]; unknown: string[] } {
  const file = ts.createSourceFile(name, code, ts.ScriptTarget.Latest, true);
  const found: Found[] = [];
  const unknown: string[] = [];
  const visit = (node: ts.Node): void => {
    const line = lineBefore + file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    const text = node.getText().replace(/\s+/g, " ");
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/");
      found.push({
        file: name,
        line,
        text,
        source: node.text.slice(1, end),
        flags: node.text.slice(end + 1),
      });
    } else if (isRegExpCall(node)) {
      const exception = EXCEPTIONS.find((one) => one.file === name && one.text === text);
      const [pattern, flags] = node.arguments ?? [];
      try {
        if (!pattern) throw new Unknown();
        const given = exception?.with ?? {};
        const source = constant(pattern, file, given);
        found.push({ file: name, line, text, source, flags: flags ? constant(flags, file, given) : "" });
      } catch (error) {
        if (!(error instanceof Unknown)) throw error;
        if (!exception) {
          unknown.push(`${name}:${line}: ${text} is put together when it runs: no program can check it`);
        }
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { found, unknown };
}

const SQL_PATTERN = /(?:~\*?|\bregexp_\w+\([^,()']{1,200},|\bsimilar to)\s{0,20}'((?:[^']|'')*)'/g;

/** The patterns of SQL that stand in it as text. */
function inSql(name: string, sql: string): Found[] {
  return [...sql.matchAll(SQL_PATTERN)].map((match) => ({
    file: name,
    line: sql.slice(0, match.index).split("\n").length,
    text: match[1]!,
    source: match[1]!.replaceAll("''", "'"),
    flags: "",
  }));
}

/** The scripts of a page, each with the number of lines before it. */
function scriptsOf(html: string): { code: string; before: number }[] {
  return [...html.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g)].map((match) => ({
    code: match[1]!,
    before: html.slice(0, match.index + match[0].indexOf(match[1]!)).split("\n").length - 1,
  }));
}

/** One sentence for each regular expression of the tree at `root` that is not known to be linear in its input. */
export async function slowRegexps(root: string): Promise<string[]> {
  const files = globSync(
    ["packages/**/*.{ts,js,mjs,html}", "functions/**/*.ts", "supabase/migrations/*.sql"],
    { cwd: root, exclude: (path) => path.split("/").at(-1) === "node_modules" },
  ).filter((file) => !Object.keys(FOLDERS).some((folder) => file.startsWith(folder))).sort();
  const said: string[] = [];
  const found: Found[] = [];
  for (const file of files) {
    const text = readFileSync(join(root, file), "utf8");
    if (file.endsWith(".sql")) found.push(...inSql(file, text));
    else {
      const programs = file.endsWith(".html") ? scriptsOf(text) : [{ code: text, before: 0 }];
      for (const { code, before } of programs) {
        const read = inProgram(file, code, before);
        found.push(...read.found);
        said.push(...read.unknown);
      }
    }
  }
  const looked = found.filter((one) =>
    !EXCEPTIONS.some((exception) =>
      exception.file === one.file && exception.text === one.text && !exception.with
    )
  );
  const patterns = new Map(looked.map((one) => [`${one.flags}/${one.source}`, one]));
  const troubles = new Map<string, string>();
  const queue = patterns.entries();
  const work = async () => {
    for (const [key, { source, flags }] of queue) {
      const trouble = await troubleWith(source, flags);
      if (trouble) troubles.set(key, trouble);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const { file, line, text, source, flags } of looked) {
    const trouble = troubles.get(`${flags}/${source}`);
    if (trouble) said.push(`${file}:${line}: ${text} is ${trouble}`);
  }
  return said;
}

/** What is wrong with an expression; null for one that is linear. */
async function troubleWith(source: string, flags: string): Promise<string | null> {
  // a fixed seed, so that it says the same each time; and time enough on a machine that has other things to do
  const result = await check(source, flags, { randomSeed: 1, timeout: 120_000, attackTimeout: null });
  if (result.status === "safe") return null;
  if (result.status === "unknown") return `not known to be linear (${result.error.kind})`;
  const attack = result.attack.pattern;
  return `${result.complexity.summary}, for instance on ${attack}`;
}

if (process.argv[1]?.endsWith("regexps.ts")) {
  const found = await slowRegexps(repositoryRoot);
  for (const line of found) process.stderr.write(`${line}\n`);
  process.stdout.write(found.length === 0 ? "regexps: all linear\n" : `regexps: ${found.length} are not\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
