-- Subject: waking those who drain: one pg-boss job per due lane, or a call of the drain function where no worker lives.
-- Why: a delivery row is the only truth; a job is a wake-up that may be lost, doubled or late without harm. pg-boss, pg_cron,
-- pg_net and Vault are optional: `trakit migrate` sets up what there is, and this SQL tolerates the absence of each. So
-- their objects are named in dynamic SQL only. The row written here is compared with one of pg-boss's own send() in
-- tests/integration/db/queue-contract.test.ts.
-- Locks: none. Undo: drop function trakit.wake_lanes, trakit.call_drain, trakit.enqueue_jobs.

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
    if not exists (select from trakit.live_workers(p_now)) then
      v_called := trakit.call_drain();
    end if;
  end if;
  return jsonb_build_object('skipped', false, 'lanes', jsonb_array_length(v_lanes), 'jobs', coalesce(v_jobs, 0),
    'called', v_called);
end;
$$;
comment on function trakit.wake_lanes(integer, integer, timestamptz) is
  'Puts one job per due lane into pg-boss''s queue drain and, where nobody checked in for a minute, calls the drain function. Does nothing if lanes were woken less than p_gap_ms ago. Returns {"skipped", "lanes", "jobs", "called"}.';

grant create on schema trakit to trakit_dispatcher;
alter function trakit.enqueue_jobs(text, jsonb) owner to trakit_dispatcher;
alter function trakit.wake_lanes(integer, integer, timestamptz) owner to trakit_dispatcher;
revoke create on schema trakit from trakit_dispatcher;
grant execute on function trakit.enqueue_jobs(text, jsonb) to trakit_app, trakit_edge;
grant execute on function trakit.call_drain() to trakit_dispatcher;
grant execute on function trakit.wake_lanes(integer, integer, timestamptz) to trakit_edge;
