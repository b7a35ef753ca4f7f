-- Subject: partitions a week ahead, and what is dropped when its time is over.
-- Why: owned by the table owner (DDL), callable by worker and functions. A partition is made beside its parent and then
-- attached: attaching takes a weaker lock than creating it as a partition, and a short lock_timeout keeps it from queueing
-- before live traffic. The caller repeats it; a week ahead there is time.
-- Locks: none on existing tables; when called, as above. Undo: drop the functions.

create function trakit.ensure_partitions(p_days_ahead integer default 8, p_now timestamptz default now()) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '500ms' as $$
declare
  v_parent text;
  v_day date;
  v_name text;
  v_column name;
  v_made integer := 0;
begin
  if p_days_ahead not between 0 and 60 then
    raise exception 'p_days_ahead must be between 0 and 60' using errcode = 'invalid_parameter_value';
  end if;
  -- one maker at a time; who comes second finds the work done, and waits in nobody's way
  perform set_config('lock_timeout', '10s', true);
  perform pg_advisory_xact_lock(hashtext('trakit.ensure_partitions'));
  perform set_config('lock_timeout', '500ms', true);
  foreach v_parent in array array['events', 'event_clients', 'deliveries'] loop
    for v_day in select d::date from generate_series(p_now::date - 1, p_now::date + p_days_ahead, interval '1 day') d loop
      v_name := v_parent || to_char(v_day, '_YYYYMMDD');
      if to_regclass('trakit.' || v_name) is null then
        execute format('create table trakit.%I (like trakit.%I including defaults including generated including constraints including comments)', v_name, v_parent);
        execute format('alter table trakit.%I enable row level security', v_name);
        execute format('alter table trakit.%I force row level security', v_name);
        for v_column in
          select a.attname from pg_catalog.pg_attribute a
          where a.attrelid = ('trakit.' || v_parent)::regclass and a.attstattarget = 0 and a.attnum > 0
        loop
          execute format('alter table trakit.%I alter column %I set statistics 0', v_name, v_column);
        end loop;
        execute format('alter table trakit.%I attach partition trakit.%I for values from (%L) to (%L)',
          v_parent, v_name, v_day, v_day + 1);
        execute format('comment on table trakit.%I is %L', v_name, 'Partition of ' || v_parent || ' for ' || v_day || ' (UTC).');
        v_made := v_made + 1;
      end if;
    end loop;
  end loop;
  return v_made;
end;
$$;
comment on function trakit.ensure_partitions(integer, timestamptz) is
  'Makes the day partitions from yesterday to p_days_ahead from now that are missing. Returns how many it made.';

create function trakit.purge(p_now timestamptz default now(), p_limit integer default 10000) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '500ms' as $$
declare
  v_partition record;
  v_dropped integer := 0;
  v_over record;
  v_count integer;
  v_counts jsonb := jsonb '{}';
  v_more boolean := false;
begin
  for v_partition in
    select c.relname, p.relname as parent
    from pg_catalog.pg_inherits i
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    join pg_catalog.pg_class p on p.oid = i.inhparent
    join pg_catalog.pg_namespace n on n.oid = p.relnamespace
    where n.nspname = 'trakit' and p.relname in ('events', 'event_clients', 'deliveries') and c.relname ~ '_\d{8}$'
      and to_date(right(c.relname, 8), 'YYYYMMDD')
        < p_now::date - case when p.relname = 'event_clients' then 7 else 30 end
    order by c.relname
  loop
    execute format('drop table trakit.%I', v_partition.relname);
    v_dropped := v_dropped + 1;
  end loop;
  for v_over in
    select * from (values
      ('keys', 'event_keys', 'expires_at <= $1'),
      ('senders', 'sender_rates', 'minute < $1 - interval ''1 hour'''),
      ('session_events', 'session_events', 'expires_at <= $1'),
      ('carts', 'carts', 'expires_at <= $1'),
      ('cart_adds', 'cart_adds', 'added_at < $1 - interval ''1 day'''),
      ('quarantine', 'quarantine', 'expires_at <= $1'),
      ('visitor_aliases', 'visitor_aliases', 'folded_at < $1 - interval ''31 days'''),
      ('refusals', 'refusals', 'day < $1::date - 90'),
      ('reconciled_orders', 'reconciled_orders', 'day < $1::date - 60'),
      ('order_readings', 'order_readings', 'asked_at < $1 - interval ''30 days''')
    ) x (name, relation, condition)
  loop
    -- what another call deletes or a batch of ingest holds has its turn in the next call, if it is still there
    execute format(
      'delete from trakit.%1$I where ctid = any (array(select t.ctid from trakit.%1$I t where t.%2$s limit $2 for update skip locked))',
      v_over.relation, v_over.condition) using p_now, p_limit;
    get diagnostics v_count = row_count;
    v_counts := v_counts || jsonb_build_object(v_over.name, v_count);
    v_more := v_more or v_count >= p_limit;
  end loop;
  -- what an export was asked for is kept as long as the merchant has to hand it out
  update trakit.privacy_requests set state = 'done', subject = null, done_at = p_now
  where kind = 'export' and state = 'pending' and requested_at <= p_now - interval '30 days';
  return v_counts || jsonb_build_object('partitions', v_dropped, 'more', v_more);
end;
$$;
comment on function trakit.purge(timestamptz, integer) is
  'Drops partitions past their keeping (events and deliveries 30 days, clients 7) and up to p_limit each of expired keys, carts, quarantine, aliases of visitors, counters of senders and refusals, compared orders. Returns how many of each, and "more": true where some may be left; call it again. Visitors: trakit.purge_visitors.';

select trakit.ensure_partitions();
