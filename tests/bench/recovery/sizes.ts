import type pg from "pg";

/** What the database holds of delivered events, per event, and what dropping a day's partitions gives back. */
export async function printSizes(owner: pg.Client, out: (line: string) => void): Promise<void> {
  await owner.query("vacuum trakit.events, trakit.deliveries, trakit.event_clients, trakit.event_keys");
  const { rows } = await owner.query<{ name: string; bytes: string; rows: string }>(
    `select coalesce(p.relname, c.relname) as name, sum(pg_total_relation_size(c.oid)) as bytes, null as rows
     from pg_class c left join pg_inherits i on i.inhrelid = c.oid left join pg_class p on p.oid = i.inhparent
     where c.relnamespace = 'trakit'::regnamespace and c.relkind = 'r'
       and coalesce(p.relname, c.relname) in ('events', 'deliveries', 'event_clients', 'event_keys')
     group by 1 order by 1`,
  );
  const { rows: [counted] } = await owner.query<{ events: string; deliveries: string }>(
    "select (select count(*) from trakit.events) as events, (select count(*) from trakit.deliveries) as deliveries",
  );
  const events = Number(counted!.events);
  if (events === 0) return;
  const per = rows.map(({ name, bytes }) => `${name} ${(Number(bytes) / events).toFixed(0)} B`);
  const total = rows.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  out(
    `\nsize per event with ${(Number(counted!.deliveries) / events).toFixed(1)} deliveries: ${
      (total / events).toFixed(0)
    } B (${per.join(", ")})`,
  );
  // 31 days on, everything but the keys is past its keeping; rolled back, so that the next figures have their rows
  await owner.query("begin");
  const { rows: [before] } = await owner.query<{ bytes: string }>(
    "select pg_database_size(current_database()) as bytes",
  );
  const { rows: [purged] } = await owner.query<{ purge: { partitions: number } }>(
    "select trakit.purge(now() + interval '40 days') as purge",
  );
  const { rows: [after] } = await owner.query<{ bytes: string }>(
    `select coalesce(sum(pg_total_relation_size(c.oid)), 0) as bytes from pg_class c left join pg_inherits i on i.inhrelid = c.oid
     left join pg_class p on p.oid = i.inhparent where c.relnamespace = 'trakit'::regnamespace and c.relkind = 'r'
       and coalesce(p.relname, c.relname) in ('events', 'deliveries', 'event_clients', 'event_keys')`,
  );
  await owner.query("rollback");
  out(
    `retention drops ${purged!.purge.partitions} partitions and gives back ${
      ((1 - Number(after!.bytes) / total) * 100).toFixed(0)
    } % of it ` +
      `(of a database of ${
        (Number(before!.bytes) / 2 ** 20).toFixed(0)
      } MiB); what stays are keys of conversions\n`,
  );
}
