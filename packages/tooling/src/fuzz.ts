import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { repositoryRoot } from "./repository.ts";

/**
 * Runs the property tests again and again, each round with a new seed, until the time is up or a round fails:
 *
 *   npm run fuzz [-- <minutes> [<text>]]      10 minutes and a text by chance, unless said otherwise
 *
 * The seeds follow from the text: the same one (in CI the commit's name) repeats the same rounds. A find ends it with exit
 * code 1, its seed, and the command that repeats it. The last line is `N passed, N failed`, in rounds.
 *
 * The front door is tried apart: any bytes to any route as anybody (tests/fuzz).
 *
 *   npm run fuzz -- door [<inputs> [<text> [<until>]]]    in a process a core, before a database that agrees to everything
 *   npm run fuzz -- stack [<requests> [<text> [<until>]]] over HTTP, to a local stack of its own
 */
if (process.argv[2] === "door" || process.argv[2] === "stack") {
  process.exit(await frontDoor(process.argv[2], process.argv.slice(3)));
}
const [minutes = "10", text = randomBytes(8).toString("hex")] = process.argv.slice(2);
const budgetMs = Number(minutes) * 60_000;
if (!(budgetMs > 0)) {
  process.stderr.write("Say how long, in minutes: npm run fuzz -- 10\n");
  process.exit(2);
}
const files = globSync("tests/**/*.test.ts", { cwd: repositoryRoot })
  .filter((file) => readFileSync(join(repositoryRoot, file), "utf8").includes('from "fast-check"')).sort();
process.stdout.write(
  `${files.length} files of property tests for ${minutes} min, seeds from "${text}": npm run fuzz -- ${minutes} ${text}\n`,
);

const vitest = join(repositoryRoot, "node_modules", "vitest", "vitest.mjs");
let rounds = 0;
for (const end = Date.now() + budgetMs; Date.now() < end;) {
  const seed = createHash("sha256").update(`${text} ${rounds}`).digest().readInt32BE();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [vitest, "run", "--reporter=default", ...files],
    {
      cwd: repositoryRoot,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      env: { ...process.env, NO_COLOR: "1", TRAKIT_TEST_SEED: String(seed) },
    },
  );
  if (status !== 0) {
    const found = new Set([...stderr.matchAll(/FAIL +(\S+\.test\.ts)/g)].map((match) => match[1]));
    process.stdout.write(
      `${stdout}${stderr}\nFound with seed ${seed}. To repeat it:\n  TRAKIT_TEST_SEED=${seed} npx vitest run ${
        [...found].join(" ")
      }\n\n${rounds} passed, 1 failed\n`,
    );
    process.exit(1);
  }
  rounds++;
  process.stdout.write(`✓ seed ${seed}\n`);
}
process.stdout.write(`\n${rounds} passed, 0 failed\n`);

/** Runs a program of tests/fuzz, the door's inputs shared out among the cores. The exit code: 0 = nothing was found. */
async function frontDoor(program: "door" | "stack", args: string[]): Promise<number> {
  const [count = "100000", text = randomBytes(8).toString("hex"), ...rest] = args;
  const processes = program === "door" ? availableParallelism() : 1;
  const share = String(Math.ceil(Number(count.replaceAll("_", "")) / processes));
  process.stdout.write(
    `${count} inputs from "${text}": npm run fuzz -- ${[program, count, text, ...rest].join(" ")}\n`,
  );
  const ends = Array.from({ length: processes }, (_, number) => {
    const own = processes === 1 ? text : `${text}/${number}`;
    const child = spawn(process.execPath, [
      join(repositoryRoot, "tests/fuzz", `${program}.ts`),
      share,
      own,
      ...rest,
    ], {
      stdio: "inherit",
    });
    return new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 1)));
  });
  return Math.max(...await Promise.all(ends));
}
