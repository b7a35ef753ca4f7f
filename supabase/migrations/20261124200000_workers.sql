-- Subject: who drains the queue now: workers check in, so that pg_cron knows whether it must call the drain function.
-- Why: a worker that died cannot say so; one that has not been heard of for a minute counts as gone.
-- Locks: none on existing tables. Undo: drop table trakit.workers, trakit.queue_clock; drop the functions.

create table trakit.workers (
  id uuid primary key,
  kind text not null,
  started_at timestamptz not null,
  seen_at timestamptz not null,
  constraint workers_kind_known check (kind in ('worker', 'drain'))
);
comment on table trakit.workers is 'Processes that drain the queue at present, across shops: a row is written every 15 s and removed at the end.';
comment on column trakit.workers.id is 'Made by the process at its start.';
comment on column trakit.workers.kind is 'worker = a worker process; drain = a call of the drain function.';
comment on column trakit.workers.started_at is 'When it first checked in.';
comment on column trakit.workers.seen_at is 'When it last checked in. Over a minute ago = gone.';

create table trakit.queue_clock (
  one boolean primary key default true,
  woken_at timestamptz not null,
  cron_seconds integer,
  calls_drain boolean not null default false,
  constraint queue_clock_is_one_row check (one)
);
comment on table trakit.queue_clock is 'One row: when lanes were last woken, so that any number of workers looks only as often as one; and what else wakes them.';
comment on column trakit.queue_clock.one is 'True: the only row.';
comment on column trakit.queue_clock.woken_at is 'When trakit.wake_lanes last looked for due lanes.';
comment on column trakit.queue_clock.cron_seconds is 'Seconds between two looks of pg_cron, as trakit migrate set it up; null = no pg_cron.';
comment on column trakit.queue_clock.calls_drain is 'Whether pg_cron can call the drain function where no worker lives.';
insert into trakit.queue_clock (woken_at) values ('2000-01-01 00:00:00+00');

do $$
declare
  v_table text;
begin
  foreach v_table in array array['workers', 'queue_clock'] loop
    execute format('alter table trakit.%I enable row level security', v_table);
    execute format('alter table trakit.%I force row level security', v_table);
    execute format('create policy "the dispatcher keeps it" on trakit.%I for all to trakit_dispatcher using (true) with check (true)', v_table);
  end loop;
end;
$$;
grant select, insert, update, delete on trakit.workers to trakit_dispatcher;
grant select, update on trakit.queue_clock to trakit_dispatcher;

create function trakit.check_in(p_worker_id uuid, p_kind text, p_now timestamptz default now()) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into trakit.workers as w (id, kind, started_at, seen_at) values (p_worker_id, p_kind, p_now, p_now)
  on conflict (id) do update set seen_at = excluded.seen_at;
  -- who died without a word is forgotten after a day
  delete from trakit.workers w where w.seen_at < p_now - interval '1 day';
end;
$$;
comment on function trakit.check_in(uuid, text, timestamptz) is 'A worker, or a call of drain, says that it is alive; every 15 s.';

create function trakit.check_out(p_worker_id uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  delete from trakit.workers w where w.id = p_worker_id
$$;
comment on function trakit.check_out(uuid) is 'A worker, or a call of drain, says that it ends.';

create function trakit.live_workers(p_now timestamptz default now()) returns table (kind text, count bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select w.kind, count(*) from trakit.workers w where w.seen_at > p_now - interval '1 minute' group by w.kind
$$;
comment on function trakit.live_workers(timestamptz) is 'How many of each kind checked in within the last minute; a kind without any has no row.';

create function trakit.queue_watch(p_now timestamptz default now()) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'workers', (select count(*) from trakit.workers w where w.kind = 'worker' and w.seen_at > p_now - interval '1 minute'),
    'draining', (select count(*) from trakit.workers w where w.kind = 'drain' and w.seen_at > p_now - interval '1 minute'),
    'cron_seconds', (select c.cron_seconds from trakit.queue_clock c),
    'calls_drain', (select c.calls_drain from trakit.queue_clock c))
$$;
comment on function trakit.queue_watch(timestamptz) is
  'Who drains the queue: workers and calls of drain that live, and what pg_cron does when there is no worker.';

grant create on schema trakit to trakit_dispatcher;
alter function trakit.check_in(uuid, text, timestamptz) owner to trakit_dispatcher;
alter function trakit.check_out(uuid) owner to trakit_dispatcher;
alter function trakit.live_workers(timestamptz) owner to trakit_dispatcher;
alter function trakit.queue_watch(timestamptz) owner to trakit_dispatcher;
revoke create on schema trakit from trakit_dispatcher;
grant execute on function trakit.queue_watch(timestamptz), trakit.check_in(uuid, text, timestamptz), trakit.check_out(uuid), trakit.live_workers(timestamptz)
  to trakit_edge;
