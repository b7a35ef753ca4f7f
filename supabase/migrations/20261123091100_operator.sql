-- Subject: what the command line and the admin API change: shops, destinations, tokens; and how they look at a shop.
-- Why: even the operator's tools touch no table; each of these is bound to one shop, named by domain.
-- Locks: none. Undo: drop the functions.

create function trakit.add_shop(p_domain text, p_country text default null, p_settings jsonb default '{}', p_now timestamptz default now())
returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
  v_new boolean := v_shop is null;
  v_row trakit.shops;
begin
  if v_new then
    insert into trakit.shops (domain, country, created_at, updated_at, installed_at)
    values (p_domain, p_country, p_now, p_now, p_now)
    on conflict (domain) do nothing;
    v_shop := trakit.bind_shop(p_domain, null);
  end if;
  update trakit.shops s
  set status = 'active', uninstalled_at = null,
      installed_at = case when s.status = 'active' then s.installed_at else p_now end,
      country = coalesce(p_country, s.country),
      order_topic = coalesce(p_settings ->> 'order_topic', s.order_topic),
      test_orders = coalesce(p_settings ->> 'test_orders', s.test_orders),
      excluded_channels = case when p_settings ? 'excluded_channels'
        then array(select jsonb_array_elements_text(p_settings -> 'excluded_channels')) else s.excluded_channels end,
      unknown_consent = case when p_settings ? 'unknown_consent' then p_settings ->> 'unknown_consent' else s.unknown_consent end,
      grace_seconds = coalesce((p_settings ->> 'grace_seconds')::integer, s.grace_seconds),
      unsigned_events = coalesce((p_settings ->> 'unsigned_events')::boolean, s.unsigned_events),
      hosts = case when p_settings ? 'hosts' then array(select jsonb_array_elements_text(p_settings -> 'hosts')) else s.hosts end,
      first_party = case when p_settings ? 'first_party' then p_settings ->> 'first_party' else s.first_party end,
      cookie_lifetime_days = coalesce((p_settings ->> 'cookie_lifetime_days')::integer, s.cookie_lifetime_days),
      browser_tags = coalesce(p_settings -> 'browser_tags', s.browser_tags),
      events_per_minute = coalesce((p_settings ->> 'events_per_minute')::integer, s.events_per_minute),
      updated_at = p_now
  where s.id = v_shop
  returning * into v_row;
  return to_jsonb(v_row) || jsonb_build_object('new', v_new);
end;
$$;
comment on function trakit.add_shop(text, text, jsonb, timestamptz) is
  'Adds a shop or changes its settings (only those named); brings an uninstalled one back. Returns the row and whether it is new.';

create function trakit.find_shop(p_domain text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
begin
  return (select to_jsonb(s) from trakit.shops s where s.id = v_shop);
end;
$$;
comment on function trakit.find_shop(text) is 'One shop by domain; null = no such shop.';

create function trakit.set_destination(
  p_domain text, p_platform text, p_purpose text, p_max_age_ms bigint, p_settings jsonb, p_enabled boolean, p_events text[],
  p_test_code text, p_sealed text, p_last_four text, p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain);
  v_id uuid;
  v_has_token boolean;
begin
  if v_shop is null then
    return null;
  end if;
  insert into trakit.destinations as d
    (shop_id, platform, enabled, settings, events, purpose, max_age, test_code, created_at, updated_at)
  values (v_shop, p_platform, p_enabled, p_settings, p_events, p_purpose, make_interval(secs => p_max_age_ms / 1000.0),
    p_test_code, p_now, p_now)
  on conflict (shop_id, platform) do update
    set enabled = excluded.enabled, settings = excluded.settings, events = excluded.events, purpose = excluded.purpose,
        max_age = excluded.max_age, test_code = excluded.test_code, updated_at = p_now
  returning d.id into v_id;
  if p_sealed is not null then
    insert into trakit.destination_secrets as s (destination_id, shop_id, sealed, last_four, updated_at)
    values (v_id, v_shop, p_sealed, p_last_four, p_now)
    on conflict (destination_id) do update
      set sealed = excluded.sealed, last_four = excluded.last_four, version = s.version + 1, updated_at = p_now;
  end if;
  v_has_token := exists (select from trakit.destination_secrets s where s.destination_id = v_id);
  insert into trakit.lanes as l (destination_id, shop_id, state, reason, changed_at)
  values (v_id, v_shop, case when v_has_token then 'closed' else 'held' end, case when v_has_token then null else 'no_token' end, p_now)
  on conflict (destination_id) do update
    -- a new token ends the hold, and what waited is due at once; no delivery row is rewritten
    set state = 'closed', reason = null, changed_at = p_now, probe_at = null, probe_seconds = null, flush_before = p_now,
        released_at = case when l.state = 'held' then p_now else l.released_at end
    where p_sealed is not null and l.state <> 'closed';
  return jsonb_build_object('destination_id', v_id, 'shop_id', v_shop, 'platform', p_platform, 'enabled', p_enabled,
    'settings', p_settings, 'test_code', p_test_code,
    'last_four', (select s.last_four from trakit.destination_secrets s where s.destination_id = v_id),
    'lane', (select l.state from trakit.lanes l where l.destination_id = v_id));
end;
$$;
comment on function trakit.set_destination(text, text, text, bigint, jsonb, boolean, text[], text, text, text, timestamptz) is
  'Sets up or changes a destination of a shop (by domain). p_sealed null keeps the token there is. Null = no such active shop.';

create function trakit.list_destinations(p_domain text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if trakit.bind_shop(p_domain, null) is null then
    return null;
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object(
      'destination_id', d.id, 'platform', d.platform, 'enabled', d.enabled, 'settings', d.settings, 'events', d.events,
      'test_code', d.test_code, 'last_four', s.last_four, 'lane', l.state, 'lane_reason', l.reason,
      'lane_since', l.changed_at) order by d.platform)
    from trakit.destinations d
    join trakit.lanes l on l.destination_id = d.id
    left join trakit.destination_secrets s on s.destination_id = d.id
  ), '[]');
