-- Subject: what the merchant's API asks of one shop, beyond its destinations, privacy and connections.
-- Why: every request passes one gate that names the shop, refuses an uninstalled one, and counts: a minute's number of
-- requests is limited, and counted here because an isolate's memory is no limit. Settings that could make us call another
-- host (first_party) are the operator's, not the merchant's.
-- Locks: none. Undo: drop the functions.

create function trakit.admin_gate(
  p_shop text, p_limit integer, p_platform text default null, p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
  v_minute timestamptz := date_trunc('minute', p_now);
  v_sender bigint;
  v_count bigint;
  v_status text;
begin
  if v_shop is null then
    return jsonb_build_object('shop', 'unknown');
  end if;
  v_sender := hashtextextended(v_shop || ':admin', 0);
  insert into trakit.sender_rates as r (shop_id, sender, minute, shard, events)
  values (v_shop, v_sender, v_minute, 0, 1)
  on conflict (shop_id, sender, minute, shard) do update set events = r.events + 1
  returning r.events into v_count;
  select s.status into v_status from trakit.shops s where s.id = v_shop;
  return jsonb_build_object('shop', v_status, 'shop_id', v_shop, 'wait_seconds', case when v_count > p_limit
    then ceil(extract(epoch from v_minute + interval '1 minute' - p_now))::integer end,
    'destination', case when p_platform is not null and v_status = 'active' then (
      select d.* from trakit.describe_destinations(p_platform) d) end);
end;
$$;
comment on function trakit.admin_gate(text, integer, text, timestamptz) is
  'Counts a request of a shop''s merchant. Returns {"shop": active | uninstalled | unknown, "shop_id", "wait_seconds": until the next minute where the limit is passed, "destination": the one of p_platform, if there is one}.';

create function trakit.read_shop(p_shop text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return jsonb_build_object('settings', trakit.find_shop(p_shop), 'installation', trakit.find_installation(p_shop));
end;
$$;
comment on function trakit.read_shop(text) is
  'What the merchant''s API says of a shop: {"settings": find_shop''s row, "installation": find_installation''s}.';

create function trakit.change_shop(p_shop text, p_settings jsonb, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  update trakit.shops s
  set order_topic = coalesce(p_settings ->> 'order_topic', s.order_topic),
      test_orders = coalesce(p_settings ->> 'test_orders', s.test_orders),
      excluded_channels = case when p_settings ? 'excluded_channels'
        then array(select jsonb_array_elements_text(p_settings -> 'excluded_channels')) else s.excluded_channels end,
      unknown_consent = case when p_settings ? 'unknown_consent' then p_settings ->> 'unknown_consent' else s.unknown_consent end,
      unsigned_events = coalesce((p_settings ->> 'unsigned_events')::boolean, s.unsigned_events),
      cookie_lifetime_days = coalesce((p_settings ->> 'cookie_lifetime_days')::integer, s.cookie_lifetime_days),
      browser_tags = coalesce(p_settings -> 'browser_tags', s.browser_tags),
      updated_at = p_now
  where s.id = v_shop;
  return case when v_shop is not null then trakit.read_shop(p_shop) end;
end;
$$;
comment on function trakit.change_shop(text, jsonb, timestamptz) is
  'Changes those settings of a shop that are the merchant''s; only the ones named. Returns what read_shop does. Null = no such active shop.';

create function trakit.trace_order(p_shop text, p_order text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  return coalesce((
    select jsonb_agg(jsonb_build_object(
      'captured_at', e.captured_at, 'name', e.name, 'event_id', e.event_id, 'occurred_at', e.occurred_at, 'channel', e.channel,
      'test', e.test, 'seen_by_browser', e.browser_at is not null, 'seen_by_shopify', e.webhook_at is not null,
      'order_id', e.commerce ->> 'order_id', 'order_name', e.commerce ->> 'order_name', 'total', e.commerce ->> 'total',
      'currency', e.commerce ->> 'currency', 'enriched', e.enriched, 'consent', e.consent, 'tags', e.tags,
      'deliveries', (
        select coalesce(jsonb_agg(jsonb_build_object('platform', d.platform, 'state', d.state, 'reason', d.reason,
          'detail', d.detail, 'http_status', d.http_status, 'attempts', d.attempts, 'limited', d.limited,
          'next_attempt_at', d.next_attempt_at, 'settled_at', d.settled_at) order by d.platform), '[]')
        from trakit.deliveries d where d.shop_id = e.shop_id and d.captured_at = e.captured_at and d.event_row = e.id)) order by e.captured_at)
    from trakit.events e
    where e.shop_id = v_shop and (e.commerce ->> 'order_id' = p_order or e.commerce ->> 'order_name' = p_order)), '[]');
end;
$$;
comment on function trakit.trace_order(text, text) is
  'Every event of one order (by Shopify''s id or its name, e.g. #1042) with what became of it at each platform.';

create function trakit.setup_signals(p_shop text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  return (
    select jsonb_build_object(
      'last_webhook_at', max(e.webhook_at),
      'last_browser_at', max(e.browser_at),
      -- only the web pixel has Shopify's client id; only the theme embed and the proxy have ours without it
      'last_pixel_at', max(e.browser_at) filter (where e.identifiers ? 'client_id'),
      'last_embed_at', max(e.browser_at) filter (where not e.identifiers ? 'client_id'),
      'orders', count(*) filter (where e.name = 'checkout_completed' and e.webhook_at is not null),
      'orders_with_browser', count(*) filter (where e.name = 'checkout_completed' and e.webhook_at is not null
        and e.browser_at is not null),
      'own_tags', (
        select coalesce(jsonb_agg(distinct t.platform), '[]')
        from trakit.events x cross join lateral jsonb_object_keys(x.tags) t (platform)
        where x.shop_id = v_shop and x.captured_at > p_now - interval '24 hours' and x.tags <> '{}'))
    from trakit.events e where e.shop_id = v_shop and e.captured_at > p_now - interval '7 days');
end;
$$;
comment on function trakit.setup_signals(text, timestamptz) is
  'What a week''s events say of a shop''s set-up: last webhook, last browser event by web pixel and by theme embed, orders with a browser''s copy, platforms whose own tag fired in a day.';

create function trakit.match_quality(p_domain text, p_days integer, p_now timestamptz default now()) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid;
  v_quality jsonb;
begin
  perform set_config('trakit.shop_domain', p_domain, true), set_config('trakit.shop_id', '', true);
  select s.id into v_shop from trakit.shops s where s.domain = p_domain;
  if v_shop is null then
    return null;
  end if;
  perform set_config('trakit.shop_id', v_shop::text, true);
  -- the whole span as one, as a merchant reads it; the view has the days
  with sent as (
    select d.platform, e.name, d.match_score, d.match_keys
    from trakit.deliveries d
    join trakit.events e on e.shop_id = d.shop_id and e.captured_at = d.captured_at and e.id = d.event_row
    where d.shop_id = v_shop and d.match_score is not null and d.captured_at > p_now - make_interval(days => p_days)
  ), totals as (
    select s.platform, s.name, count(*) as events, round(avg(s.match_score), 1) as score from sent s group by 1, 2
  ), shares as (
    select s.platform, s.name, k.identifier, count(*) as events
    from sent s cross join lateral unnest(s.match_keys) k (identifier) group by 1, 2, 3
  )
  select jsonb_agg(jsonb_build_object('platform', t.platform, 'name', t.name, 'events', t.events, 'score', t.score,
      'coverage', coalesce((
        select jsonb_object_agg(k.identifier, round(k.events::numeric / t.events, 3))
        from shares k where k.platform = t.platform and k.name = t.name), '{}'))
    order by t.platform, t.events desc, t.name)
  into v_quality from totals t;
  return coalesce(v_quality, '[]');
end;
$$;
comment on function trakit.match_quality(text, integer, timestamptz) is
  'Match quality of one shop over the last days, by platform and event: [{platform, name, events, score, coverage}]; null = no such shop.';
