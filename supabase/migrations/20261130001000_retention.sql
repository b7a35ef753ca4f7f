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
  v_made integer := 0;
begin
  if p_days_ahead not between 0 and 60 then
    raise exception 'p_days_ahead must be between 0 and 60' using errcode = 'invalid_parameter_value';
  end if;
  -- one maker at a time; who comes second finds the work done
  perform pg_advisory_xact_lock(hashtext('trakit.ensure_partitions'));
  foreach v_parent in array array['events', 'event_clients', 'deliveries'] loop
    for v_day in select d::date from generate_series(p_now::date - 1, p_now::date + p_days_ahead, interval '1 day') d loop
      v_name := v_parent || to_char(v_day, '_YYYYMMDD');
      if to_regclass('trakit.' || v_name) is null then
        execute format('create table trakit.%I (like trakit.%I including defaults including constraints including comments)', v_name, v_parent);
        execute format('alter table trakit.%I enable row level security', v_name);
        execute format('alter table trakit.%I force row level security', v_name);
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

create function trakit.purge(p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '500ms' as $$
declare
  v_partition record;
  v_dropped integer := 0;
  v_keys integer;
  v_quarantine integer;
  v_visitors integer;
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
  delete from trakit.event_keys where (shop_id, key) in (
    select k.shop_id, k.key from trakit.event_keys k where k.expires_at <= p_now limit 50000);
  get diagnostics v_keys = row_count;
  delete from trakit.sender_rates where minute < p_now - interval '1 hour';
  delete from trakit.carts where expires_at <= p_now;
  delete from trakit.cart_adds where added_at < p_now - interval '1 day';
  delete from trakit.quarantine where expires_at <= p_now;
  get diagnostics v_quarantine = row_count;
  v_visitors := trakit.purge_visitors(5000, p_now);
  delete from trakit.refusals where day < (p_now at time zone 'utc')::date - 90;
  delete from trakit.reconciled_orders where day < (p_now at time zone 'utc')::date - 60;
  -- what an export was asked for is kept as long as the merchant has to hand it out
  update trakit.privacy_requests set state = 'done', subject = null, done_at = p_now
  where kind = 'export' and state = 'pending' and requested_at <= p_now - interval '30 days';
  return jsonb_build_object('partitions', v_dropped, 'keys', v_keys, 'quarantine', v_quarantine, 'visitors', v_visitors);
end;
$$;
comment on function trakit.purge(timestamptz) is
  'Drops partitions past their keeping (events and deliveries 30 days, clients 7), expired keys and quarantine, visitors unseen for their cookies'' life, counters of refusals after 90 days. Returns how many of each.';

select trakit.ensure_partitions();
