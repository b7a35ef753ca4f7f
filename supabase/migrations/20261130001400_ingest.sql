-- Subject: ingest_events, the one round trip that stores what was captured.
-- Why: separate statements under READ COMMITTED. Keys are inserted in sorted order (so concurrent copies queue instead of
-- deadlocking), then read again: only a later statement sees the copy another transaction committed meanwhile. What a batch
-- shares with others is locked in one order for all: refusal counters, event keys, stored events, identity, and only then written.
-- The answer says of an accepted event only what the caller's own copy does not: most say nothing.
-- How the hot functions are planned (here, and those that name the same settings): what they join with JSON looks like a
-- hundred rows to the planner, so it would hash whole tables for one key. Every access in them is by key: nested loops over
-- indexes, planned once per connection, are right at any size, and the cost of an event does not change when statistics do.
-- Locks: none. Undo: drop function trakit.ingest_events.

create function trakit.ingest_events(
  p_shop text, p_events jsonb, p_slots integer default 0, p_place text default 'webhooks', p_refused jsonb default '{}',
  p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  c_no_keys constant jsonb := jsonb '{"ids": {}, "tokens": {}}';
  v_shop trakit.shops;
  v_count integer := jsonb_array_length(p_events);
  v_refused jsonb := p_refused;
  v_rows bigint[] := array[]::bigint[];
  v_sources text[] := array[]::text[];
  v_all_keys text[];
  v_key_ords integer[];
  v_known integer[];
  v_new jsonb[] := array[]::jsonb[];
  v_counted jsonb[] := array[]::jsonb[];
  v_turned_away text[] := array[]::text[];
  v_policies text[] := array[]::text[];
  v_counts jsonb[] := array[]::jsonb[];
  v_before jsonb;
  v_counted_before boolean;
  v_stripped boolean;
  v_bare boolean;
  v_identity jsonb[] := array[]::jsonb[];
  v_joins boolean := false;
  v_may_merge boolean := false;
  v_first bigint[];
  v_customers text[];
  v_strangers text[] := array[]::text[];
  v_items jsonb[] := array(select jsonb_array_elements(p_events));
  v_item jsonb;
  v_event jsonb;
  v_keys text[];
  v_own jsonb;
  v_row bigint;
  v_at timestamptz;
  v_source text;
  v_join record;
  v_stored trakit.events;
  v_results jsonb[] := array[]::jsonb[];
  v_sends jsonb := jsonb '[]';
  v_event_sends jsonb;
  v_visitor jsonb := jsonb '{}';
  v_slots integer := greatest(p_slots, 0);
begin
  perform set_config('trakit.shop_domain', p_shop, true), set_config('trakit.shop_id', '', true);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null or v_shop.status <> 'active' then
    -- counted under the shop that is gone, or under nobody
    perform set_config('trakit.shop_id', coalesce(v_shop.id, '00000000-0000-0000-0000-000000000000')::text, true);
    perform trakit.count_refusals(
      coalesce(v_shop.id, '00000000-0000-0000-0000-000000000000'), p_place,
      jsonb_build_object(case when v_shop.id is null then 'unknown_shop' else 'uninstalled_shop' end, greatest(v_count, 1)),
      p_now);
    return jsonb_build_object('shop', case when v_shop.id is null then 'unknown' else 'uninstalled' end,
      'results', '[]'::jsonb, 'sends', '[]'::jsonb);
  end if;
  perform set_config('trakit.shop_id', v_shop.id::text, true);
  for v_i in 1..v_count loop
    v_item := v_items[v_i];
    v_event := v_item -> 'event';
    if coalesce(jsonb_array_length(v_item -> 'keys'), 0) = 0 then
      raise exception 'event % of the call has no keys', v_i using errcode = 'invalid_parameter_value';
    end if;
    v_rows := v_rows || nextval('trakit.event_row_seq');
    v_sources := v_sources || (v_event ->> 'source');
    v_policies := v_policies || trakit.policy_for(v_shop, v_event -> 'client');
    v_counts := array_append(v_counts, trakit.counted_consent(v_shop, v_event -> 'consent', v_policies[v_i]));
    -- where consent is asked for, nothing of a person is stored without it. An order is judged by what both copies say (below):
    -- the browser may have said yes before
    if v_counts[v_i] <> v_event -> 'consent'
      and not (v_event ->> 'source' = 'webhook' and v_event ->> 'name' = 'checkout_completed')
    then
      v_event := trakit.as_consented(v_event, v_counts[v_i]);
      v_items[v_i] := v_item || jsonb_build_object('event', v_event);
    end if;
    -- what is turned away leaves no trace, so that its keys stay free: an order by the topic the shop does not count
    -- purchases by, a browser's event without a token where the shop wants one
    v_turned_away := v_turned_away || case
      -- the caller's own judgement of a copy, which it has counted
      when v_item ->> 'turned_away' is not null then v_item ->> 'turned_away'
      when v_event ->> 'source' = 'webhook' and v_event ->> 'name' = 'checkout_completed'
        and v_item ->> 'topic' <> v_shop.order_topic then 'other_topic'
      when v_event ->> 'source' = 'browser' and not v_shop.unsigned_events and v_item -> 'signed' is distinct from 'true'::jsonb
        then 'unsigned_event'
    end;
    if v_turned_away[v_i] = 'unsigned_event' then
      v_refused := v_refused || jsonb_build_object('unsigned_event', coalesce((v_refused ->> 'unsigned_event')::bigint, 0) + 1);
    end if;
    v_identity := array_append(v_identity,
      case when v_turned_away[v_i] is null then trakit.identity_keys(v_event, v_policies[v_i]) end);
    v_joins := v_joins or coalesce(v_identity[v_i] <> c_no_keys, false);
  end loop;
  if v_refused <> '{}' then
    perform trakit.count_refusals(v_shop.id, p_place, v_refused, p_now);
  end if;
  select array_agg(k.key), array_agg(e.ord::integer) into v_all_keys, v_key_ords
  from unnest(v_items) with ordinality e (item, ord)
  cross join lateral jsonb_array_elements_text(e.item -> 'keys') k (key)
  where v_turned_away[e.ord] is null;
  insert into trakit.event_keys (shop_id, key, event_row, captured_at, expires_at)
  select v_shop.id, k.key, v_rows[k.ord], p_now,
    case
      when k.key !~ '^(order:|event:(checkout_completed|order_refunded):)' then p_now + interval '7 days'
      -- a purchase only a browser spoke of keeps its key as long as its row: an order paid later than that is a new event
      when v_sources[k.ord] = 'browser' then p_now + interval '30 days'
    end
  from unnest(v_all_keys, v_key_ords) k (key, ord)
  order by k.key, k.ord
  on conflict (shop_id, key) do nothing;
  -- events of the call that are known already: a key of theirs leads to another event. One key at a time, as links are
  select array_agg(distinct t.ord) into v_known
  from unnest(v_all_keys, v_key_ords) t (key, ord)
  cross join lateral (
    select x.event_row, x.key from trakit.event_keys x where x.shop_id = v_shop.id and x.key = t.key limit 1
  ) k
  where k.event_row <> v_rows[t.ord];

  if v_known is not null and (v_count > 1 or v_joins) then
    -- stored events this call brings second copies of, locked in one order, and before identity (an event alone, without
    -- visitor, has nothing to put in order)
    for v_at, v_row in
      select distinct k.captured_at, k.event_row
      from unnest(v_all_keys) t (key)
      cross join lateral (
        select x.captured_at, x.event_row, x.key from trakit.event_keys x
        where x.shop_id = v_shop.id and x.key = t.key limit 1
      ) k
      where k.event_row <> all (v_rows)
      order by k.captured_at, k.event_row
    loop
      perform from trakit.events e where e.captured_at = v_at and e.id = v_row for update;
    end loop;
  end if;
  if v_joins then
    v_may_merge := trakit.lock_identity(v_shop.id, to_jsonb(v_identity));
    -- those nobody knows yet, in one go: for one event alone join_visitor does the same with less
    if v_count > 1 then
      v_first := trakit.add_first_visitors(v_shop.id, v_items, v_identity, p_now);
    end if;
  end if;
  if v_count > 1 then
    -- ids first: row security lets an index be used only for conditions that cannot leak, and reading JSON might
    v_customers := array(
      select distinct x.item #>> '{event,identifiers,customer_id}' from unnest(v_items) x (item)
      where x.item #> '{event,identifiers}' ? 'customer_id');
    v_strangers := array(
      select i.id
      from unnest(v_customers) i (id)
      left join lateral (
        select c.customer_id from trakit.customers c where c.shop_id = v_shop.id and c.customer_id = i.id limit 1
      ) c on true
      where c.customer_id is null);
  end if;

  for v_i in 1..v_count loop
    v_item := v_items[v_i];
    v_event := v_item -> 'event';
    v_source := v_event ->> 'source';
    if v_turned_away[v_i] is not null then
      v_results := v_results || jsonb_build_object('event_id', v_event ->> 'event_id',
        'status', case when v_source = 'webhook' then 'ignored' else 'refused' end, 'reason', v_turned_away[v_i]);
      continue;
    end if;

    v_row := v_rows[v_i];
    if v_i = any (v_known) then
      -- it may be a copy of what this call brought a moment ago
      v_event_sends := trakit.store_events(v_shop, v_new, v_slots, p_now);
      v_new := array[]::jsonb[];
      v_slots := v_slots - jsonb_array_length(v_event_sends);
      v_sends := v_sends || v_event_sends;
      -- the earliest event any of the keys belongs to; ours only if none was taken
      v_keys := array(select jsonb_array_elements_text(v_item -> 'keys'));
      select k.event_row, k.captured_at into v_row, v_at
      from unnest(v_keys) t (key)
      cross join lateral (
        select x.event_row, x.captured_at, x.key from trakit.event_keys x
        where x.shop_id = v_shop.id and x.key = t.key limit 1
      ) k
      order by k.event_row = v_rows[v_i], k.event_row limit 1;
    end if;

    v_own := v_event;
    if v_identity[v_i] is not null then
      if v_identity[v_i] <> c_no_keys and v_first[v_i] is null then
        select * into v_join from trakit.join_visitor(
          v_shop.id, v_identity[v_i] -> 'ids', v_identity[v_i] -> 'tokens', v_event -> 'identifiers',
          nullif(v_event -> 'consent', '{}'), v_may_merge, p_now);
        if v_source = 'browser' then
          v_visitor := v_visitor || v_join.restorable;
        end if;
        v_event := v_event || jsonb_build_object(
          'visitor', v_join.visitor_id,
          'identifiers', case
            when v_counts[v_i] ->> 'marketing' = 'false' or v_counts[v_i] ->> 'analytics' = 'false'
            then trakit.consented_identifiers(v_join.enriched || (v_event -> 'identifiers'), v_counts[v_i])
            else v_join.enriched || (v_event -> 'identifiers') end);
      elsif v_identity[v_i] <> c_no_keys then
        if v_source = 'browser' then
          v_visitor := v_visitor || (v_event -> 'identifiers');
        end if;
        v_event := v_event || jsonb_build_object('visitor', nullif(v_first[v_i], 0));
      end if;
      if v_event -> 'identifiers' ? 'customer_id' and v_event #>> '{identifiers,customer_id}' <> all (v_strangers) then
        v_event := trakit.with_customer(v_shop.id, v_event, v_own -> 'identifiers' ? 'customer_id');
      end if;
      if v_event -> 'identifiers' <> v_own -> 'identifiers' or v_event -> 'digests' <> v_own -> 'digests' then
        v_event := v_event || jsonb_build_object('enriched', trakit.enriched_names(v_own, v_event));
      end if;
    end if;

    if v_event ->> 'name' = 'order_refunded' then
      -- whose it is, and whether it may be sent, only the order knows; it may have come in this call
      v_event_sends := trakit.store_events(v_shop, v_new, v_slots, p_now);
      v_new := array[]::jsonb[];
      v_slots := v_slots - jsonb_array_length(v_event_sends);
      v_sends := v_sends || v_event_sends;
      v_event := trakit.with_order(v_shop.id, v_event);
      v_policies[v_i] := trakit.policy_for(v_shop, v_event -> 'client');
      v_counts[v_i] := v_own -> 'consent';
    end if;

    if v_row = v_rows[v_i] then
      v_stripped := v_counts[v_i] <> v_own -> 'consent';
      if v_stripped then
        v_event := trakit.as_consented(v_event, v_counts[v_i]);
      end if;
      v_bare := coalesce(v_counts[v_i] ->> 'analytics' = 'false' and v_counts[v_i] ->> 'marketing' = 'false', false);
      v_new := v_new || jsonb_build_object('row', v_row, 'index', v_i - 1, 'policy', v_policies[v_i],
        'signed', v_item -> 'signed', 'session', case when not v_bare then v_item -> 'session' end,
        'digest', v_item -> 'digest', 'event', v_event);
      -- what sending needs to know and the caller's copy of the event does not say
      v_results := v_results || (jsonb_build_object('event_id', v_event ->> 'event_id', 'status', 'accepted')
        || case when v_event -> 'identifiers' <> v_own -> 'identifiers'
          then jsonb_build_object('identifiers', v_event -> 'identifiers') else '{}' end
        || case when v_event -> 'digests' <> v_own -> 'digests'
          then jsonb_build_object('digests', v_event -> 'digests') else '{}' end
        || case when v_event ->> 'name' = 'order_refunded' or v_stripped
          then jsonb_build_object('event', v_event - array['visitor', 'enriched']) else '{}' end
        || case when v_event -> 'commerce' <> v_own -> 'commerce'
          then jsonb_build_object('commerce', v_event -> 'commerce') else '{}' end);
      v_counted := v_counted || trakit.counted_order(v_event, v_own);
      continue;
    end if;
    -- keys of ours that were still free lead to the same event from now on
    update trakit.event_keys k set event_row = v_row, captured_at = v_at
    where k.shop_id = v_shop.id and k.key = any (v_keys) and k.event_row = v_rows[v_i];
    select * into v_stored from trakit.events e where e.captured_at = v_at and e.id = v_row for update;
    -- an order that was asked for once more, because consent came after it: once
    v_counted_before := null;
    if (v_item ->> 'again')::boolean then
      delete from trakit.order_readings r
      where r.shop_id = v_shop.id and r.order_id = v_event #>> '{commerce,order_id}' returning r.counted into v_counted_before;
    end if;
    if v_stored.id is null
      or (v_source = 'webhook' and v_stored.webhook_at is not null and v_counted_before is null)
      or (v_source = 'browser' and v_stored.browser_at is not null)
    then
      if v_source = 'webhook' and v_event ->> 'name' = 'checkout_started' and v_stored.id is not null then
        -- a later word of Shopify's on a checkout fills what the first left open (nobody has typed anything when it begins)
        if v_stored.customer_id <> v_event #>> '{identifiers,customer_id}' then
          v_stored := jsonb_populate_record(v_stored, trakit.without_customer(to_jsonb(v_stored)));
        end if;
        perform trakit.merge_event(v_shop, v_stored, v_event || jsonb_build_object(
          'occurred_at', v_stored.occurred_at, 'commerce', (v_event -> 'commerce') || v_stored.commerce,
          'digests', (v_event -> 'digests') || v_stored.digests), null, null, null, v_stored.webhook_at);
      end if;
      v_results := v_results || jsonb_build_object('event_id', v_event ->> 'event_id', 'status', 'duplicate');
      continue;
    end if;
    v_before := null;
    if v_source = 'browser' and v_stored.name = 'checkout_completed' and v_stored.webhook_at is not null then
      v_before := trakit.counted_consent(v_shop, v_stored.consent, trakit.policy_for(v_shop, (
        select to_jsonb(c) from trakit.event_clients c
        where c.shop_id = v_shop.id and c.captured_at = v_at and c.event_row = v_row)));
    end if;
    v_counts[v_i] := trakit.merge_event(v_shop, v_stored, v_event, (v_item ->> 'signed')::boolean, v_item ->> 'session',
      v_item ->> 'digest', p_now);
    if v_counted_before is distinct from true then
      v_counted := v_counted || trakit.counted_order(trakit.as_consented(v_event, v_counts[v_i]), v_own);
    end if;
    v_event_sends := case
      when v_before is not null and trakit.read_again(v_shop, v_stored, v_before, v_counts[v_i], p_now) then '[]'
      else trakit.replan_deliveries(v_shop, v_at, v_row, v_i - 1, v_slots, p_now) end;
    -- what is sent is both copies as one, which only the row knows
    v_results := v_results || jsonb_build_object('event_id', v_event ->> 'event_id', 'status', 'merged',
      'event', trakit.stored_event(v_at, v_row));
    v_slots := v_slots - jsonb_array_length(v_event_sends);
    v_sends := v_sends || v_event_sends;
  end loop;
  v_sends := v_sends || trakit.store_events(v_shop, v_new, v_slots, p_now);
  v_counted := array_remove(v_counted, null);
  if v_counted <> array[]::jsonb[] then
    perform trakit.count_orders(v_shop.id, to_jsonb(v_counted), p_now);
  end if;

  return jsonb_build_object('shop', 'active', 'shop_id', v_shop.id, 'results', to_jsonb(v_results), 'sends', v_sends,
    -- once, however many events go there
    'destinations', case when v_sends = '[]' then '{}' else (
      select jsonb_object_agg(g.id, jsonb_build_object('platform', g.platform, 'settings', g.settings,
        'test_code', g.test_code, 'sealed', s.sealed, 'version', s.version,
        'secrets', trakit.sealed_settings_of(g.shop_id, g.id)))
      from trakit.destinations g join trakit.destination_secrets s on s.destination_id = g.id
      where g.shop_id = v_shop.id) end,
    'visitor', v_visitor);
end;
$$;
comment on function trakit.ingest_events(text, jsonb, integer, text, jsonb, timestamptz) is
  'Stores captured events of one shop (by domain): drops duplicates, joins the visitor, merges second copies, writes a delivery per destination and leases up to p_slots of them to the caller. p_refused = {"reason": n} counts what the caller refused before.';
