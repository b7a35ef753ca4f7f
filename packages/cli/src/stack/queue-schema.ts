import { PgBoss } from "pg-boss";
import type { Database } from "@trakit/db/connection.ts";

/** What pg-boss needs of the roles: the worker keeps its tables, the dispatcher puts wake-ups into them. */
const GRANTS = [
  "grant usage on schema pgboss to trakit_worker, trakit_dispatcher, trakit_app",
  // a shop that is redacted leaves no job behind
  "grant select, delete on pgboss.job to trakit_app",
  "grant select, insert, update, delete on all tables in schema pgboss to trakit_worker",
  "grant usage, select on all sequences in schema pgboss to trakit_worker",
  "grant execute on all functions in schema pgboss to trakit_worker",
  "grant select on pgboss.queue to trakit_dispatcher",
  "grant insert on pgboss.job to trakit_dispatcher",
  "grant execute on function pgboss.job_now() to trakit_dispatcher",
];

/** As of our own tables, `ANALYZE` keeps no values of what a job was given or answered: it may name a person. */
const NO_STATISTICS = ["data", "output", "singleton_key", "group_id"]
  .map((column) => `alter table pgboss.job alter column ${column} set statistics 0`);

/**
 * Makes pg-boss's schema `pgboss`, or brings it up to the version of the library, and lets our roles use it. `url` and
 * `owner` are the migration role's. Repeating it changes nothing. Queues are made by the workers themselves.
 */
export async function installQueue(
  url: string,
  owner: Database,
): Promise<"installed" | "upgraded" | "up to date"> {
  const version = async () => {
    const [row] = await owner.rows<{ there: boolean }>(
      "select to_regclass('pgboss.version') is not null as there",
    );
    if (!row?.there) return null;
    return (await owner.rows<{ version: number }>("select version from pgboss.version"))[0]?.version ?? null;
  };
  const before = await version();
  const boss = new PgBoss({
    connectionString: url,
    application_name: "trakit-migrate",
    max: 1,
    supervise: false,
    schedule: false,
    registerInstance: false,
    // how often index builds are looked for, whoever looked last: an upgrade soon after another start waits no minute
    bamIntervalSeconds: 10,
  });
  const errors: unknown[] = [];
  boss.on("error", (error) => errors.push(error));
  try {
    await boss.start();
    // index builds of an upgrade run beside it; the workers' role could not do them
    while (
      (await boss.getBamStatus()).some(({ status }) => status === "pending" || status === "in_progress")
    ) {
      if (errors.length > 0) throw errors[0];
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } finally {
    await boss.stop({ graceful: false });
  }
  for (const statement of [...GRANTS, ...NO_STATISTICS]) await owner.rows(statement);
  const after = await version();
  return before === null ? "installed" : before === after ? "up to date" : "upgraded";
}
