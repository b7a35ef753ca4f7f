import process from "node:process";
import { existsSync } from "node:fs";

/** `npm run bench -- <name> [options]`: runs tests/bench/<name>/bench.ts, which prints ratios against a floor of the same run. */
const [name, ...rest] = process.argv.slice(2);
const file = new URL(`./${name ?? "capture"}/bench.ts`, import.meta.url);
if (!/^[a-z-]+$/.test(name ?? "capture") || !existsSync(file)) {
  process.stderr.write(`There is no benchmark called ${name}. There are: capture, recovery.\n`);
  process.exit(1);
}
const { bench } = await import(file.href) as { bench: (options: string[]) => Promise<void> };
await bench(rest);
process.exit(0);
