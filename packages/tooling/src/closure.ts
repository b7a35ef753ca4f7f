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
 * The file of the repository an import leads to, relative to `root`; null for a package from outside. Resolves as deno.json's
 * import map does.
 */
export function localTarget(root: string, from: string, specifier: string): string | null {
  if (specifier.startsWith(".")) return join(dirname(from), specifier);
  const local = Object.entries(importMap(root)).find(([key, target]) =>
    key.endsWith("/") && target.startsWith("./") && specifier.startsWith(key)
  );
  return local ? join(local[1], specifier.slice(local[0].length)) : null;
}

const maps = new Map<string, Record<string, string>>();

function importMap(root: string): Record<string, string> {
  let map = maps.get(root);
  if (!map) {
    map = (JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as { imports: Record<string, string> })
      .imports;
    maps.set(root, map);
  }
  return map;
}

/**
 * Everything an entry reaches: files of the repository (paths relative to `root`) and packages from outside. Resolves as
 * deno.json's import map does. Throws with the file's name where an import leads nowhere.
 */
export function closure(
  root: string,
  entries: string[],
): { files: string[]; packages: string[]; imports: Import[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const imports: Import[] = [];
  const queue = entries.map((entry) => relative(root, resolve(root, entry)));
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (files.has(name)) continue;
    files.add(name);
    for (const specifier of importsOf(readFileSync(join(root, name), "utf8"))) {
      imports.push({ from: name, specifier });
      const target = localTarget(root, name, specifier);
      if (target !== null) {
        if (!existsSync(join(root, target))) {
          throw new Error(`${name} imports ${specifier}, which does not exist`);
        }
        queue.push(target);
      } else if (!specifier.startsWith("node:")) {
        packages.add(specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/"));
      }
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort(), imports };
}
