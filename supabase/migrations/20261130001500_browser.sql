-- Subject: what browsers send. ingest_browser_events goes before ingest_events: who sends, how much, and what only a
-- browser's copy needs. Webhooks do not pass here, so their path stays as short as it is.
-- Why: still one network round trip. Locks are taken in one order for all: sender's counters, carts, then what
-- ingest_events takes.
-- What a browser is answered does not depend on what is known: ids of orders and of registrations can be guessed, so
-- `merged` and `duplicate` would tell who registered and which order exists: the function that called keeps them to itself.
-- Only a session's own events change an answer, its repeats and second bodies, and these are remembered also where the event
-- is somebody else's (session_events): else who sends a guess twice would learn from the second answer what the first hid.
-- Locks: none. Undo: drop function trakit.ingest_browser_events, trakit.shed_events, trakit.own_events, trakit.note_own_events,
-- trakit.open_session; drop table trakit.session_events.

create table trakit.session_events (
  shop_id uuid not null,
  event bytea not null,
  body bytea not null,
  expires_at timestamptz not null,
  constraint session_events_pkey primary key (shop_id, event)
);
create index session_events_by_expiry on trakit.session_events (expires_at);

comment on table trakit.session_events is 'What a session signed under the id of an event that is not its own, so that it is answered as if it were. Kept for two days: no session and no token is taken for longer.';
comment on column trakit.session_events.shop_id is 'Shop it was for.';
comment on column trakit.session_events.event is 'SHA-256 of session, name and event id: nobody reads here who tried what.';
comment on column trakit.session_events.body is 'SHA-256 of session and the body''s digest.';
comment on column trakit.session_events.expires_at is 'When it is forgotten.';

call trakit.isolate_by_shop('trakit.session_events');

