-- Subject: how captured events are written: new ones with their deliveries, second copies into the stored one.
-- Why: apart from ingest_events, which decides what is new; these write it. What a statement costs before its first row is
-- more than what a row costs, so new events of a call go in one.
-- Locks: none. Undo: drop function trakit.merge_event, trakit.without_customer, trakit.stored_event, trakit.lease_seconds, trakit.with_order,
-- trakit.store_events, trakit.replan_deliveries.

create function trakit.lease_seconds() returns integer language sql immutable as $$ select 30 $$;
comment on function trakit.lease_seconds() is 'How long who stored an event may send it: longer by far than the slowest send.';

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
    'channel', v_order.channel, 'test', v_order.test,
    -- who was folded since is somebody else now
    'visitor', coalesce((
      select a.became from trakit.visitor_aliases a
      where a.shop_id = p_shop_id and a.visitor_id = v_order.visitor_id), v_order.visitor_id),
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

create function trakit.store_events(p_shop trakit.shops, p_new jsonb[], p_slots integer, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_lease uuid := gen_random_uuid();
  v_sends jsonb;
begin
  if cardinality(p_new) = 0 then
    return jsonb '[]';
  end if;
  -- one statement, however many events: what a statement costs before its first row is more than what a row costs
  with new as (
    select n.row, n.index, n.policy, n.signed, n.session, n.digest, n.event, n.event ->> 'name' as name, n.event ->> 'source' as source,
      n.event ->> 'channel' as channel, (n.event ->> 'test')::boolean as test, n.event -> 'consent' as consent,
      (n.event ->> 'visitor')::bigint as visitor_id, n.event -> 'client' as client
    from unnest(p_new) x (item)
    cross join lateral jsonb_to_record(x.item) as n
      (row bigint, index integer, policy text, signed boolean, session text, digest text, event jsonb)
  ), stored as (
    insert into trakit.events
      (captured_at, id, shop_id, name, event_id, occurred_at, browser_at, webhook_at, channel, test, signed, visitor_id,
       session_id, body_digest, page, commerce, identifiers, digests, consent, tags, enriched)
    select p_now, n.row, p_shop.id, n.name, n.event ->> 'event_id', (n.event ->> 'occurred_at')::timestamptz,
      case when n.source = 'browser' then p_now end, case when n.source = 'webhook' then p_now end, n.channel, n.test,
      n.signed, n.visitor_id, n.session, n.digest, n.event -> 'page', n.event -> 'commerce', n.event -> 'identifiers',
      n.event -> 'digests', n.consent, coalesce(n.event -> 'tags', '{}'),
      case when n.event ? 'enriched' then array(select jsonb_array_elements_text(n.event -> 'enriched')) else '{}' end
    from new n
  ), clients as (
    insert into trakit.event_clients
      (captured_at, event_row, shop_id, ip, user_agent, language, city, region, region_code, postal_code, country,
       policy_country)
    select p_now, n.row, p_shop.id, n.client ->> 'ip', n.client ->> 'user_agent', n.client ->> 'language',
      n.client ->> 'city', n.client ->> 'region', n.client ->> 'region_code', n.client ->> 'postal_code',
      n.client ->> 'country', n.client ->> 'policy_country'
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
  'Writes new events [{row, index, policy, signed, session, digest, event}] with their clients and deliveries, verdicts included, and leases up to p_slots of these. index = its place in the call, policy = what unknown consent means for it.';

create function trakit.without_customer(p_event jsonb) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select p_event || jsonb_build_object('digests', '{}'::jsonb, 'identifiers', (p_event -> 'identifiers') - 'customer_id',
    'commerce', (p_event -> 'commerce') - array['customer_orders', 'customer_value', 'customer_currency', 'customer_type'])
$$;
comment on function trakit.without_customer(jsonb) is
  'A browser''s copy without the customer it names and what is known of them. Of its digests none stays: which were theirs is not to be seen.';

create function trakit.merge_event(
  p_shop trakit.shops, p_stored trakit.events, p_event jsonb, p_signed boolean, p_session text, p_digest text,
  p_now timestamptz
) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_instead boolean;
  v_consent jsonb;
  v_counts jsonb;
  v_country text;
  v_place text;
  v_bare boolean;
  v_another boolean;
begin
  if p_stored.name = 'customer_registered' then
    -- An address anybody can type made them one event: it is counted once, and is one copy's word or the other's, never a mix.
    -- The first one's, unless that went nowhere: Shopify's for want of a consent only browsers tell, or a browser's that refused,
    -- which concerns its own copy
    v_instead := case p_event ->> 'source'
        when 'browser' then
          coalesce(p_event #>> '{consent,marketing}' = 'true' or p_event #>> '{consent,analytics}' = 'true', false)
        else p_stored.consent @? '$.* ? (@ == false)' end
      and not exists (
      select from trakit.deliveries d
      where d.shop_id = p_stored.shop_id and d.captured_at = p_stored.captured_at and d.event_row = p_stored.id
        and (d.state = 'pending' or d.attempts > 0));
    update trakit.events e
    set webhook_at = case when p_event ->> 'source' = 'webhook' then p_now else e.webhook_at end,
        browser_at = case when p_event ->> 'source' = 'browser' then p_now else e.browser_at end,
        signed = coalesce(e.signed, p_signed),
        session_id = coalesce(e.session_id, p_session),
        body_digest = coalesce(e.body_digest, p_digest),
        tags = case when v_instead then coalesce(p_event -> 'tags', '{}') else e.tags end,
        visitor_id = case when v_instead then (p_event ->> 'visitor')::bigint else e.visitor_id end,
        page = case when v_instead then p_event -> 'page' else e.page end,
        identifiers = case when v_instead then p_event -> 'identifiers' else e.identifiers end,
        digests = case when v_instead then p_event -> 'digests' else e.digests end,
        consent = case when v_instead then p_event -> 'consent' else e.consent end
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
    if v_instead then
      delete from trakit.event_clients c
      where c.shop_id = p_stored.shop_id and c.captured_at = p_stored.captured_at and c.event_row = p_stored.id;
      insert into trakit.event_clients
      select (jsonb_populate_record(null::trakit.event_clients, (p_event -> 'client') || jsonb_build_object(
        'captured_at', p_stored.captured_at, 'event_row', p_stored.id, 'shop_id', p_stored.shop_id))).*;
    end if;
    return p_event -> 'consent';
  end if;
  -- a token somebody holds made them one event: what one copy refuses is refused for both, and what nobody decided is judged
  -- by where either says the person is
  select c.country, c.policy_country into v_country, v_place from trakit.event_clients c
  where c.shop_id = p_stored.shop_id and c.captured_at = p_stored.captured_at and c.event_row = p_stored.id;
  v_consent := trakit.joined_consent(p_stored.consent, p_event -> 'consent');
  v_counts := trakit.counted_consent(p_shop, v_consent, trakit.policy_for(p_shop, jsonb_build_object(
    'country', case when p_event ->> 'source' = 'webhook' then coalesce(p_event #>> '{client,country}', v_country)
      else coalesce(v_country, p_event #>> '{client,country}') end,
    'policy_country', case when p_event ->> 'source' = 'browser' then coalesce(p_event #>> '{client,policy_country}', v_place)
      else coalesce(v_place, p_event #>> '{client,policy_country}') end)));
  v_bare := coalesce(v_counts ->> 'analytics' = 'false' and v_counts ->> 'marketing' = 'false', false);
  -- whose order it is, Shopify says: who was logged in there before may be somebody else, and nothing of theirs goes with it
  v_another := coalesce(p_event #>> '{identifiers,customer_id}' <> p_stored.customer_id, false);
  if v_another and p_event ->> 'source' = 'browser' then
    p_event := trakit.without_customer(p_event);
  elsif v_another then
    update trakit.events e
    set identifiers = x.event -> 'identifiers', digests = x.event -> 'digests', commerce = x.event -> 'commerce'
    from (select trakit.without_customer(to_jsonb(p_stored)) as event) x
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
  end if;
  -- the webhook wins for money, items and person; the browser gives cookies, click ids, url and user agent, and fills only
  -- what is empty. Stored objects carry no nulls, so || takes from the right what is known there.
  if p_event ->> 'source' = 'webhook' then
    update trakit.events e
    set webhook_at = coalesce(e.webhook_at, p_now),
        visitor_id = coalesce(e.visitor_id, (p_event ->> 'visitor')::bigint),
        occurred_at = (p_event ->> 'occurred_at')::timestamptz,
        channel = p_event ->> 'channel',
        test = (p_event ->> 'test')::boolean,
        page = (p_event -> 'page') || e.page,
        commerce = e.commerce || (p_event -> 'commerce'),
        identifiers = trakit.consented_identifiers((p_event -> 'identifiers') || e.identifiers, v_counts),
        digests = e.digests || (p_event -> 'digests'),
        consent = v_consent
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
  else
    update trakit.events e
    set browser_at = p_now,
        signed = p_signed,
        session_id = p_session,
        body_digest = p_digest,
        tags = e.tags || coalesce(p_event -> 'tags', '{}'),
        visitor_id = coalesce((p_event ->> 'visitor')::bigint, e.visitor_id),
        page = e.page || (p_event -> 'page'),
        commerce = (p_event -> 'commerce') || e.commerce,
        identifiers = trakit.consented_identifiers(e.identifiers || (p_event -> 'identifiers'), v_counts),
        digests = (p_event -> 'digests') || e.digests,
        consent = v_consent
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
  end if;
  -- every purpose is refused: nothing of the person stays but where they are, whatever the other copy brought
  if v_bare then
    update trakit.events e set page = '{}', identifiers = '{}', digests = '{}', visitor_id = null, session_id = null, enriched = '{}'
    where e.captured_at = p_stored.captured_at and e.id = p_stored.id;
    update trakit.event_clients c
    set ip = null, user_agent = null, language = null, city = null, region = null, region_code = null, postal_code = null
    where c.captured_at = p_stored.captured_at and c.event_row = p_stored.id;
    p_event := trakit.as_consented(p_event, v_counts);
  end if;
  insert into trakit.event_clients as c
  select (jsonb_populate_record(null::trakit.event_clients, (p_event -> 'client') || jsonb_build_object(
    'captured_at', p_stored.captured_at, 'event_row', p_stored.id, 'shop_id', p_stored.shop_id))).*
  on conflict (shop_id, captured_at, event_row) do update
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
          else coalesce(c.country, excluded.country) end,
        policy_country = case when p_event ->> 'source' = 'browser' then coalesce(excluded.policy_country, c.policy_country)
          else coalesce(c.policy_country, excluded.policy_country) end;
  return v_counts;
end;
$$;
comment on function trakit.merge_event(trakit.shops, trakit.events, jsonb, boolean, text, text, timestamptz) is
  'Folds the second copy of an event into the stored one (docs/two-copies.md). Returns their consent as it counts for what is stored (counted_consent).';

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
  v_policy := trakit.policy_for(p_shop,
    (select to_jsonb(c) from trakit.event_clients c where c.captured_at = p_at and c.event_row = p_row));

  -- both copies are here: what is sent or being sent stays, the rest is judged again by what is known now. That includes
  -- what was left out only because the other copy was missing: an order paid after a day, a consent the order did not carry,
  -- and what a browser said its page's tag had, which keeps nothing back that Shopify reports
  update trakit.deliveries d
  set state = case when x.verdict is null then 'pending' else 'skipped' end,
      reason = coalesce(x.verdict, case when d.state = 'pending' then d.reason end),
      settled_at = case when x.verdict is not null then coalesce(d.settled_at, p_now) end,
      -- nothing to wait for any more, but a vendor that asked for time gets it
      next_attempt_at = case when x.verdict is null then
        case when d.attempts = 0 then p_now else coalesce(d.next_attempt_at, p_now) end end,
      retry_until = case when d.state <> 'pending' then greatest(d.retry_until, p_now + least(interval '24 hours', x.max_age))
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
  where d.shop_id = p_shop.id and d.captured_at = p_at and d.event_row = p_row and d.destination_id = x.id
    and (
      (d.state = 'pending' and d.lease is null)
      or (d.state = 'skipped' and d.reason in ('no_order', 'consent_unknown') and x.verdict is null)
      -- the one event whose copies do not share a refusal
      or (d.state = 'skipped' and v_event.name = 'customer_registered' and d.reason in ('consent_denied', 'sale_refused')
        and x.verdict is null)
      or (d.state in ('skipped', 'failed') and d.reason in ('sent_by_tag', 'past_dedup_window') and x.verdict is null
        and v_event.webhook_at is not null)
    );

  with chosen as (
    select d.destination_id
    from trakit.deliveries d join trakit.lanes l on l.destination_id = d.destination_id
    where d.shop_id = p_shop.id and d.captured_at = p_at and d.event_row = p_row and d.state = 'pending' and d.lease is null
      and d.next_attempt_at <= p_now and l.state = 'closed'
    order by d.destination_id limit p_slots
  ), leased as (
    update trakit.deliveries d
    set lease = v_lease, next_attempt_at = p_now + make_interval(secs => trakit.lease_seconds()),
        attempts = d.attempts + 1, attempted_at = p_now
    from chosen c
    where d.shop_id = p_shop.id and d.captured_at = p_at and d.event_row = p_row and d.destination_id = c.destination_id
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