end;
$$;
comment on function trakit.list_destinations(text) is 'A shop''s destinations with the last characters of their tokens and their lanes; null = no such shop.';

create function trakit.tail_deliveries(p_domain text, p_since timestamptz, p_limit integer default 200) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
begin
  if v_shop is null then
    return null;
  end if;
  return coalesce((
    select jsonb_agg(x.row order by x.captured_at, x.id)
    from (
      select e.captured_at, e.id, jsonb_build_object(
        'captured_at', e.captured_at, 'event_row', e.id, 'name', e.name, 'event_id', e.event_id, 'channel', e.channel,
        'browser', e.browser_at is not null, 'webhook', e.webhook_at is not null, 'test', e.test,
        'order_name', e.commerce ->> 'order_name', 'total', e.commerce ->> 'total', 'currency', e.commerce ->> 'currency',
        'deliveries', coalesce((
          select jsonb_agg(jsonb_build_object(
            'platform', d.platform, 'state', d.state, 'reason', d.reason, 'detail', d.detail, 'http_status', d.http_status,
            'attempts', d.attempts, 'next_attempt_at', d.next_attempt_at, 'settled_at', d.settled_at,
            'request_ms', d.request_ms,
            'latency_ms', case when d.state = 'delivered' then
              round(extract(epoch from d.settled_at - e.captured_at) * 1000) end) order by d.platform)
          from trakit.deliveries d where d.captured_at = e.captured_at and d.event_row = e.id
        ), '[]')) as row
      from trakit.events e
      where e.shop_id = v_shop
        and (e.captured_at > p_since or exists (
          select from trakit.deliveries d
          where d.captured_at = e.captured_at and d.event_row = e.id and greatest(d.settled_at, d.attempted_at) > p_since
            and e.captured_at > p_since - interval '1 hour'))
      order by e.captured_at desc limit p_limit
    ) x
  ), '[]');
end;
$$;
comment on function trakit.tail_deliveries(text, timestamptz, integer) is
  'Newest events of a shop since a moment (or whose deliveries moved since), with their deliveries; null = no such shop.';

create function trakit.shop_status(p_domain text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
begin
  if v_shop is null then
    return null;
  end if;
  return jsonb_build_object(
    'shop', (select to_jsonb(s) from trakit.shops s where s.id = v_shop),
    'destinations', trakit.list_destinations(p_domain),
    'last_24_hours', coalesce((
      select jsonb_agg(jsonb_build_object('platform', x.platform, 'state', x.state, 'reason', x.reason, 'count', x.count)
        order by x.platform, x.state, x.count desc)
      from (
        select d.platform, d.state, d.reason, count(*) as count
        from trakit.deliveries d where d.captured_at > p_now - interval '24 hours'
        group by d.platform, d.state, d.reason
      ) x), '[]'),
    'refusals', coalesce((
      select jsonb_agg(jsonb_build_object('day', x.day, 'place', x.place, 'reason', x.reason, 'count', x.count)
        order by x.day desc, x.count desc)
      from (
        select r.day, r.place, r.reason, sum(r.count)::bigint as count
        from trakit.refusals r where r.day > (p_now at time zone 'utc')::date - 7
        group by r.day, r.place, r.reason
      ) x), '[]'),
    'quarantined', (select count(*) from trakit.quarantine));
end;
$$;
comment on function trakit.shop_status(text, timestamptz) is 'One shop at a glance: settings, lanes, what became of a day''s deliveries, refusals, quarantine; null = no such shop.';
