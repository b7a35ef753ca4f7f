import type { Command } from "../command.ts";
import { settingsOf } from "../database.ts";
import {
  checkDatabase,
  checkFunctions,
  checkRuntimes,
  checkSettings,
  checkVendors,
  type Finding,
} from "../doctor-checks.ts";

export const doctor: Command = {
  positionals: { min: 0, max: 0 },
  about: [
    "Checks Node and Deno, settings, the database (logins, row-level security, migrations, partitions), the functions and",
    "the vendors' hosts. Each line says what is well or what to do. The exit code is 1 when something is wrong.",
  ].join("\n"),
  options: {},
  examples: ["trakit doctor", "trakit doctor --json"],
  async run({ io, json }) {
    const environment = settingsOf(io);
    const findings: Finding[] = [];
    const found = (...more: Finding[]): void => {
      findings.push(...more);
      if (json) return;
      for (const { check, ok, detail, remedy } of more) {
        io.out(`${ok ? io.paint("green", "✓") : io.paint("red", "✗")} ${check.padEnd(21)} ${detail}`);
        if (remedy) io.out(`  ${" ".repeat(21)} → ${remedy}`);
      }
    };
    found(...checkRuntimes());
    found(checkSettings(environment));
    found(...await checkDatabase(environment));
    found(await checkFunctions(environment));
    found(...await checkVendors(environment));
    const problems = findings.filter(({ ok }) => !ok).length;
    if (json) io.out(JSON.stringify({ ok: problems === 0, findings }));
    else {io.out(
        problems === 0
          ? "All is well."
          : `${problems} ${problems === 1 ? "thing needs" : "things need"} attention.`,
      );}
    return problems === 0 ? 0 : 1;
  },
};
