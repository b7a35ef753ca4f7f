import process from "node:process";
import { globSync } from "node:fs";
import { dirname } from "node:path";

/** `npm run bench -- <name> [options]`: runs tests/bench/<name>/bench.ts, which prints ratios against a floor of the same run. */
const names = globSync("*/bench.ts", { cwd: import.meta.dirname }).map((path) => dirname(path)).sort();
const [name = "capture", ...rest] = process.argv.slice(2);
if (!names.includes(name)) {
  process.stderr.write(`There is no benchmark called ${name}. There are: ${names.join(", ")}.\n`);
  process.exit(1);
}
const { bench } = await import(`./${name}/bench.ts`) as {
  bench: (options: string[]) => void | Promise<void>;
};
await bench(rest);
process.exit(0);
