-- Subject: the queue across shops: which lanes have something due, who drains them now, waking those who do, and ending
-- what is past its time.
-- Why: owned by trakit_dispatcher, which sees lane ids, states and times and no payload or token.
-- A worker that died cannot say so; one that has not been heard of for a minute counts as gone, so that pg_cron knows whether
-- it must call the drain function.
-- A delivery row is the only truth; a job is a wake-up (one pg-boss job per due lane) that may be lost, doubled or late
-- without harm. pg-boss, pg_cron, pg_net and Vault are optional: `trakit migrate` sets up what there is, and this SQL tolerates
-- the absence of each. So their objects are named in dynamic SQL only. The row written here is compared with one of pg-boss's
-- own send() in tests/integration/db/queue-contract.test.ts.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.workers, trakit.queue_clock.

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

create function trakit.due_lanes(p_limit integer default 100, p_now timestamptz default now())
returns table (destination_id uuid, shop_id uuid)
language sql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  with recursive waiting_lanes as (
    -- from one lane with pending deliveries to the next by the index: a long backlog costs no more than a short one,
    -- and hides no other lane
    (
      select d.destination_id, d.shop_id from trakit.deliveries d
      where d.state = 'pending' and d.captured_at > p_now - interval '8 days'
      order by d.destination_id limit 1
    )
    union all
    select n.destination_id, n.shop_id
    from waiting_lanes w
    cross join lateral (
      select d.destination_id, d.shop_id from trakit.deliveries d
      where d.state = 'pending' and d.captured_at > p_now - interval '8 days' and d.destination_id > w.destination_id
      order by d.destination_id limit 1
    ) n
  ), waiting as (
    select l.destination_id, l.shop_id, oldest.next_attempt_at
    from waiting_lanes w
    join trakit.lanes l on l.shop_id = w.shop_id and l.destination_id = w.destination_id and l.state = 'closed'
    join trakit.destinations g on g.id = l.destination_id
    cross join lateral (
      select d.next_attempt_at from trakit.deliveries d
      where d.destination_id = l.destination_id and d.state = 'pending' and d.waits_for is null
        and d.next_attempt_at <= p_now and d.captured_at > p_now - interval '8 days'
        and trakit.given_up_at(d.captured_at, d.retry_until, d.waits_for, g.max_age, l.state, l.released_at) > p_now
      order by d.next_attempt_at limit 1
    ) oldest
  ), flushing as (
    select l.destination_id, l.shop_id, l.flush_before as next_attempt_at
    from trakit.lanes l
    where l.flush_before is not null and l.state = 'closed'
      -- until end_flush says so; a lane nobody got to in a day is listed by its deliveries' own due times
      and l.flush_before > p_now - interval '24 hours'
  ), probing as (
    select l.destination_id, l.shop_id, l.probe_at as next_attempt_at
    from trakit.lanes l
    where l.state = 'open' and l.probe_at <= p_now
      and exists (
        select from trakit.deliveries d
        where d.destination_id = l.destination_id and d.state = 'pending' and d.waits_for is null
          and d.captured_at > p_now - interval '8 days')
  )
  select x.destination_id, x.shop_id
  from (select * from waiting union all select * from flushing union all select * from probing) x
  group by x.destination_id, x.shop_id
  order by min(x.next_attempt_at)
  limit p_limit
$$;
comment on function trakit.due_lanes(integer, timestamptz) is
  'Lanes with something to send now, longest waiting first: closed ones with due deliveries, those that just recovered, open ones whose probe is due.';

create function trakit.end_flush(p_destination_id uuid, p_flush_before timestamptz) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  -- only the flush the caller saw: trouble may have come and gone again meanwhile
  update trakit.lanes l set flush_before = null
  where l.shop_id = trakit.lane_shop(p_destination_id) and l.destination_id = p_destination_id
    and l.flush_before <= p_flush_before
$$;
comment on function trakit.end_flush(uuid, timestamptz) is 'Notes that a recovered lane has nothing left from before its recovery.';

