import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { expect, test } from "vitest";

/** Debian's PostgreSQL 15 with pg_cron, pgTAP and plpgsql_check: CI has them, a newcomer need not. */
const there = [
  "/usr/lib/postgresql/15/bin/postgres",
  "/usr/share/postgresql/15/extension/pgtap.control",
  "/usr/bin/pg_prove",
]
  .every((file) => existsSync(file));
const wanted = process.env["TRAKIT_TEST_ALL"] === "1";

test.skipIf(!there && !wanted)(
  "on PostgreSQL 15 the migrations run as no superuser, lint is clean, pgTAP and the database suite pass, pg_cron runs",
  { timeout: 900_000 },
  () => {
    const script = fileURLToPath(new URL("../../packages/tooling/src/pg15.ts", import.meta.url));
    const run = spawnSync(process.execPath, [script], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(run.status, `${run.stdout.slice(-6_000)}\n${run.stderr.slice(-2_000)}`).toBe(0);
  },
);
