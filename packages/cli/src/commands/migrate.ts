import type { Command } from "../command.ts";
import { settingsOf } from "../database.ts";
import { migrateDatabase } from "../stack/migrate.ts";
import { checkLogins } from "../stack/roles.ts";

export const migrate: Command = {
  positionals: { min: 0, max: 0 },
  about: [
    "Applies the migrations that the database of SUPABASE_DB_URL lacks, gives the roles trakit_edge and trakit_worker the",
    "passwords that stand in TRAKIT_DB_URL and TRAKIT_DB_SESSION_URL, makes the partitions of the coming week, the schema of",
    "pg-boss, and what this database can run by itself: pg_cron's schedules and, with TRAKIT_APP_URL and TRAKIT_OPERATOR_KEY,",
    "the secrets in Vault with which pg_net calls the drain function while no worker runs.",
    "It refuses settings that log in as a role which row-level security does not bind. Repeating it changes nothing.",
  ].join("\n"),
  options: {},
  examples: [
    "trakit migrate",
    "SUPABASE_DB_URL=postgresql://postgres:…@db.example:5432/postgres trakit migrate",
  ],
  async run({ io, json }) {
    const environment = settingsOf(io);
    const done = await migrateDatabase(environment);
    await checkLogins(environment);
    if (json) io.out(JSON.stringify(done));
    else {
      const tick = io.paint("green", "✓");
      io.out(
        `${tick} migrations: ${
          done.applied.length > 0 ? `${done.applied.join(", ")} applied` : "up to date"
        }`,
      );
      io.out(`${tick} passwords: ${done.passwords.join(", ") || "none to set"}`);
      io.out(`${tick} partitions: ${done.partitions > 0 ? `${done.partitions} made` : "a week ahead"}`);
      io.out(`${tick} pg-boss: ${done.queue}`);
      const { every_seconds: every, calls_drain: calls, notes } = done.schedules;
      if (every !== null) {
        io.out(
          `${tick} pg_cron: every ${every} s${
            calls ? ", calls the drain function while no worker runs" : ""
          }`,
        );
      }
      for (const note of notes) io.out(`${io.paint("yellow", "!")} ${note}`);
    }
    return 0;
  },
};
