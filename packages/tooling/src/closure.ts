import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** One import as written. */
export interface Import {
  from: string;
  specifier: string;
}

const IMPORT =
  /(?:^|[\n;])\s*(?:import|export)\s(?:[^"';]*?\sfrom\s)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;
const COMMENT = /\/\*[\s\S]*?\*\/|(^|[^:"'`\\])\/\/[^\n]*/g;

/** Specifiers a source file imports, comments left out. */
export function importsOf(source: string): string[] {
  const specifiers: string[] = [];
  for (const match of source.replace(COMMENT, "$1").matchAll(IMPORT)) {
    specifiers.push((match[1] ?? match[2])!);
  }
  return specifiers;
}

/**
 * Everything an entry reaches: files of the repository (paths relative to `root`) and packages from outside. Resolves as
 * deno.json's import map does. Throws with the file's name where an import leads nowhere.
 */
export function closure(
  root: string,
  entries: string[],
): { files: string[]; packages: string[]; imports: Import[] } {
  const map =
    (JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as { imports: Record<string, string> })
      .imports;
  const files = new Set<string>();
  const packages = new Set<string>();
  const imports: Import[] = [];
  const queue = entries.map((entry) => resolve(root, entry));
  for (let file = queue.pop(); file; file = queue.pop()) {
    const name = relative(root, file);
    if (files.has(name)) continue;
    files.add(name);
    for (const specifier of importsOf(readFileSync(file, "utf8"))) {
      imports.push({ from: name, specifier });
      const local = Object.entries(map).find(([key, target]) =>
        key.endsWith("/") && target.startsWith("./") && specifier.startsWith(key)
      );
      if (specifier.startsWith(".") || local) {
        const target = local
          ? resolve(root, local[1], specifier.slice(local[0].length))
          : resolve(dirname(file), specifier);
        if (!existsSync(target)) throw new Error(`${name} imports ${specifier}, which does not exist`);
        queue.push(target);
      } else if (!specifier.startsWith("node:")) {
        packages.add(specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/"));
      }
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort(), imports };
}
