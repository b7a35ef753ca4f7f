import process from "node:process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { importsOf, localTarget } from "./closure.ts";

/** Where sources lie; tests are rooms too. */
const SOURCES = ["packages/*/src/**/*.{ts,mjs,js}", "functions/**/*.ts", "tests/**/*.ts"];

/**
 * Circles of imports in the tree at `root`: sets of files each of which reaches every other, sorted, each with one shortest
 * round trip as people read it (`a.ts -> b.ts -> a.ts`). Imports of types and `import()` count: a reader has to follow them
 * too. An import that leads nowhere is left to tsc.
 */
export function circles(root: string): { files: string[]; trip: string }[] {
  const files = globSync(SOURCES, { cwd: root }).sort();
  const known = new Set(files);
  const edges = new Map(files.map((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const targets = importsOf(source).map((specifier) => localTarget(root, file, specifier));
    return [file, [...new Set(targets)].filter((target) => target !== null && known.has(target)) as string[]];
  }));
  return components(edges).map((ring) => ({
    files: ring,
    trip: [...shortestTrip(edges, ring[0]!)].join(" -> "),
  }));
}

/** Strongly connected components with more than one file, or with a file that imports itself (Tarjan). */
function components(edges: Map<string, string[]>): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const visit = (file: string) => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    onStack.add(file);
    for (const next of edges.get(file)!) {
      if (!order.has(next)) {
        visit(next);
        lowest.set(file, Math.min(lowest.get(file)!, lowest.get(next)!));
      } else if (onStack.has(next)) lowest.set(file, Math.min(lowest.get(file)!, order.get(next)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const ring = stack.splice(stack.indexOf(file));
    for (const one of ring) onStack.delete(one);
    if (ring.length > 1 || edges.get(file)!.includes(file)) found.push(ring.sort());
  };
  for (const file of edges.keys()) if (!order.has(file)) visit(file);
  return found.sort((a, b) => a[0]!.localeCompare(b[0]!));
}

/** The shortest way from a file of a circle back to itself. */
function shortestTrip(edges: Map<string, string[]>, start: string): string[] {
  const queue: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of queue) {
    for (const next of edges.get(way.at(-1)!)!) {
      if (next === start) return [...way, start];
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push([...way, next]);
    }
  }
  return [start];
}

if (process.argv[1]?.endsWith("circles.ts")) {
  const found = circles(join(import.meta.dirname, "../../.."));
  for (const { files, trip } of found) process.stderr.write(`circle of ${files.length} files: ${trip}\n`);
  process.stdout.write(found.length === 0 ? "circles: none\n" : `circles: ${found.length}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
