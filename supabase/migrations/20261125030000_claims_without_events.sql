-- Subject: a claim gives leases and each event's version; the events themselves are read by themselves.
-- Why: what a claim cost was printing the events (45 of 66 µs a delivery), and an event has a delivery for each destination.
-- Whoever drains several lanes of a shop reads each event once. Otherwise claim_deliveries does what it did.
-- Locks: none. Undo: drop function trakit.read_events; create claim_deliveries as in 20261123090900.

create function trakit.read_events(p_shop_id uuid, p_moments timestamptz[], p_event_rows bigint[]) returns json
language plpgsql security definer set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_from timestamptz;
  -- json, not jsonb: the events' own jsonb is printed once instead of being taken apart, put together and printed again
  v_events json;
begin
  perform set_config('trakit.shop_id', p_shop_id::text, true);
  select min(u.captured_at) into v_from from unnest(p_moments) u (captured_at);
  select json_agg(json_build_object(
    'event_row', e.id, 'version', e.version || '.' || coalesce(c.version, ''),
    'event', json_build_object(
      'name', e.name, 'event_id', e.event_id, 'occurred_at', e.occurred_at,
      'source', case when e.webhook_at is null then 'browser' else 'webhook' end,
      'channel', e.channel, 'test', e.test, 'page', e.page, 'commerce', e.commerce, 'digests', e.digests,
      'identifiers', e.identifiers, 'consent', e.consent, 'tags', e.tags,
      'client', json_strip_nulls(json_build_object('ip', c.ip, 'user_agent', c.user_agent, 'language', c.language,
        'city', c.city, 'region', c.region, 'region_code', c.region_code, 'postal_code', c.postal_code, 'country', c.country)))))
  into v_events
  from (
    -- filtered by what is true of all of them, so that the planner expects few: then it looks each up by its key
    select u.captured_at, u.event_row from unnest(p_moments, p_event_rows) u (captured_at, event_row)
    where u.captured_at >= v_from and u.event_row > 0 limit 5000
  ) w
  cross join lateral (
    select x.*, x.xmin::text as version from trakit.events x
    where x.captured_at = w.captured_at and x.id = w.event_row limit 1
  ) e
  left join lateral (
    select x.*, x.xmin::text as version from trakit.event_clients x
    where x.captured_at = w.captured_at and x.event_row = w.event_row limit 1
  ) c on true;
  return coalesce(v_events, json '[]');
end;
$$;
comment on function trakit.read_events(uuid, timestamptz[], bigint[]) is
  'Events of one shop as destinations are given them, by the keys their deliveries carry (5,000 at most): [{event_row, version, event}]. The version changes whenever the event does. What is not there is left out.';

create or replace function trakit.claim_deliveries(
  p_destination_id uuid, p_limit integer, p_lease_seconds integer default 30, p_now timestamptz default now()
) returns json
language plpgsql security definer set search_path = pg_catalog, pg_temp
  -- every access is by key: nested loops over indexes, planned once per connection, are right at any size
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_shop uuid;
  v_lane trakit.lanes;
  v_destination trakit.destinations;
  v_limit integer := least(greatest(p_limit, 0), 2000);
  v_lease uuid := gen_random_uuid();
  v_horizon timestamptz := p_now;
  v_ats timestamptz[];
  v_rows bigint[];
  v_from timestamptz;
  v_items json;
