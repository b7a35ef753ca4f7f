-- Subject: what the command line does: adding and finding shops, looking at one, and sealing everything with the newest key.
-- Why: even the operator's tools touch no table; each of these is bound to one shop, named by domain (list_shops apart, which
-- names them). A key is taken out of the ring only when nothing is sealed with it. What is sealed is opened and sealed again
-- outside the database (trakit keys rotate) while all is in use; here it is listed, and replaced only where it is still the
-- one that was listed, so that a token entered meanwhile wins. Shops' public keys are derived from the newest key, so web
-- pixels are due to be told.
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

create function trakit.list_shops() returns table (id uuid, domain text, status text, created_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id, s.domain, s.status, s.created_at from trakit.shops s order by s.domain
$$;
comment on function trakit.list_shops() is 'All shops, for the operator''s command line.';

create function trakit.shop_status(p_domain text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
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
        from trakit.deliveries d where d.shop_id = v_shop and d.captured_at > p_now - interval '24 hours'
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
    'quarantined', (select count(*) from trakit.quarantine),
    'unreadable_orders', coalesce((
      select jsonb_agg(jsonb_build_object('order_id', x.order_id, 'day', x.day, 'reason', x.reason) order by x.day desc, x.order_id)
      from (
        select o.order_id, o.day, o.reason from trakit.reconciled_orders o
        where o.shop_id = v_shop and o.found = 'unreadable' order by o.day desc, o.order_id limit 50
      ) x), '[]'));
end;
$$;
comment on function trakit.shop_status(text, timestamptz) is 'One shop at a glance: settings, lanes, what became of a day''s deliveries, refusals, quarantine, orders at Shopify that could not be read; null = no such shop.';

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
          from trakit.deliveries d where d.shop_id = e.shop_id and d.captured_at = e.captured_at and d.event_row = e.id
        ), '[]')) as row
      from trakit.events e
      where e.shop_id = v_shop
        and (e.captured_at > p_since or exists (
          select from trakit.deliveries d
          where d.shop_id = e.shop_id and d.captured_at = e.captured_at and d.event_row = e.id
            and greatest(d.settled_at, d.attempted_at) > p_since
            and e.captured_at > p_since - interval '1 hour'))
      order by e.captured_at desc limit p_limit
    ) x
  ), '[]');
end;
$$;
comment on function trakit.tail_deliveries(text, timestamptz, integer) is
  'Newest events of a shop since a moment (or whose deliveries moved since), with their deliveries; null = no such shop.';

create function trakit.list_seals(
  p_domain text, p_newest text, p_after_place text default '', p_after_id text default '', p_limit integer default 500
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
begin
  if v_shop is null then
    return null;
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('place', y.place, 'id', y.id, 'of', y.of, 'sealed', y.sealed) order by y.place, y.id)
    from (select x.* from (
      select 'destination' as place, s.destination_id::text as id, d.platform as of, s.sealed
      from trakit.destination_secrets s join trakit.destinations d on d.id = s.destination_id
      where s.shop_id = v_shop
      union all
      select 'setting', s.destination_id || ' ' || s.name, d.platform || ' ' || s.name, s.sealed
      from trakit.sealed_settings s join trakit.destinations d on d.id = s.destination_id
      where s.shop_id = v_shop
      union all
      select 'grant', g.destination_id::text, d.platform, g.sealed_renewal
      from trakit.destination_grants g join trakit.destinations d on d.id = g.destination_id
      where g.shop_id = v_shop
      union all
      select 'quarantine', q.id::text, q.webhook_id, q.sealed_body from trakit.quarantine q where q.shop_id = v_shop
      union all
      select 'access', i.shop_id::text, 'access', i.sealed_access from trakit.installations i where i.shop_id = v_shop
      union all
      select 'refresh', i.shop_id::text, 'refresh', i.sealed_refresh from trakit.installations i where i.shop_id = v_shop
    ) x
    where x.sealed is not null and split_part(x.sealed, '.', 2) <> p_newest and (x.place, x.id) > (p_after_place, p_after_id)
    order by x.place, x.id limit p_limit) y), '[]');
end;
$$;
comment on function trakit.list_seals(text, text, text, text, integer) is
  'What a shop has that is not sealed with the newest key, by place and id, from after a place and id on: [{"place": destination | setting | grant | quarantine | access | refresh, "id", "of": platform (and setting) or webhook id, "sealed"}]; null = no such shop.';

create function trakit.replace_seal(
  p_domain text, p_place text, p_id text, p_old text, p_sealed text, p_now timestamptz default now()
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
begin
  case p_place
    when 'destination' then
      update trakit.destination_secrets s set sealed = p_sealed, updated_at = p_now
      where s.shop_id = v_shop and s.destination_id::text = p_id and s.sealed = p_old;
    when 'setting' then
      update trakit.sealed_settings s set sealed = p_sealed, updated_at = p_now
      where s.shop_id = v_shop and s.destination_id || ' ' || s.name = p_id and s.sealed = p_old;
    when 'grant' then
      update trakit.destination_grants g set sealed_renewal = p_sealed, updated_at = p_now
      where g.shop_id = v_shop and g.destination_id::text = p_id and g.sealed_renewal = p_old;
    when 'quarantine' then
      update trakit.quarantine q set sealed_body = p_sealed
      where q.shop_id = v_shop and q.id::text = p_id and q.sealed_body = p_old;
    when 'access' then
      update trakit.installations i set sealed_access = p_sealed, updated_at = p_now
      where i.shop_id = v_shop and i.sealed_access = p_old;
    when 'refresh' then
      -- not while somebody is trading it in: the pair they bring is sealed with their newest key anyway
      update trakit.installations i set sealed_refresh = p_sealed, updated_at = p_now,
        pixel_trouble = case when i.pixel_id is not null then 'key_rotated' else i.pixel_trouble end
      where i.shop_id = v_shop and i.sealed_refresh = p_old;
    else
      return false;
  end case;
  return found;
end;
$$;
comment on function trakit.replace_seal(text, text, text, text, text, timestamptz) is
  'Puts a new seal in the place of the one that was listed; false where it is another by now, and nothing is done.';
