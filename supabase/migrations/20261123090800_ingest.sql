-- Subject: ingest_events, the one round trip that stores what was captured.
-- Why: separate statements under READ COMMITTED. Keys are inserted in sorted order (so concurrent copies queue instead of
-- deadlocking), then read again: only a later statement sees the copy another transaction committed meanwhile. What a batch
-- shares with others is locked in one order for all: refusal counters, event keys, stored events, identity, and only then written.
-- Locks: none. Undo: drop function trakit.ingest_events, trakit.merge_event, trakit.store_events.

create function trakit.unknown_consent_policy(p_setting text, p_event_country text, p_shop_country text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  -- EEA (EU, Iceland, Liechtenstein, Norway), UK, Switzerland; a country nobody knows counts as one of them
  return coalesce(p_setting, case
    when coalesce(p_event_country, p_shop_country) is null then 'skip'
    when coalesce(p_event_country, p_shop_country) = any (array[
      'AT', 'BE', 'BG', 'HR', 'CY', 'CZ', 'DK', 'EE', 'FI', 'FR', 'DE', 'GR', 'HU', 'IE', 'IT', 'LV', 'LT', 'LU', 'MT',
      'NL', 'PL', 'PT', 'RO', 'SK', 'SI', 'ES', 'SE', 'IS', 'LI', 'NO', 'GB', 'CH'])
    then 'skip' else 'send' end);
end;
$$;
comment on function trakit.unknown_consent_policy(text, text, text) is
  'send, limited or skip for an event without a known consent state, from the shop''s setting, the event''s country and the shop''s.';
grant execute on function trakit.unknown_consent_policy(text, text, text) to trakit_app;

-- Carries no search_path of its own: only then does Postgres put its text into the calling statement instead of planning it
-- anew for every row. It uses built-in operators only, and its callers have a fixed path.
create function trakit.delivery_verdict(
  p_shop trakit.shops, p_test boolean, p_channel text, p_source text, p_consent jsonb, p_policy text, p_purpose text,
  p_test_code text, p_settings jsonb
) returns text
language sql immutable as $$
  select case
    when p_test and p_shop.test_orders = 'skip' then 'test_order'
    when p_test and p_shop.test_orders = 'test_mode' and p_test_code is null then 'test_order'
    when p_source = 'webhook' and p_channel = any (p_shop.excluded_channels) then 'source_excluded'
    when p_consent ->> p_purpose = 'false' then 'consent_denied'
    when p_consent ->> 'sale_of_data' = 'false' and p_settings ->> 'sale_refused' = 'skip' then 'sale_refused'
    -- the destination's own policy beats the shop's
    when p_consent ->> p_purpose is null and coalesce(nullif(p_settings ->> 'unknown_consent', 'shop'), p_policy) = 'skip'
    then 'consent_unknown'
  end
$$;
comment on function trakit.delivery_verdict(trakit.shops, boolean, text, text, jsonb, text, text, text, jsonb) is
  'Why an event is not sent to a destination; null = it is sent.';
grant execute on function trakit.delivery_verdict(trakit.shops, boolean, text, text, jsonb, text, text, text, jsonb) to trakit_app;

create function trakit.consented_identifiers(p_identifiers jsonb, p_consent jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if p_consent ->> 'marketing' = 'false' then
    p_identifiers := p_identifiers - array['fbp', 'fbc', 'ttp', 'ttclid', 'epik', 'scid', 'sc_click_id', 'gclid'];
  end if;
  if p_consent ->> 'analytics' = 'false' then
    p_identifiers := p_identifiers - array['ga_client_id', 'ga_session_id'];
  end if;
  return p_identifiers;
end;
$$;
comment on function trakit.consented_identifiers(jsonb, jsonb) is
  'Identifiers without those that serve only a purpose that was refused (packages/core/src/consent.ts has the same list).';
grant execute on function trakit.consented_identifiers(jsonb, jsonb) to trakit_app;

create function trakit.ingest_events(
  p_shop text, p_events jsonb, p_slots integer default 0, p_place text default 'webhooks', p_refused jsonb default '{}',
  p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_no_keys constant jsonb := jsonb '{"strong": {}, "weak": {}}';
  v_shop trakit.shops;
  v_count integer := jsonb_array_length(p_events);
  v_refused jsonb := p_refused;
  v_rows bigint[] := array[]::bigint[];
  v_sources text[] := array[]::text[];
  v_all_keys text[];
  v_key_ords integer[];
  v_known integer[];
  v_new jsonb[] := array[]::jsonb[];
  v_counted jsonb := jsonb '[]';
  v_turned_away text[] := array[]::text[];
  v_policies text[] := array[]::text[];
  v_identity jsonb := jsonb '[]';
  v_joins boolean := false;
  v_may_merge boolean := false;
  v_item jsonb;
  v_event jsonb;
  v_keys text[];
  v_row bigint;
  v_at timestamptz;
  v_source text;
  v_join record;
  v_stored trakit.events;
  v_results jsonb := jsonb '[]';
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
    v_item := p_events -> (v_i - 1);
    v_event := v_item -> 'event';
    if coalesce(jsonb_array_length(v_item -> 'keys'), 0) = 0 then
      raise exception 'event % of the call has no keys', v_i using errcode = 'invalid_parameter_value';
    end if;
    v_rows := v_rows || nextval('trakit.event_row_seq');
    v_sources := v_sources || (v_event ->> 'source');
    v_policies := v_policies || trakit.unknown_consent_policy(
      v_shop.unknown_consent, v_event #>> '{client,country}', v_shop.country);
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
    v_identity := v_identity || case when v_turned_away[v_i] is null
      then trakit.identity_keys(v_event, v_policies[v_i]) else c_no_keys end;
    v_joins := v_joins or v_identity -> (v_i - 1) <> c_no_keys;
  end loop;
  if v_refused <> '{}' then
    perform trakit.count_refusals(v_shop.id, p_place, v_refused, p_now);
  end if;
  select array_agg(k.key), array_agg(e.ord::integer) into v_all_keys, v_key_ords
  from jsonb_array_elements(p_events) with ordinality e (item, ord)
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
    v_may_merge := trakit.lock_identity(v_shop.id, v_identity);
  end if;

  for v_i in 1..v_count loop
    v_item := p_events -> (v_i - 1);
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

    if v_identity -> (v_i - 1) <> c_no_keys then
      select * into v_join from trakit.join_visitor(
        v_shop.id, v_identity -> (v_i - 1) -> 'strong', v_identity -> (v_i - 1) -> 'weak',
        -- what an order carries in its attributes is a hint for this event, nothing the vault learns from
        case when v_source = 'browser' then v_event -> 'identifiers'
          else jsonb_strip_nulls(jsonb_build_object('customer_id', v_event #> '{identifiers,customer_id}')) end,
        v_event -> 'digests', nullif(v_event -> 'consent', '{}'), v_may_merge, p_now);
      if v_source = 'browser' then
        v_visitor := v_visitor || v_join.restorable;
      end if;
      v_event := v_event || jsonb_build_object(
        'visitor', v_join.visitor_id,
        'identifiers', case
          when v_event #>> '{consent,marketing}' = 'false' or v_event #>> '{consent,analytics}' = 'false'
          then trakit.consented_identifiers(v_join.enriched || (v_event -> 'identifiers'), v_event -> 'consent')
          else v_join.enriched || (v_event -> 'identifiers') end,
        'digests', v_join.known_digests || (v_event -> 'digests'));
      if v_event -> 'identifiers' ? 'customer_id' then
        v_event := trakit.with_customer(v_shop.id, v_event, v_item #> '{event,identifiers}' ? 'customer_id');
      end if;
      if v_event -> 'identifiers' <> v_item #> '{event,identifiers}' or v_event -> 'digests' <> v_item #> '{event,digests}' then
        v_event := v_event || jsonb_build_object('enriched', trakit.enriched_names(v_item -> 'event', v_event));
      end if;
    end if;

    if v_event ->> 'name' = 'order_refunded' then
      -- whose it is, and whether it may be sent, only the order knows; it may have come in this call
      v_event_sends := trakit.store_events(v_shop, v_new, v_slots, p_now);
      v_new := array[]::jsonb[];
      v_slots := v_slots - jsonb_array_length(v_event_sends);
      v_sends := v_sends || v_event_sends;
      v_event := trakit.with_order(v_shop.id, v_event);
      v_policies[v_i] := trakit.unknown_consent_policy(
        v_shop.unknown_consent, v_event #>> '{client,country}', v_shop.country);
    end if;

    if v_row = v_rows[v_i] then
      v_new := v_new || jsonb_build_object('row', v_row, 'index', v_i - 1, 'policy', v_policies[v_i],
        'signed', v_item -> 'signed', 'digest', v_item -> 'digest',
        'event', v_event);
      v_results := v_results || (jsonb_build_object('event_id', v_event ->> 'event_id', 'status', 'accepted',
        'identifiers', v_event -> 'identifiers', 'digests', v_event -> 'digests')
        || case when v_event ->> 'name' = 'order_refunded' then jsonb_build_object('event', v_event - array['visitor', 'enriched']) else '{}' end
        -- what sending needs to know and the caller's copy of the event does not say
        || case when v_event #> '{commerce,customer_type}' is distinct from v_item #> '{event,commerce,customer_type}'
            or v_event #> '{commerce,customer_value}' is not null
          then jsonb_build_object('commerce', v_event -> 'commerce') else '{}' end);
      v_counted := v_counted || trakit.counted_order(v_event, v_item -> 'event', v_identity -> (v_i - 1) <> c_no_keys);
      continue;
    end if;
    -- keys of ours that were still free lead to the same event from now on
    update trakit.event_keys k set event_row = v_row, captured_at = v_at
    where k.shop_id = v_shop.id and k.key = any (v_keys) and k.event_row = v_rows[v_i];
    select * into v_stored from trakit.events e where e.captured_at = v_at and e.id = v_row for update;
    if v_stored.id is null
      or (v_source = 'webhook' and v_stored.webhook_at is not null)
      or (v_source = 'browser' and v_stored.browser_at is not null)
    then
      if v_source = 'webhook' and v_event ->> 'name' = 'checkout_started' and v_stored.id is not null then
        -- a later word of Shopify's on a checkout fills what the first left open (nobody has typed anything when it begins)
        perform trakit.merge_event(v_stored, v_event || jsonb_build_object(
          'occurred_at', v_stored.occurred_at, 'commerce', (v_event -> 'commerce') || v_stored.commerce,
          'digests', (v_event -> 'digests') || v_stored.digests), null, null, v_stored.webhook_at);
      end if;
      v_results := v_results || jsonb_build_object('event_id', v_event ->> 'event_id', 'status', 'duplicate');
      continue;
    end if;
    perform trakit.merge_event(v_stored, v_event, (v_item ->> 'signed')::boolean, v_item ->> 'digest', p_now);
    v_counted := v_counted || trakit.counted_order(v_event, v_item -> 'event', v_identity -> (v_i - 1) <> c_no_keys);
    v_event_sends := trakit.replan_deliveries(v_shop, v_at, v_row, v_i - 1, v_slots, p_now);
    -- what is sent is both copies as one, which only the row knows
    v_results := v_results || jsonb_build_object('event_id', v_event ->> 'event_id', 'status', 'merged',
      'event', trakit.stored_event(v_at, v_row));
    v_slots := v_slots - jsonb_array_length(v_event_sends);
    v_sends := v_sends || v_event_sends;
  end loop;
  v_sends := v_sends || trakit.store_events(v_shop, v_new, v_slots, p_now);
  if v_counted <> '[]' then
    perform trakit.count_orders(v_shop.id, v_counted, p_now);
  end if;

  return jsonb_build_object('shop', 'active', 'shop_id', v_shop.id, 'results', v_results, 'sends', v_sends,
    -- once, however many events go there
    'destinations', case when v_sends = '[]' then '{}' else (
      select jsonb_object_agg(g.id, jsonb_build_object('platform', g.platform, 'settings', g.settings,
        'test_code', g.test_code, 'sealed', s.sealed, 'version', s.version))
      from trakit.destinations g join trakit.destination_secrets s on s.destination_id = g.id
      where g.shop_id = v_shop.id) end,
    'visitor', v_visitor);
end;
$$;
comment on function trakit.ingest_events(text, jsonb, integer, text, jsonb, timestamptz) is
  'Stores captured events of one shop (by domain): drops duplicates, joins the visitor, merges second copies, writes a delivery per destination and leases up to p_slots of them to the caller. p_refused = {"reason": n} counts what the caller refused before.';

create function trakit.merge_event(
  p_stored trakit.events, p_event jsonb, p_signed boolean, p_digest text, p_now timestamptz
) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
begin
  -- the webhook wins for money, items and person; the browser gives cookies, click ids, url and user agent, and fills only
  -- what is empty. Stored objects carry no nulls, so || takes from the right what is known there.
  if p_event ->> 'source' = 'webhook' then
    update trakit.events e
    set webhook_at = p_now,
        visitor_id = coalesce(e.visitor_id, (p_event ->> 'visitor')::bigint),
        occurred_at = (p_event ->> 'occurred_at')::timestamptz,
        channel = p_event ->> 'channel',
        test = (p_event ->> 'test')::boolean,
        page = (p_event -> 'page') || e.page,
        commerce = e.commerce || (p_event -> 'commerce'),
        identifiers = trakit.consented_identifiers(
          (p_event -> 'identifiers') || e.identifiers, (p_event -> 'consent') || e.consent),
        digests = e.digests || (p_event -> 'digests'),
        consent = (p_event -> 'consent') || e.consent
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
  else
    update trakit.events e
    set browser_at = p_now,
        signed = p_signed,
        body_digest = p_digest,
        tags = e.tags || coalesce(p_event -> 'tags', '{}'),
        visitor_id = coalesce((p_event ->> 'visitor')::bigint, e.visitor_id),
        page = e.page || (p_event -> 'page'),
        commerce = (p_event -> 'commerce') || e.commerce,
        identifiers = trakit.consented_identifiers(
          e.identifiers || (p_event -> 'identifiers'), e.consent || (p_event -> 'consent')),
        digests = (p_event -> 'digests') || e.digests,
        consent = e.consent || (p_event -> 'consent')
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
  end if;
  -- one copy carries a refusal of every purpose: nothing of the person stays, whatever the other brought
  if exists (
    select from trakit.events e where e.captured_at = p_stored.captured_at and e.id = p_stored.id
      and e.consent ->> 'analytics' = 'false' and e.consent ->> 'marketing' = 'false')
  then
    update trakit.events e set page = '{}', identifiers = '{}', digests = '{}', visitor_id = null
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
    update trakit.event_clients c
    set ip = null, user_agent = null, language = null, city = null, region = null, region_code = null, postal_code = null
    where c.captured_at = p_stored.captured_at and c.event_row = p_stored.id;
    return;
  end if;
  insert into trakit.event_clients as c
  select (jsonb_populate_record(null::trakit.event_clients, (p_event -> 'client') || jsonb_build_object(
    'captured_at', p_stored.captured_at, 'event_row', p_stored.id, 'shop_id', p_stored.shop_id))).*
  on conflict (captured_at, event_row) do update
    set ip = case when p_event ->> 'source' = 'browser' then coalesce(excluded.ip, c.ip) else coalesce(c.ip, excluded.ip) end,
        user_agent = case when p_event ->> 'source' = 'browser' then coalesce(excluded.user_agent, c.user_agent)
          else coalesce(c.user_agent, excluded.user_agent) end,
        language = coalesce(c.language, excluded.language),
        city = case when p_event ->> 'source' = 'webhook' then coalesce(excluded.city, c.city) else coalesce(c.city, excluded.city) end,
        region = case when p_event ->> 'source' = 'webhook' then coalesce(excluded.region, c.region) else coalesce(c.region, excluded.region) end,
        region_code = case when p_event ->> 'source' = 'webhook' then coalesce(excluded.region_code, c.region_code)
          else coalesce(c.region_code, excluded.region_code) end,
        postal_code = case when p_event ->> 'source' = 'webhook' then coalesce(excluded.postal_code, c.postal_code)
          else coalesce(c.postal_code, excluded.postal_code) end,
        country = case when p_event ->> 'source' = 'webhook' then coalesce(excluded.country, c.country)
          else coalesce(c.country, excluded.country) end;
end;
$$;
comment on function trakit.merge_event(trakit.events, jsonb, boolean, text, timestamptz) is
  'Folds the second copy of an event into the stored one (docs/architecture.md, "Two copies, one event").';
grant execute on function trakit.merge_event(trakit.events, jsonb, boolean, text, timestamptz) to trakit_app;

create function trakit.stored_event(p_at timestamptz, p_row bigint) returns jsonb
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'name', e.name, 'event_id', e.event_id, 'occurred_at', e.occurred_at,
    'source', case when e.webhook_at is null then 'browser' else 'webhook' end,
    'channel', e.channel, 'test', e.test, 'page', e.page, 'commerce', e.commerce, 'digests', e.digests,
    'identifiers', e.identifiers, 'consent', e.consent, 'tags', e.tags,
    'client', coalesce((
      select jsonb_strip_nulls(to_jsonb(c) - array['captured_at', 'event_row', 'shop_id'])
      from trakit.event_clients c where c.captured_at = p_at and c.event_row = p_row), '{}'))
  from trakit.events e where e.captured_at = p_at and e.id = p_row
$$;
comment on function trakit.stored_event(timestamptz, bigint) is 'An event as destinations are given it, from its rows.';
grant execute on function trakit.stored_event(timestamptz, bigint) to trakit_app;

create function trakit.lease_seconds() returns integer language sql immutable as $$ select 30 $$;
comment on function trakit.lease_seconds() is 'How long who stored an event may send it: longer by far than the slowest send.';
grant execute on function trakit.lease_seconds() to trakit_app;

create function trakit.with_order(p_shop_id uuid, p_event jsonb) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_order trakit.events;
begin
  select e.* into v_order
  from trakit.event_keys k join trakit.events e on e.captured_at = k.captured_at and e.id = k.event_row
  where k.shop_id = p_shop_id and k.key = 'order:' || (p_event #>> '{commerce,order_id}') limit 1;
  if v_order.id is null then
    return p_event;
  end if;
  return p_event || jsonb_build_object(
    'channel', v_order.channel, 'test', v_order.test, 'visitor', v_order.visitor_id,
    'page', v_order.page, 'identifiers', v_order.identifiers, 'digests', v_order.digests, 'consent', v_order.consent,
    'commerce', jsonb_strip_nulls(jsonb_build_object('order_name', v_order.commerce -> 'order_name',
      'taxes_included', v_order.commerce -> 'taxes_included')) || (p_event -> 'commerce'),
    'client', coalesce((
      select jsonb_strip_nulls(to_jsonb(c) - array['captured_at', 'event_row', 'shop_id'])
      from trakit.event_clients c where c.captured_at = v_order.captured_at and c.event_row = v_order.id), '{}'));
end;
$$;
comment on function trakit.with_order(uuid, jsonb) is
  'A refund with what its order knew: channel, test, visitor, page, identifiers, digests, consent, client. Unchanged where the order is not held any more, or never was.';
grant execute on function trakit.with_order(uuid, jsonb) to trakit_app;

create function trakit.store_events(p_shop trakit.shops, p_new jsonb[], p_slots integer, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_lease uuid := gen_random_uuid();
  v_sends jsonb;
begin
  if cardinality(p_new) = 0 then
    return jsonb '[]';
  end if;
  -- one statement, however many events: what a statement costs before its first row is more than what a row costs
  with new as (
    select n.row, n.index, n.policy, n.signed, n.digest, n.event, n.event ->> 'name' as name, n.event ->> 'source' as source,
      n.event ->> 'channel' as channel, (n.event ->> 'test')::boolean as test, n.event -> 'consent' as consent,
      (n.event ->> 'visitor')::bigint as visitor_id, n.event -> 'client' as client
    from unnest(p_new) x (item)
    cross join lateral jsonb_to_record(x.item) as n
      (row bigint, index integer, policy text, signed boolean, digest text, event jsonb)
  ), stored as (
    insert into trakit.events
      (captured_at, id, shop_id, name, event_id, occurred_at, browser_at, webhook_at, channel, test, signed, visitor_id,
       body_digest, page, commerce, identifiers, digests, consent, tags, enriched)
    select p_now, n.row, p_shop.id, n.name, n.event ->> 'event_id', (n.event ->> 'occurred_at')::timestamptz,
      case when n.source = 'browser' then p_now end, case when n.source = 'webhook' then p_now end, n.channel, n.test,
      n.signed, n.visitor_id, n.digest, n.event -> 'page', n.event -> 'commerce', n.event -> 'identifiers',
      n.event -> 'digests', n.consent, coalesce(n.event -> 'tags', '{}'),
      case when n.event ? 'enriched' then array(select jsonb_array_elements_text(n.event -> 'enriched')) else '{}' end
    from new n
  ), clients as (
    insert into trakit.event_clients
      (captured_at, event_row, shop_id, ip, user_agent, language, city, region, region_code, postal_code, country)
    select p_now, n.row, p_shop.id, n.client ->> 'ip', n.client ->> 'user_agent', n.client ->> 'language',
      n.client ->> 'city', n.client ->> 'region', n.client ->> 'region_code', n.client ->> 'postal_code',
      n.client ->> 'country'
    from new n where n.client <> '{}'
  ), timed as (
    select n.*,
      -- anyone could invent a purchase in a browser: it waits for Shopify's own copy
      case when n.source = 'browser' and n.name = 'checkout_completed' then 'order' end as waits,
      case
        when n.source = 'browser' and n.name = 'checkout_completed' then p_now + interval '24 hours'
        when n.name not in ('checkout_started', 'product_added_to_cart') then p_now
        when n.source = 'browser' then p_now + make_interval(secs => p_shop.grace_seconds)
        -- nobody known to send it for: the browser's copy is given a moment to say who it was
        when n.visitor_id is null then p_now + interval '10 seconds'
        else p_now
      end as due
    from new n
  ), planned as (
    select t.row, t.index, t.waits, t.due, g.id, g.platform, g.test_code, g.max_age,
      coalesce(t.consent ->> 'sale_of_data' = 'false', false)
        or (t.consent ->> g.purpose is null
          and coalesce(nullif(g.settings ->> 'unknown_consent', 'shop'), t.policy) = 'limited') as limited,
      l.state = 'closed' and t.waits is null and t.due <= p_now as sendable,
      trakit.delivery_verdict(p_shop, t.test, t.channel, t.source, t.consent, t.policy, g.purpose, g.test_code,
        g.settings) as verdict
    from timed t
    join trakit.destinations g on g.shop_id = p_shop.id and g.enabled and (g.events is null or t.name = any (g.events))
    join trakit.lanes l on l.destination_id = g.id
  ), numbered as (
    select p.*,
      p.verdict is null and p.sendable
        and row_number() over (partition by p.verdict is null and p.sendable order by p.index, p.id) <= p_slots as leased
    from planned p
  ), written as (
    insert into trakit.deliveries
      (captured_at, event_row, destination_id, shop_id, platform, state, reason, limited, test, waits_for, attempts,
       next_attempt_at, retry_until, lease, attempted_at, settled_at)
    select p_now, n.row, n.id, p_shop.id, n.platform,
      case when n.verdict is null then 'pending' else 'skipped' end, n.verdict, n.limited, n.test_code is not null,
      case when n.verdict is null then n.waits end,
      case when n.leased then 1 else 0 end,
      case when n.verdict is not null then null
        when n.leased then p_now + make_interval(secs => trakit.lease_seconds()) else n.due end,
      -- never past the age the vendor takes
      p_now + least(interval '24 hours', n.max_age),
      case when n.leased then v_lease end,
      case when n.leased then p_now end,
      case when n.verdict is not null then p_now end
    from numbered n
  )
  select jsonb_agg(jsonb_build_object('index', n.index, 'captured_at', p_now, 'event_row', n.row, 'destination_id', n.id,
    'lease', v_lease, 'limited', n.limited))
  into v_sends from numbered n where n.leased;
  return coalesce(v_sends, '[]');
end;
$$;
comment on function trakit.store_events(trakit.shops, jsonb[], integer, timestamptz) is
  'Writes new events [{row, index, policy, signed, digest, event}] with their clients and deliveries, verdicts included, and leases up to p_slots of these. index = its place in the call, policy = what unknown consent means for it.';
grant execute on function trakit.store_events(trakit.shops, jsonb[], integer, timestamptz) to trakit_app;

create function trakit.replan_deliveries(
  p_shop trakit.shops, p_at timestamptz, p_row bigint, p_index integer, p_slots integer, p_now timestamptz
) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_event trakit.events;
  v_policy text;
  v_lease uuid := gen_random_uuid();
  v_sends jsonb;
begin
  select * into v_event from trakit.events e where e.captured_at = p_at and e.id = p_row;
  v_policy := trakit.unknown_consent_policy(p_shop.unknown_consent,
    (select c.country from trakit.event_clients c where c.captured_at = p_at and c.event_row = p_row), p_shop.country);

  -- both copies are here: what is sent or being sent stays, the rest is judged again by what is known now. That includes
  -- what was left out only because the other copy was missing: an order paid after a day, a consent the order did not carry
  update trakit.deliveries d
  set state = case when x.verdict is null then 'pending' else 'skipped' end,
      reason = coalesce(x.verdict, case when d.state = 'pending' then d.reason end),
      settled_at = case when x.verdict is not null then coalesce(d.settled_at, p_now) end,
      -- nothing to wait for any more, but a vendor that asked for time gets it
      next_attempt_at = case when x.verdict is null then case when d.attempts = 0 then p_now else d.next_attempt_at end end,
      retry_until = case when d.state = 'skipped' then greatest(d.retry_until, p_now + least(interval '24 hours', x.max_age))
        else d.retry_until end,
      limited = coalesce(v_event.consent ->> 'sale_of_data' = 'false', false)
        or (v_event.consent ->> x.purpose is null
          and coalesce(nullif(x.settings ->> 'unknown_consent', 'shop'), v_policy) = 'limited'),
      test = x.test_code is not null,
      waits_for = null
  from (
    select g.id, g.purpose, g.test_code, g.max_age, g.settings, trakit.delivery_verdict(p_shop, v_event.test, v_event.channel,
      case when v_event.webhook_at is null then 'browser' else 'webhook' end, v_event.consent, v_policy, g.purpose,
      g.test_code, g.settings) as verdict
    from trakit.destinations g where g.shop_id = p_shop.id
  ) x
  where d.captured_at = p_at and d.event_row = p_row and d.destination_id = x.id
    and (
      (d.state = 'pending' and d.lease is null)
      or (d.state = 'skipped' and d.reason in ('no_order', 'consent_unknown') and x.verdict is null)
    );

  with chosen as (
    select d.destination_id
    from trakit.deliveries d join trakit.lanes l on l.destination_id = d.destination_id
    where d.captured_at = p_at and d.event_row = p_row and d.state = 'pending' and d.lease is null
      and d.next_attempt_at <= p_now and l.state = 'closed'
    order by d.destination_id limit p_slots
  ), leased as (
    update trakit.deliveries d
    set lease = v_lease, next_attempt_at = p_now + make_interval(secs => trakit.lease_seconds()),
        attempts = d.attempts + 1, attempted_at = p_now
    from chosen c
    where d.captured_at = p_at and d.event_row = p_row and d.destination_id = c.destination_id
    returning d.destination_id, d.limited
  )
  select jsonb_agg(jsonb_build_object('index', p_index, 'captured_at', p_at, 'event_row', p_row,
    'destination_id', l.destination_id, 'lease', v_lease, 'limited', l.limited))
  into v_sends from leased l;
  return coalesce(v_sends, '[]');
end;
$$;
comment on function trakit.replan_deliveries(trakit.shops, timestamptz, bigint, integer, integer, timestamptz) is
  'After a second copy came: looks at an event''s unsent deliveries again and leases up to p_slots of them.';
grant execute on function trakit.replan_deliveries(trakit.shops, timestamptz, bigint, integer, integer, timestamptz)
  to trakit_app;