create function trakit.expire_deliveries(p_limit integer default 5000, p_now timestamptz default now()) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  with past as (
    select d.shop_id, d.captured_at, d.event_row, d.destination_id
    from trakit.deliveries d
    left join trakit.lanes l on l.shop_id = d.shop_id and l.destination_id = d.destination_id
    left join trakit.destinations g on g.id = d.destination_id
    where d.state = 'pending'
      -- a lease that still runs is being sent: its holder's word comes first
      and (d.lease is null or d.next_attempt_at <= p_now)
      and p_now >= trakit.given_up_at(d.captured_at, d.retry_until, d.waits_for, g.max_age, l.state, l.released_at)
    limit p_limit
    for update of d skip locked
  ), ended as (
    update trakit.deliveries d
    set state = case when d.waits_for = 'order' then 'skipped' else 'failed' end,
        reason = case when d.waits_for = 'order' then 'no_order' else 'expired' end,
        settled_at = p_now, next_attempt_at = null, lease = null, waits_for = null
    from past
    where d.shop_id = past.shop_id and d.captured_at = past.captured_at and d.event_row = past.event_row
      and d.destination_id = past.destination_id
    returning d.shop_id, d.destination_id, d.state
  ), counted as (
    update trakit.lanes l
    set expired = l.expired + c.count
    from (select e.shop_id, e.destination_id, count(*) from ended e where e.state = 'failed' group by 1, 2) c
    where l.shop_id = c.shop_id and l.destination_id = c.destination_id
  )
  select count(*) into v_count from ended;
  return v_count;
end;
$$;
comment on function trakit.expire_deliveries(integer, timestamptz) is
  'Ends deliveries past their time: failed: expired, or skipped: no_order for a browser''s purchase no order came for. Returns how many.';

create function trakit.check_in(p_worker_id uuid, p_kind text, p_now timestamptz default now()) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
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

create function trakit.enqueue_jobs(p_queue text, p_jobs jsonb) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_made integer;
  v_notify boolean;
  -- named through a variable: the linter would look for the tables of a constant statement
  v_schema constant text := 'pgboss';
begin
  if not exists (
    select from pg_catalog.pg_namespace n
    where n.nspname = v_schema and pg_catalog.has_schema_privilege(current_user, n.oid, 'usage'))
  then
    return null;
  end if;
  execute format('select q.notify from %I.queue q where q.name = $1', v_schema) into v_notify using p_queue;
  if v_notify is null then
    return null;
  end if;
  -- as pg-boss's insertJobs does: the queue's options and its policy are copied into the row; without the policy the
  -- unique indexes that make a second wake-up of a lane impossible would not see it
  execute format($sql$
    insert into %1$I.job (name, data, singleton_key, group_id, start_after, created_on, expire_seconds, deletion_seconds,
      keep_until, retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds)
    select q.name, j.data, j.key, j.group_id, %1$I.job_now(),
      -- jobs are taken in this order; those of one statement would otherwise be of one moment
      %1$I.job_now() + j.place * interval '1 microsecond',
      q.expire_seconds, q.deletion_seconds, %1$I.job_now() + q.retention_seconds * interval '1 second',
      q.retry_limit, q.retry_delay, q.retry_backoff, q.retry_delay_max, q.policy, q.dead_letter, q.heartbeat_seconds
    from (
      select x.item -> 'data' as data, x.item ->> 'key' as key, x.item ->> 'group' as group_id, x.place
      from jsonb_array_elements($2) with ordinality as x (item, place)
    ) j
    cross join %1$I.queue q
    where q.name = $1
    order by j.place
    on conflict do nothing
  $sql$, v_schema) using p_queue, p_jobs;
  get diagnostics v_made = row_count;
  if v_made > 0 and v_notify then
    perform pg_notify('pgboss_' || left(encode(sha224(convert_to(v_schema, 'UTF8')), 'hex'), 24), p_queue);
  end if;
  return v_made;
