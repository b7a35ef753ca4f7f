/** pg-boss's schema of an older version, made by pg-boss's own steps back, is brought up to date by `trakit migrate`. */
import { randomUUID } from "node:crypto";
import { getRollbackPlans, PgBoss } from "pg-boss";
import { expect, test } from "vitest";
import { installQueue } from "@trakit/cli/stack/queue-schema.ts";
import { connect } from "@trakit/db/connection.ts";
import { testDatabase } from "../../support/database.ts";
import { testQueue } from "../../support/queue.ts";

const db = await testDatabase();

async function version(): Promise<number> {
  return (await db.query<{ version: number }>("postgres", "select version from pgboss.version"))[0]!.version;
}

/** Takes the newest so many versions back, as pg-boss itself says. */
async function stepBack(steps: number): Promise<number> {
  const connection = await db.connect("postgres");
  try {
    for (let count = 0; count < steps; count++) {
      await connection.query(getRollbackPlans("pgboss", await version()));
    }
  } finally {
    await connection.end();
  }
  return await version();
}

test("an older schema is upgraded with what waits in it, and takes wake-ups again", async () => {
  const boss = await testQueue(db);
  const key = randomUUID();
  await boss.send("drain", { lane: key, shop: "s" }, { singletonKey: key, group: { id: "s" } });
  await boss.stop({ graceful: false });
  const newest = await version();
  const older = await stepBack(6);
  expect(older).toBe(newest - 6);

  // an older worker's database: a new worker refuses to start rather than work on it
  const early = new PgBoss({
    connectionString: db.url("trakit_worker"),
    migrate: false,
    createSchema: false,
    supervise: false,
    schedule: false,
    registerInstance: false,
  });
  early.on("error", () => {});
  await expect(early.start()).rejects.toThrow(/pg-boss/);
  await early.stop({ graceful: false }).catch(() => {});

  // an upgrade comes long after the last start
  await db.query("postgres", "update pgboss.version set bam_on = now() - interval '1 day'");
  const owner = connect({ url: db.url("postgres"), max: 1 });
  try {
    expect(await installQueue(db.url("postgres"), owner)).toBe("upgraded");
    expect(await installQueue(db.url("postgres"), owner)).toBe("up to date");
  } finally {
    await owner.close();
  }
  expect(await version()).toBe(newest);

  const again = await testQueue(db);
  const waiting = await again.fetch<{ lane: string }>("drain");
  expect(waiting.map(({ data }) => data.lane)).toEqual([key]);
  await again.complete("drain", waiting[0]!.id);
  const lane = randomUUID();
  const [made] = await db.query<{ made: number }>(
    "trakit_edge",
    "select trakit.enqueue_jobs('drain', $1) as made",
    [
      JSON.stringify([{ data: { lane, shop: "s" }, key: lane, group: "s" }]),
    ],
  );
  expect(made!.made).toBe(1);
  expect((await again.fetch<{ lane: string }>("drain")).map(({ data }) => data.lane)).toEqual([lane]);
  await again.stop({ graceful: false });
});