create function trakit.own_events(p_shop_id uuid, p_events jsonb) returns text[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_own text[];
begin
  select array_agg(case
      when i.session is null then null
      -- what it said first: in the event's row where that is its own, else beside it, else in this very call
      when coalesce(stored.body_digest = i.digest, noted.body = sha256(convert_to(i.session || ':' || i.digest, 'utf8')),
        case when i.nth > 1 then i.first = i.digest end) then 'repeat'
      when stored.body_digest is not null or noted.body is not null or i.nth > 1 then 'second_body'
    end order by i.ord) into v_own
  from (
    select e.ord, e.item ->> 'session' as session, e.item ->> 'digest' as digest,
      concat_ws(':', e.item #>> '{event,name}', e.item #>> '{event,event_id}') as id,
      first_value(e.item ->> 'digest') over same as first, row_number() over same as nth
    from jsonb_array_elements(p_events) with ordinality e (item, ord)
    window same as (partition by e.item ->> 'session', e.item #>> '{event,name}', e.item #>> '{event,event_id}' order by e.ord)
  ) i
  left join lateral (
    select k.captured_at, k.event_row from trakit.event_keys k
    where i.session is not null and k.shop_id = p_shop_id and k.key = 'event:' || i.id limit 1
  ) k on true
  left join lateral (
    select x.body_digest from trakit.events x
    where x.captured_at = k.captured_at and x.id = k.event_row and x.session_id = i.session limit 1
  ) stored on true
  left join lateral (
    select n.body from trakit.session_events n
    where i.session is not null and n.shop_id = p_shop_id
      and n.event = sha256(convert_to(i.session || ':' || i.id, 'utf8')) limit 1
  ) noted on true;
  return v_own;
end;
$$;
comment on function trakit.own_events(uuid, jsonb) is
  'Of each event of a call, in order: repeat or second_body where its session said it before, with the same or another body; else null. p_events as for ingest_events.';

create function trakit.note_own_events(
  p_shop_id uuid, p_events jsonb, p_own text[], p_results jsonb, p_now timestamptz
) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
begin
  if p_results @? '$[*] ? (@.status == "duplicate")' then
    insert into trakit.session_events as n (shop_id, event, body, expires_at)
    select p_shop_id,
      sha256(convert_to(concat_ws(':', e.item ->> 'session', e.item #>> '{event,name}', e.item #>> '{event,event_id}'), 'utf8')),
      sha256(convert_to((e.item ->> 'session') || ':' || (e.item ->> 'digest'), 'utf8')), p_now + interval '2 days'
    from jsonb_array_elements(p_events) with ordinality e (item, ord)
    where e.item ->> 'session' is not null and p_own[e.ord] is null
      and p_results #>> array[(e.ord - 1)::text, 'status'] = 'duplicate'
    -- in one order for all, so that calls with the same events do not wait for each other in a circle
    order by 2
    on conflict (shop_id, event) do nothing;
  end if;
  return coalesce((
    select jsonb_agg(case
        when p_own[r.ord] = 'repeat' then r.result || jsonb '{"own": true}' else r.result
      end order by r.ord)
    from jsonb_array_elements(p_results) with ordinality r (result, ord)), '[]');
end;
$$;
comment on function trakit.note_own_events(uuid, jsonb, text[], jsonb, timestamptz) is
  'After ingest_events: remembers what sessions signed under ids of events that are not theirs, and returns the results with "own": true where p_own (own_events) says that a session repeats itself. Of the others a browser is told no more than that they were taken.';

create function trakit.shed_events(
  p_shop trakit.shops, p_events jsonb, p_others boolean, p_now timestamptz
) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_over text[] := array[]::text[];
  v_session record;
  v_events jsonb;
  v_shed integer;
begin
  for v_session in
    select coalesce(e.item ->> 'session', '') as id, count(*)::integer as events
    from jsonb_array_elements(p_events) e (item)
    where e.item #>> '{event,name}' like 'checkout\_%'
    group by 1 order by 1
  loop
    if trakit.count_sender(p_shop.id, 'checkout:' || v_session.id, v_session.events, p_shop.events_per_minute, p_now)
      is not null
    then
      v_over := v_over || v_session.id;
    end if;
  end loop;
  select jsonb_agg(case when x.over then e.item || jsonb '{"turned_away": "rate_limited"}' else e.item end order by e.ord),
    -- the others were counted with their sender
    count(*) filter (where x.over and x.checkout)
  into v_events, v_shed
  from jsonb_array_elements(p_events) with ordinality e (item, ord)
  cross join lateral (
    select c.checkout, case when c.checkout then coalesce(e.item ->> 'session', '') = any (v_over) else p_others end as over
    from (select e.item #>> '{event,name}' like 'checkout\_%' as checkout) c
  ) x;
  if v_shed > 0 then
    perform trakit.count_refusals(p_shop.id, 'proxy', jsonb_build_object('rate_limited', v_shed), p_now);
  end if;
  return v_events;
end;
$$;
comment on function trakit.shed_events(trakit.shops, jsonb, boolean, timestamptz) is
  'Marks what is too much as turned away, of events as for ingest_events: with p_others all but the copies of checkouts, and of these what one session, or all that are unsigned, said too often.';

create function trakit.ingest_browser_events(
  p_shop text, p_events jsonb, p_slots integer, p_refused jsonb, p_sender jsonb, p_fired jsonb default '[]',
  p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_shop trakit.shops;
  v_events jsonb := p_events;
  v_refused jsonb := p_refused;
  v_refusal jsonb;
  v_checkouts jsonb;
  v_result jsonb;
  v_own text[];
  v_second integer := 0;
  v_adds boolean;
  v_fired record;
begin
  perform set_config('trakit.shop_domain', p_shop, true), set_config('trakit.shop_id', '', true);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null or v_shop.status <> 'active' then
    return trakit.ingest_events(p_shop, p_events, 0, 'proxy', p_refused, p_now);
  end if;
  perform set_config('trakit.shop_id', v_shop.id::text, true);
  -- copies of checkouts are counted apart, by the session that signed them: no flood of anybody else's turns one away
  v_checkouts := jsonb_path_query_array(p_events, '$[*].event.name ? (@ starts with "checkout_")');
  v_refusal := trakit.sender_refusal(v_shop, p_sender, 'events',
    (p_sender ->> 'events')::integer - jsonb_array_length(v_checkouts), p_now);
  if v_refusal ->> 'refused' = 'foreign_origin' or (v_refusal is not null and v_checkouts = '[]') then
    return v_refusal;
  end if;
  if v_refusal is not null or v_checkouts <> '[]' then
    v_events := trakit.shed_events(v_shop, p_events, v_refusal is not null, p_now);
  end if;

  -- another body under an id that is its own: one of the two is not what the session meant
  v_own := trakit.own_events(v_shop.id, v_events);
  if 'second_body' = any (v_own) then
    for v_i in 1..cardinality(v_own) loop
      continue when v_own[v_i] is distinct from 'second_body';
      v_events := jsonb_set(v_events, array[(v_i - 1)::text, 'turned_away'], '"second_body"');
      v_second := v_second + 1;
    end loop;
    v_refused := v_refused || jsonb_build_object('second_body',
      coalesce((v_refused ->> 'second_body')::bigint, 0) + v_second);
  end if;

  v_adds := p_events @? '$[*].event ? (@.name == "product_added_to_cart" && @.commerce.cart_token != null)';
  if v_adds then
    v_events := trakit.match_adds(v_shop.id, v_events);
  end if;
  v_result := trakit.ingest_events(p_shop, v_events, p_slots, 'proxy', v_refused, p_now);
  if v_adds then
    v_result := jsonb_set(v_result, '{results}', trakit.note_adds(v_shop.id, v_events, v_result -> 'results'));
  end if;

  v_result := jsonb_set(v_result, '{results}',
    trakit.note_own_events(v_shop.id, v_events, v_own, v_result -> 'results', p_now));

  -- tags that fired after their event was sent: the word of the session whose event it is, and not of before it happened
  for v_fired in
    select k.captured_at, k.event_row, f.item
    from jsonb_array_elements(case when v_refusal is null then p_fired else '[]' end) f (item)
    cross join lateral (
      select k.captured_at, k.event_row from trakit.event_keys k
      where k.shop_id = v_shop.id and k.key = concat_ws(':', 'event', f.item ->> 'name', f.item ->> 'event_id') limit 1
    ) k
    order by k.captured_at, k.event_row
  loop
    update trakit.events e
    set tags = (
      select jsonb_object_agg(p.platform, greatest((v_fired.item ->> 'at')::timestamptz, e.occurred_at))
      from jsonb_array_elements_text(v_fired.item -> 'platforms') p (platform)) || e.tags
    where e.captured_at = v_fired.captured_at and e.id = v_fired.event_row and e.session_id = v_fired.item ->> 'session';
  end loop;

  return v_result || jsonb_build_object('purposes', trakit.allowed_purposes(v_shop, p_sender -> 'consent', p_sender ->> 'country'),
    'hosts', to_jsonb(v_shop.hosts), 'cookie_lifetime_days', v_shop.cookie_lifetime_days);
end;
$$;
comment on function trakit.ingest_browser_events(text, jsonb, integer, jsonb, jsonb, jsonb, timestamptz) is
  'ingest_events for what browsers send: refuses foreign origins and floods (but copies of checkouts), second bodies of one session under one id, marks what a session repeats of its own, and notes which browser tags fired, [{name, event_id, session, platforms, at}]. p_sender = {"prefix", "signed", "origin", "events": what it costs to store, "consent"}.';

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
  v_refusal := trakit.sender_refusal(v_shop, p_sender, 'session', 1, p_now);
  if v_refusal is not null then
    return v_refusal;
  end if;
  if p_visit -> 'refused' <> '{}' then
    perform trakit.count_refusals(v_shop.id, 'proxy', p_visit -> 'refused', p_now);
  end if;
  if v_host is not null and v_host <> v_shop.domain then
    v_shop.hosts := trakit.learn_host(v_shop, v_host, false, p_now);
  end if;

  v_purposes := trakit.allowed_purposes(v_shop, v_consent, p_sender ->> 'country');
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
  'Begins a browser''s visit: identifiers its ids lead to, what its consent allows, and the shop''s settings for the script. p_visit = {"keys": {"visitor", "client", "customer"}, "host": host Shopify signed for or null, "refused": {"reason": n}}, p_sender as in ingest_browser_events.';