end;
$$;
comment on function trakit.enqueue_jobs(text, jsonb) is
  'Puts jobs [{data, key, group}] into a pg-boss queue as its send() does. Returns how many; a key that waits already adds none. Null = there is no pg-boss, or no such queue.';

create function trakit.call_drain() returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_url text;
  v_key text;
  v_net constant text := 'net';
  v_vault constant text := 'vault';
begin
  -- asked by name, not by cast: a schema we may not use must read as absent, not raise
  if not exists (
      select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      where n.nspname = v_net and p.proname = 'http_post' and pg_catalog.has_schema_privilege(current_user, n.oid, 'usage'))
    or not exists (
      select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = v_vault and c.relname = 'decrypted_secrets'
        and pg_catalog.has_schema_privilege(current_user, n.oid, 'usage'))
  then
    return false;
  end if;
  execute format('select (select s.decrypted_secret from %1$I.decrypted_secrets s where s.name = $1 limit 1),
      (select s.decrypted_secret from %1$I.decrypted_secrets s where s.name = $2 limit 1)', v_vault)
    into v_url, v_key using 'trakit_drain_url', 'trakit_drain_key';
  if v_url is null or v_key is null then
    return false;
  end if;
  -- longer than drain runs: a request that is given up ends the run at the other end
  execute format('select %I.http_post(url := $1, body := $2, headers := $3, timeout_milliseconds := $4)', v_net)
    using v_url, jsonb '{}',
      jsonb_build_object('content-type', 'application/json', 'authorization', 'Bearer ' || v_key), 65000;
  return true;
end;
$$;
comment on function trakit.call_drain() is
  'Asks the drain function, by pg_net, to send what is due; address and key are in Vault. False = pg_net, Vault or the secrets are not there. Owned by the migration role, which may read Vault.';

create function trakit.wake_lanes(p_gap_ms integer default 0, p_limit integer default 1000, p_now timestamptz default now())
returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_lanes jsonb;
  v_jobs integer;
  v_called boolean := false;
begin
  -- one at a time, and not again before the gap: who comes second finds the work done. A clock set back does not stop it
  update trakit.queue_clock c set woken_at = p_now
  where c.one in (
    select x.one from trakit.queue_clock x
    where x.woken_at <= p_now - p_gap_ms * interval '1 millisecond' or x.woken_at > p_now + interval '1 minute'
    for update skip locked);
  if not found then
    return jsonb_build_object('skipped', true, 'lanes', 0, 'jobs', 0, 'called', false);
  end if;

  select coalesce(jsonb_agg(jsonb_build_object(
    'key', d.destination_id, 'group', d.shop_id, 'data', jsonb_build_object('lane', d.destination_id, 'shop', d.shop_id))), '[]')
  into v_lanes
  from trakit.due_lanes(p_limit, p_now) d;

  if jsonb_array_length(v_lanes) > 0 then
    v_jobs := trakit.enqueue_jobs('drain', v_lanes);
  end if;
  -- workers look for orders to be read again themselves; and where the app is not installed nobody could read them
  if (jsonb_array_length(v_lanes) > 0 or exists (
      select from trakit.order_readings r join trakit.installations i on i.shop_id = r.shop_id
      where r.due_at <= p_now and i.trouble is null and i.refresh_expires_at > p_now))
    and not exists (select from trakit.live_workers(p_now))
  then
    v_called := trakit.call_drain();
  end if;
  return jsonb_build_object('skipped', false, 'lanes', jsonb_array_length(v_lanes), 'jobs', coalesce(v_jobs, 0),
    'called', v_called);
end;
$$;
comment on function trakit.wake_lanes(integer, integer, timestamptz) is
  'Puts one job per due lane into pg-boss''s queue drain and, where nobody checked in for a minute, calls the drain function. Does nothing if lanes were woken less than p_gap_ms ago. Returns {"skipped", "lanes", "jobs", "called"}.';
