import { PgBoss } from "pg-boss";
import { connect } from "@trakit/db/connection.ts";
import { installQueue } from "@trakit/cli/stack/queue-schema.ts";
import { JOBS } from "@trakit/worker/jobs.ts";
import { makeQueues } from "@trakit/worker/queues.ts";
import type { TestDatabase } from "./database.ts";

/** Puts pg-boss into a test database as `trakit migrate` does, and the queues as a worker does. Returns the worker's own. */
export async function testQueue(db: TestDatabase): Promise<PgBoss> {
  const owner = connect({ url: db.url("postgres"), max: 1 });
  try {
    await installQueue(db.url("postgres"), owner);
  } finally {
    await owner.close();
  }
  const boss = new PgBoss({
    connectionString: db.url("trakit_worker"),
    max: 2,
    migrate: false,
    createSchema: false,
    supervise: false,
    schedule: false,
    registerInstance: false,
  });
  boss.on("error", () => {});
  await boss.start();
  await makeQueues(boss, JOBS);
  return boss;
}