begin
  -- which shop a lane belongs to is all that is read before the function is bound to that shop
  v_shop := trakit.lane_shop(p_destination_id);
  if v_shop is null then
    return json_build_object('lane', 'unknown', 'items', json '[]');
  end if;
  perform set_config('trakit.shop_id', v_shop::text, true);

  select * into v_destination from trakit.destinations d where d.id = p_destination_id;
  select * into v_lane from trakit.lanes l where l.destination_id = p_destination_id;
  if v_lane.state = 'held' or v_limit = 0 then
    return json_build_object('lane', v_lane.state, 'items', json '[]');
  end if;
  if v_lane.state = 'open' then
    -- one probe at a time: whoever moves the probe's time holds it
    update trakit.lanes l
    set probe_seconds = least(l.probe_seconds * 2, 60), probe_at = p_now + make_interval(secs => l.probe_seconds)
    where l.destination_id = p_destination_id and l.state = 'open' and l.probe_at <= p_now;
    if not found then
      return json_build_object('lane', 'open', 'items', json '[]');
    end if;
    v_limit := 1;
  end if;
  if v_lane.state = 'open' or v_lane.flush_before is not null then
    -- what failed for the lane's reasons goes whatever its own back-off says; else a claim reads no further than what is due
    v_horizon := 'infinity';
  end if;

  select array_agg(x.captured_at), array_agg(x.event_row), min(x.captured_at)
  into v_ats, v_rows, v_from
  from (
    select d.captured_at, d.event_row
    from trakit.deliveries d
    where d.destination_id = p_destination_id
      and d.state = 'pending'
      and d.waits_for is null
      -- bounded, so that work does not grow with history
      and d.captured_at > p_now - interval '8 days'
      and d.next_attempt_at <= v_horizon
      and trakit.given_up_at(d.captured_at, d.retry_until, d.waits_for, v_destination.max_age, v_lane.state, v_lane.released_at)
        > p_now
      and (
        d.next_attempt_at <= p_now
        or (d.lease is null and d.lane_failure
            and (v_lane.state = 'open' or d.attempted_at < v_lane.flush_before))
      )
    order by d.next_attempt_at
    limit v_limit
    for update skip locked
  ) x;

  if v_ats is null then
    return json_build_object('lane', v_lane.state, 'shop_id', v_shop, 'flush_before', v_lane.flush_before, 'items', json '[]');
  end if;
  with leased as (
    update trakit.deliveries d
    set lease = v_lease,
        next_attempt_at = p_now + make_interval(secs => p_lease_seconds),
        attempts = d.attempts + 1,
        retry_until = trakit.given_up_at(
          d.captured_at, d.retry_until, d.waits_for, v_destination.max_age, v_lane.state, v_lane.released_at),
        -- a lease that ran out: its holder died, and the vendor may have the event
        doubts = d.doubts + case when d.lease is not null then 1 else 0 end,
        attempted_at = p_now
    from (
      -- filtered by what is true of all of them, so that the planner expects few: then it looks each up by its key
      select u.captured_at, u.event_row from unnest(v_ats, v_rows) u (captured_at, event_row)
      where u.captured_at >= v_from and u.event_row > 0 offset 0
    ) due
    where d.captured_at = due.captured_at and d.event_row = due.event_row and d.destination_id = p_destination_id
    returning d.captured_at, d.event_row, d.limited, d.attempts, d.doubts
  )
  select json_agg(json_build_object(
    'captured_at', l.captured_at, 'event_row', l.event_row, 'destination_id', p_destination_id, 'lease', v_lease,
    'limited', l.limited, 'attempts', l.attempts, 'doubts', l.doubts, 'version', e.version || '.' || coalesce(c.version, '')))
  into v_items
  from leased l
  cross join lateral (
    select x.xmin::text as version from trakit.events x where x.captured_at = l.captured_at and x.id = l.event_row limit 1
  ) e
  left join lateral (
    select x.xmin::text as version from trakit.event_clients x where x.captured_at = l.captured_at and x.event_row = l.event_row limit 1
  ) c on true;

  return json_build_object(
    'lane', v_lane.state, 'shop_id', v_shop, 'flush_before', v_lane.flush_before, 'items', coalesce(v_items, json '[]'),
    'destination', (
      select json_build_object('platform', v_destination.platform, 'settings', v_destination.settings,
        'test_code', v_destination.test_code, 'sealed', s.sealed, 'version', s.version)
      from trakit.destination_secrets s where s.destination_id = p_destination_id));
end;
$$;
comment on function trakit.claim_deliveries(uuid, integer, integer, timestamptz) is
  'Leases up to p_limit due deliveries of one lane to the caller, with the destination they go to and the version of each event, which trakit.read_events gives. An open lane gives one probe at a time, a held lane nothing.';

grant create on schema trakit to trakit_app;
alter function trakit.read_events(uuid, timestamptz[], bigint[]) owner to trakit_app;
revoke create on schema trakit from trakit_app;
grant execute on function trakit.read_events(uuid, timestamptz[], bigint[]) to trakit_edge;
