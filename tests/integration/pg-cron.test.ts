/**
 * Real pg_cron, which lives in one database of a server only: runs where TRAKIT_TEST_CRON_DB_URL names that database, as
 * packages/tooling/src/pg15.ts does on Debian's PostgreSQL 15 (pg_cron 1.4: minutes, no seconds).
 */
import process from "node:process";
import pg from "pg";
import { expect, test } from "vitest";
import { migrateDatabase } from "@trakit/cli/stack/migrate.ts";
import { until } from "../support/stack.ts";

const url = process.env["TRAKIT_TEST_CRON_DB_URL"];

test.skipIf(!url)(
  "pg_cron, set up by migrate, wakes lanes, expires and keeps partitions, with no worker anywhere",
  async () => {
    const password = new URL(url!).password;
    const as = (role: string) => {
      const changed = new URL(url!);
      changed.username = role;
      changed.password = password;
      return changed.href;
    };
    const environment = {
      SUPABASE_DB_URL: url,
      TRAKIT_DB_URL: as("trakit_edge"),
      TRAKIT_DB_SESSION_URL: as("trakit_worker"),
    };
    const first = await migrateDatabase(environment);
    expect(first.queue).toBe("installed");
    expect(first.schedules.every_seconds).toBe(60);
    const again = await migrateDatabase(environment);
    expect(again).toMatchObject({ applied: [], queue: "up to date", schedules: first.schedules });

    const client = new pg.Client({ connectionString: url! });
    await client.connect();
    const rows = async <Row extends object>(sql: string, values: unknown[] = []) =>
      (await client.query<Row & pg.QueryResultRow>(sql, values)).rows as Row[];
    try {
      const names = [
        "trakit-cron-log",
        "trakit-expire",
        "trakit-partitions",
        "trakit-replays",
        "trakit-retention",
        "trakit-visitors",
        "trakit-wake-lanes",
      ];
      expect(
        (await rows<{ jobname: string }>("select jobname from cron.job order by 1")).map((one) =>
          one.jobname
        ),
      )
        .toEqual(names);

      // the commands that run by the hour are run now: the same commands, at the next full minute
      for (const name of ["trakit-partitions", "trakit-cron-log"]) {
        await rows("update cron.job set schedule = '* * * * *' where jobname = $1", [name]);
      }
      await rows("select pgboss.create_queue('drain', '{\"policy\": \"stately\"}')");
      const [shop] = await rows<{ shop: { id: string } }>(
        "select trakit.add_shop('cron.myshopify.com', 'US', '{}') as shop",
      );
      const [set] = await rows<{ lane: { destination_id: string } }>(
        `select trakit.set_destination('cron.myshopify.com', 'meta', 'marketing', 600000000, '{"settings": {"id": "1"}}',
           'v1.k.AAAAAAAAAAAAAAAA.AAAA', 'AAAA') -> 'destination' as lane`,
      );
      const insert = (row: number, age: string) =>
        rows(
          `insert into trakit.deliveries (captured_at, event_row, destination_id, shop_id, platform, next_attempt_at, retry_until)
           select c, $1, $2, $3, 'meta', c, c + interval '24 hours' from (select now() - $4::interval as c) x`,
          [row, set!.lane.destination_id, shop!.shop.id, age],
        );
      await rows("select trakit.ensure_partitions(8, now() - interval '1 day')");
      await insert(1, "1 minute");
      await insert(2, "25 hours");
      await rows(
        "drop table trakit.deliveries_" + (await rows<{ day: string }>(
          "select to_char(now() at time zone 'utc' + interval '8 days', 'YYYYMMDD') as day",
        ))[0]!.day,
      );

      const jobs = () => rows<{ data: { lane: string } }>("select data from pgboss.job where name = 'drain'");
      await until(async () => (await jobs()).length > 0, "a wake-up made by pg_cron");
      expect((await jobs()).map(({ data }) => data.lane)).toEqual([set!.lane.destination_id]);
      await until(
        async () =>
          (await rows(
            "select from trakit.deliveries where event_row = 2 and state = 'failed' and reason = 'expired'",
          )).length,
        "an expiry made by pg_cron",
      );
      await until(
        async () =>
          (await rows<{ jobname: string }>(
            "select distinct j.jobname from cron.job_run_details d join cron.job j using (jobid) where d.status = 'succeeded' order by 1",
          )).length === names.length,
        "every schedule succeeded",
      );
      expect(await rows("select from cron.job_run_details where status = 'failed'")).toEqual([]);
      expect(
        (await rows<{ ahead: boolean }>(
          "select to_regclass('trakit.deliveries_' || to_char(now() at time zone 'utc' + interval '8 days', 'YYYYMMDD')) is not null as ahead",
        ))[0]!.ahead,
        "the partition pg_cron made again",
      ).toBe(true);
    } finally {
      await client.end();
    }
  },
);
