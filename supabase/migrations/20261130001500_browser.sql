-- Subject: what browsers send. ingest_browser_events goes before ingest_events: who sends, how much, and what only a
-- browser's copy needs. Webhooks do not pass here, so their path stays as short as it is.
-- Why: still one network round trip. Locks are taken in one order for all: sender's counters, carts, then what
-- ingest_events takes.
-- Locks: none. Undo: drop function trakit.ingest_browser_events, trakit.open_session.

create function trakit.ingest_browser_events(
  p_shop text, p_events jsonb, p_slots integer, p_refused jsonb, p_sender jsonb, p_fired jsonb default '[]',
  p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_shop trakit.shops;
  v_events jsonb := p_events;
  v_refused jsonb := p_refused;
  v_refusal jsonb;
  v_result jsonb;
  v_second bigint[];
  v_adds boolean;
  v_fired record;
begin
  perform set_config('trakit.shop_domain', p_shop, true), set_config('trakit.shop_id', '', true);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null or v_shop.status <> 'active' then
    return trakit.ingest_events(p_shop, p_events, 0, 'proxy', p_refused, p_now);
  end if;
  perform set_config('trakit.shop_id', v_shop.id::text, true);
  v_refusal := trakit.sender_refusal(v_shop, p_sender, (p_sender ->> 'events')::integer, p_now);
  if v_refusal is not null then
    return v_refusal;
  end if;

  -- another body under an id that is taken: whoever signed the first one did not sign this
  select array_agg(e.ord) into v_second
  from jsonb_array_elements(p_events) with ordinality e (item, ord)
  cross join lateral (
    select k.captured_at, k.event_row from trakit.event_keys k
    where k.shop_id = v_shop.id
      and k.key = concat_ws(':', 'event', e.item #>> '{event,name}', e.item #>> '{event,event_id}') limit 1
  ) k
  cross join lateral (
    select x.body_digest from trakit.events x where x.captured_at = k.captured_at and x.id = k.event_row limit 1
  ) x
  where x.body_digest is not null and x.body_digest is distinct from e.item ->> 'digest';
  -- or that the first of this call takes, where nobody had it before
  if jsonb_array_length(p_events) > 1 then
    select v_second || coalesce(array_agg(b.ord), '{}') into v_second
    from (
      select distinct on (e.item #>> '{event,name}', e.item #>> '{event,event_id}') e.item, e.ord
      from jsonb_array_elements(p_events) with ordinality e (item, ord)
      order by e.item #>> '{event,name}', e.item #>> '{event,event_id}', e.ord
    ) a
    join jsonb_array_elements(p_events) with ordinality b (item, ord)
      on b.ord > a.ord and b.item #>> '{event,event_id}' = a.item #>> '{event,event_id}'
        and b.item #>> '{event,name}' = a.item #>> '{event,name}'
    where a.item ->> 'digest' is not null and a.item ->> 'digest' is distinct from b.item ->> 'digest'
      and a.ord <> all (coalesce(v_second, '{}')) and not exists (
        select from trakit.event_keys k
        where k.shop_id = v_shop.id
          and k.key = concat_ws(':', 'event', a.item #>> '{event,name}', a.item #>> '{event,event_id}'));
  end if;
  if cardinality(v_second) > 0 then
    for v_i in 1..cardinality(v_second) loop
      v_events := jsonb_set(v_events, array[(v_second[v_i] - 1)::text, 'turned_away'], '"second_body"');
    end loop;
    v_refused := v_refused || jsonb_build_object('second_body',
      coalesce((v_refused ->> 'second_body')::bigint, 0) + cardinality(v_second));
  end if;

  v_adds := p_events @? '$[*].event ? (@.name == "product_added_to_cart" && @.commerce.cart_token != null)';
  if v_adds then
    v_events := trakit.match_adds(v_shop.id, v_events);
  end if;
  v_result := trakit.ingest_events(p_shop, v_events, p_slots, 'proxy', v_refused, p_now);
  if v_adds then
    v_result := jsonb_set(v_result, '{results}', trakit.note_adds(v_shop.id, v_events, v_result -> 'results'));
  end if;

  -- tags that fired after their event was sent
  for v_fired in
    select k.captured_at, k.event_row, f.item
    from jsonb_array_elements(p_fired) f (item)
    cross join lateral (
      select k.captured_at, k.event_row from trakit.event_keys k
      where k.shop_id = v_shop.id and k.key = concat_ws(':', 'event', f.item ->> 'name', f.item ->> 'event_id') limit 1
    ) k
    order by k.captured_at, k.event_row
  loop
    update trakit.events e
    set tags = (
      select jsonb_object_agg(p.platform, v_fired.item -> 'at')
      from jsonb_array_elements_text(v_fired.item -> 'platforms') p (platform)) || e.tags
    where e.captured_at = v_fired.captured_at and e.id = v_fired.event_row;
  end loop;

  return v_result || jsonb_build_object('purposes', trakit.allowed_purposes(v_shop, p_sender -> 'consent'),
    'hosts', to_jsonb(v_shop.hosts), 'cookie_lifetime_days', v_shop.cookie_lifetime_days);
end;
$$;
comment on function trakit.ingest_browser_events(text, jsonb, integer, jsonb, jsonb, jsonb, timestamptz) is
  'ingest_events for what browsers send: refuses foreign origins and floods, second bodies under one id, and notes which browser tags fired. p_sender = {"prefix", "origin", "events": how many the request held, "consent"}.';

create function trakit.open_session(
  p_shop text, p_visit jsonb, p_sender jsonb, p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_shop trakit.shops;
  v_refusal jsonb;
  v_consent jsonb := p_sender -> 'consent';
  v_host text := p_visit ->> 'host';
  v_known jsonb := jsonb '{}';
  v_purposes jsonb;
begin
  perform set_config('trakit.shop_domain', p_shop, true), set_config('trakit.shop_id', '', true);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null or v_shop.status <> 'active' then
    return trakit.ingest_events(p_shop, '[]', 0, 'proxy', '{}', p_now);
  end if;
  perform set_config('trakit.shop_id', v_shop.id::text, true);
  v_refusal := trakit.sender_refusal(v_shop, p_sender, 1, p_now);
  if v_refusal is not null then
    return v_refusal;
  end if;
  if p_visit -> 'refused' <> '{}' then
    perform trakit.count_refusals(v_shop.id, 'proxy', p_visit -> 'refused', p_now);
  end if;
  if v_host is not null and v_host <> v_shop.domain and v_host <> all (v_shop.hosts) and cardinality(v_shop.hosts) < 50 then
    update trakit.shops s set hosts = s.hosts || v_host, updated_at = p_now
    where s.id = v_shop.id and v_host <> all (s.hosts) and cardinality(s.hosts) < 50;
    v_shop.hosts := v_shop.hosts || v_host;
  end if;

  v_purposes := trakit.allowed_purposes(v_shop, v_consent);
  if (v_purposes ->> 'analytics')::boolean or (v_purposes ->> 'marketing')::boolean then
    -- found by what only this browser, or Shopify, can say; the most recently seen value wins
    select coalesce(jsonb_object_agg(i.key, i.value order by v.last_seen_at, v.id), '{}') into v_known
    from jsonb_each_text(p_visit -> 'keys') k
    cross join lateral (
      select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
      where x.shop_id = v_shop.id and x.kind = k.key and x.key = k.value limit 1
    ) l
    join trakit.visitors v on v.shop_id = v_shop.id and v.id = l.visitor_id
    cross join lateral jsonb_each(v.identifiers) i
    where l.joined <= 20;
  end if;
  if v_consent ->> 'marketing' = 'false' or v_consent ->> 'analytics' = 'false' then
    perform trakit.withdraw_consent(v_shop.id, p_visit -> 'keys', v_consent, p_now);
  end if;

  return jsonb_build_object(
    'shop', 'active', 'visitor', v_known, 'purposes', v_purposes, 'hosts', to_jsonb(v_shop.hosts),
    'cookie_lifetime_days', v_shop.cookie_lifetime_days,
    'config', jsonb_build_object(
      'cookie_lifetime_days', v_shop.cookie_lifetime_days, 'first_party', v_shop.first_party,
      'unsigned', v_shop.unsigned_events,
      'tags', coalesce((
        select jsonb_object_agg(d.platform, jsonb_build_object(
          'mode', coalesce(v_shop.browser_tags ->> d.platform, 'share'), 'id', d.settings -> 'id'))
        from trakit.destinations d
        where d.shop_id = v_shop.id and d.enabled and coalesce(v_shop.browser_tags ->> d.platform, 'share') <> 'off'), '{}')));
end;
$$;
comment on function trakit.open_session(text, jsonb, jsonb, timestamptz) is
  'Begins a browser''s visit: identifiers its strong keys lead to, what its consent allows, and the shop''s settings for the script. p_visit = {"keys": {"visitor", "client", "customer"}, "host": host Shopify signed for or null, "refused": {"reason": n}}, p_sender as in ingest_browser_events.';
