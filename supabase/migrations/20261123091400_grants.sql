-- Subject: who owns and who may call each function.
-- Why: last, and in one place, so that the whole surface of the database can be read on one page.
-- Locks: none. Undo: revoke.

grant create on schema trakit to trakit_app, trakit_dispatcher;

do $$
declare
  v_function text;
begin
  -- inside one shop
  foreach v_function in array array[
    'trakit.ingest_events(text, jsonb, integer, text, jsonb, timestamptz)',
    'trakit.claim_deliveries(uuid, integer, integer, timestamptz)',
    'trakit.settle_deliveries(uuid, jsonb, timestamptz)',
    'trakit.quarantine_webhook(text, text, text, text, text[], text, timestamptz)'
  ] loop
    execute 'alter function ' || v_function || ' owner to trakit_app';
    execute 'grant execute on function ' || v_function || ' to trakit_edge';
  end loop;
  -- across shops: lane ids, states, times
  foreach v_function in array array[
    'trakit.due_lanes(integer, timestamptz)',
    'trakit.end_flush(uuid, timestamptz)',
    'trakit.expire_deliveries(integer, timestamptz)',
    'trakit.queue_totals(timestamptz)'
  ] loop
    execute 'alter function ' || v_function || ' owner to trakit_dispatcher';
    execute 'grant execute on function ' || v_function || ' to trakit_edge';
  end loop;
  alter function trakit.lane_shop(uuid) owner to trakit_dispatcher;
  grant execute on function trakit.lane_shop(uuid) to trakit_app;
  -- the operator's tools
  foreach v_function in array array[
    'trakit.add_shop(text, text, jsonb, timestamptz)',
    'trakit.find_shop(text)',
    'trakit.set_destination(text, text, text, bigint, jsonb, boolean, text[], text, text, text, timestamptz)',
    'trakit.list_destinations(text)',
    'trakit.tail_deliveries(text, timestamptz, integer)',
    'trakit.shop_status(text, timestamptz)',
    'trakit.list_quarantine(text, integer)',
    'trakit.settle_quarantine(text, bigint, boolean)'
  ] loop
    execute 'alter function ' || v_function || ' owner to trakit_app';
    execute 'grant execute on function ' || v_function || ' to trakit_worker';
  end loop;
  alter function trakit.list_shops() owner to trakit_dispatcher;
  grant execute on function trakit.list_shops() to trakit_worker;
  -- maintenance stays with the table owner: it is DDL
  grant execute on function trakit.ensure_partitions(integer, timestamptz) to trakit_edge;
  grant execute on function trakit.purge(timestamptz) to trakit_edge;
end;
$$;

revoke create on schema trakit from trakit_app, trakit_dispatcher;

-- How the hot functions are planned. What they join with JSON looks like a hundred rows to the planner, so it would hash
-- whole tables for one key. Every access in them is by key: nested loops over indexes, planned once per connection, are
-- right at any size, and the cost of an event does not change when statistics do.
do $$
declare
  v_function text;
begin
  foreach v_function in array array[
    'trakit.ingest_events(text, jsonb, integer, text, jsonb, timestamptz)',
    'trakit.claim_deliveries(uuid, integer, integer, timestamptz)',
    'trakit.settle_deliveries(uuid, jsonb, timestamptz)'
  ] loop
    execute 'alter function ' || v_function || ' set enable_hashjoin = off';
    execute 'alter function ' || v_function || ' set enable_mergejoin = off';
    execute 'alter function ' || v_function || ' set enable_seqscan = off';
    execute 'alter function ' || v_function || ' set plan_cache_mode = force_generic_plan';
    execute 'alter function ' || v_function || ' set jit = off';
  end loop;
end;
$$;
