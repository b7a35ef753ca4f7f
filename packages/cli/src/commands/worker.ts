import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Command } from "../command.ts";
import { settingsOf } from "../database.ts";
import { ROOT } from "../stack/paths.ts";

export const worker: Command = {
  positionals: { min: 0, max: 0 },
  about: [
    "Runs a worker, which sends what waits in the recovery queue. Any number may run, on any machines. It logs one JSON line",
    "per happening; SIGTERM or Ctrl-C ends it after the batch in hand. Settings: TRAKIT_DB_SESSION_URL, TRAKIT_ENCRYPTION_KEYS.",
  ].join("\n"),
  options: {},
  examples: ["npm run worker"],
  async run({ io }) {
    const child = spawn(process.execPath, [join(ROOT, "packages", "worker", "src", "main.ts")], {
      stdio: "inherit",
      env: settingsOf(io) as NodeJS.ProcessEnv,
      // its own group: Ctrl-C reaches it once, through us
      detached: true,
    });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => child.kill("SIGTERM"));
    }
    process.on("exit", () => child.kill("SIGTERM"));
    return await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
  },
};
