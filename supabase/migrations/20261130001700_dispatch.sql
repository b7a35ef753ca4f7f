-- Subject: claiming deliveries for sending, reading their events, and settling what became of them.
-- Why: a claim is a lease (token and end). A late `delivered` is accepted whoever holds the lease, because the vendor has
-- the event; any other late outcome changes nothing. Lanes move here and only here (and when a token is replaced).
-- A claim gives leases and each event's version; the events are read by themselves: printing them is most of what a claim
-- would cost (45 of 66 µs a delivery), and whoever drains several lanes of a shop reads each event once.
-- Locks: none. Undo: drop function trakit.claim_deliveries, trakit.read_events, trakit.unless_reported,
-- trakit.settle_deliveries.

create function trakit.claim_deliveries(
  p_destination_id uuid, p_limit integer, p_lease_seconds integer default 30, p_now timestamptz default now()
) returns json
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
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
      select v_shop as shop_id, u.captured_at, u.event_row from unnest(v_ats, v_rows) u (captured_at, event_row)
      where u.captured_at >= v_from and u.event_row > 0 offset 0
    ) due
    where d.shop_id = due.shop_id and d.captured_at = due.captured_at and d.event_row = due.event_row and d.destination_id = p_destination_id
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
        'test_code', v_destination.test_code, 'sealed', s.sealed, 'version', s.version,
        'secrets', trakit.sealed_settings_of(v_shop, p_destination_id))
      from trakit.destination_secrets s where s.destination_id = p_destination_id));
end;
$$;
comment on function trakit.claim_deliveries(uuid, integer, integer, timestamptz) is
  'Leases up to p_limit due deliveries of one lane to the caller, with the destination they go to and the version of each event, which trakit.read_events gives. An open lane gives one probe at a time, a held lane nothing.';

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

create function trakit.unless_reported(p_shop_id uuid, p_outcomes jsonb) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_outcome record;
  v_reported boolean;
begin
  for v_outcome in
    select o.item, o.ord, (o.item ->> 'captured_at')::timestamptz as captured_at, (o.item ->> 'event_row')::bigint as event_row
    from jsonb_array_elements(p_outcomes) with ordinality o (item, ord)
    where o.item ->> 'reason' in ('sent_by_tag', 'past_dedup_window')
    order by 3, 4
  loop
    -- whoever brings the second copy holds the event before its deliveries: so either they are done, or they will find this end
    select e.webhook_at is not null into v_reported
    from trakit.events e
    where e.shop_id = p_shop_id and e.captured_at = v_outcome.captured_at and e.id = v_outcome.event_row for share;
    if v_reported then
      p_outcomes := jsonb_set(p_outcomes, array[(v_outcome.ord - 1)::text],
        v_outcome.item || jsonb '{"kind": "released", "reason": "second_copy"}');
    end if;
  end loop;
  return p_outcomes;
end;
$$;
comment on function trakit.unless_reported(uuid, jsonb) is
  'Outcomes as for settle_deliveries, with what the page''s own tag would end handed back where Shopify''s copy has come meanwhile.';

create function trakit.settle_deliveries(p_shop_id uuid, p_outcomes jsonb, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_count integer := jsonb_array_length(p_outcomes);
  v_many boolean;
  v_from timestamptz;
  v_to timestamptz;
  v_lanes jsonb;
  v_settled integer;
  v_all_lanes jsonb := jsonb '[]';
  v_all_settled integer := 0;
  v_lane record;
begin
  perform set_config('trakit.shop_id', p_shop_id::text, true);
  if exists (
    select from jsonb_array_elements(p_outcomes) o
    where coalesce(o ->> 'kind', '') not in ('delivered', 'retry', 'permanent', 'auth', 'in_doubt', 'skipped', 'released'))
  then
    raise exception 'unknown outcome kind' using errcode = 'invalid_parameter_value';
  end if;

  if p_outcomes @? '$[*] ? (@.reason == "sent_by_tag" || @.reason == "past_dedup_window")' then
    p_outcomes := trakit.unless_reported(p_shop_id, p_outcomes);
  end if;
  -- Few outcomes go a moment of capture a statement: its plan is kept, and any plan is right for it, because a moment has
  -- few rows. Many go a day a statement, planned each time: a kept plan, made while the day's partition was empty (each
  -- midnight brings one), would read all of it for every row, and a statement a moment would take all outcomes apart again.
  v_many := v_count > 100 or (select count(distinct o ->> 'captured_at') > 20 from jsonb_array_elements(p_outcomes) o);
  perform set_config('plan_cache_mode', case when v_many then 'force_custom_plan' else 'force_generic_plan' end, true);
  for v_from, v_to in
    select distinct
      case when v_many then date_trunc('day', m.moment, 'UTC') else m.moment end,
      case when v_many then date_trunc('day', m.moment, 'UTC') + interval '1 day' - interval '1 microsecond' else m.moment end
    from (
      select x.text::timestamptz as moment
      from (select distinct o ->> 'captured_at' as text from jsonb_array_elements(p_outcomes) o) x
    ) m
    order by 1
  loop
    with settled as (
      update trakit.deliveries d
      set state = case o.kind
            when 'delivered' then 'delivered' when 'permanent' then 'failed' when 'skipped' then 'skipped'
            when 'released' then 'pending'
            when 'auth' then 'pending'
            else case when o.again_at >= d.retry_until then 'failed' else 'pending' end
          end,
          reason = o.reason,
          detail = left(o.detail, 500),
          http_status = o.status,
          request_ms = o.request_ms,
          match_score = coalesce(o.match_score, d.match_score),
          match_keys = coalesce(o.match_keys, d.match_keys),
          lane_failure = o.kind in ('retry', 'in_doubt', 'auth') and coalesce(o.lane, false),
          -- handed back unsent: the attempt did not happen
          attempts = d.attempts - case when o.kind = 'released' then 1 else 0 end,
          doubts = least(d.doubts + case when o.kind = 'in_doubt' then 1 else 0 end,
                         d.attempts - case when o.kind = 'released' then 1 else 0 end),
          lease = null,
          next_attempt_at = case
            when o.kind in ('delivered', 'permanent', 'skipped') then null
            when o.kind in ('auth', 'released') then p_now
            when o.again_at >= d.retry_until then null
            else o.again_at
          end,
          settled_at = case
            when o.kind in ('delivered', 'permanent', 'skipped') then p_now
            when o.kind in ('retry', 'in_doubt') and o.again_at >= d.retry_until then p_now
          end
      from (
        -- the shop with them, not as a constant: then each is looked up by its whole key, and by nothing less
        select p_shop_id as shop_id, w.*, p_now + make_interval(secs => coalesce(w.delay_ms, 10000) / 1000.0) as again_at
        from jsonb_to_recordset(p_outcomes) as w (
          captured_at timestamptz, event_row bigint, destination_id uuid, lease uuid, kind text, reason text, detail text, status smallint, delay_ms bigint,
          lane boolean, request_ms integer, match_score numeric, match_keys text[])
        where w.captured_at between v_from and v_to
        order by w.captured_at, w.event_row, w.destination_id offset 0
      ) o
      where d.captured_at between v_from and v_to
        and d.shop_id = o.shop_id and d.captured_at = o.captured_at and d.event_row = o.event_row
        and d.destination_id = o.destination_id
        and (
          (d.state = 'pending' and d.lease = o.lease)
          -- the vendor has it: true whoever holds the lease now, and whatever we believed meanwhile
          or (o.kind = 'delivered' and d.state in ('pending', 'failed') and d.waits_for is null)
        )
      returning d.destination_id, o.kind, o.reason, coalesce(o.lane, false) as lane, d.attempted_at
    )
    select coalesce(jsonb_agg(to_jsonb(g)), '[]'), coalesce(sum(g.count), 0) into v_lanes, v_settled
    from (
      -- what it says of each lane
      select s.destination_id, count(*) as count,
        bool_or(s.kind = 'delivered') as delivered,
        bool_or(s.kind in ('retry', 'in_doubt') and s.lane) as failed,
        min(s.reason) filter (where s.kind in ('retry', 'in_doubt') and s.lane) as failed_reason,
        max(s.attempted_at) filter (where s.kind = 'auth') as refused_at,
        min(s.reason) filter (where s.kind = 'auth') as refused_reason
      from settled s
      group by s.destination_id
    ) g;
    v_all_lanes := v_all_lanes || v_lanes;
    v_all_settled := v_all_settled + v_settled;
  end loop;

  -- written only where a lane's state changes; late words move no lane either
  for v_lane in
    select b.*, l.state
    from (
      select g.destination_id, bool_or(g.delivered) as delivered, bool_or(g.failed) as failed,
        min(g.failed_reason) as failed_reason, max(g.refused_at) as refused_at, min(g.refused_reason) as refused_reason
      from jsonb_to_recordset(v_all_lanes) as g (
        destination_id uuid, delivered boolean, failed boolean, failed_reason text, refused_at timestamptz, refused_reason text)
      group by g.destination_id
    ) b
    cross join lateral (select x.state from trakit.lanes x where x.destination_id = b.destination_id limit 1) l
    where b.refused_at is not null or (b.delivered and l.state = 'open')
      or (b.failed and not b.delivered and l.state = 'closed')
    order by b.destination_id
  loop
    -- a refusal of the token or settings before the present ones says nothing about these
    if v_lane.refused_at is not null
      and not exists (
        select from trakit.destination_secrets s
        where s.destination_id = v_lane.destination_id and s.updated_at > v_lane.refused_at)
      and not exists (
        select from trakit.destinations g where g.id = v_lane.destination_id and g.updated_at > v_lane.refused_at)
    then
      update trakit.lanes l
      set state = 'held', reason = v_lane.refused_reason, changed_at = p_now, probe_at = null, probe_seconds = null
      where l.destination_id = v_lane.destination_id and l.state <> 'held';
    elsif v_lane.delivered then
      update trakit.lanes l
      set state = 'closed', reason = null, changed_at = p_now, probe_at = null, probe_seconds = null, flush_before = p_now
      where l.destination_id = v_lane.destination_id and l.state = 'open';
    elsif v_lane.failed then
      update trakit.lanes l
      set state = 'open', reason = v_lane.failed_reason, changed_at = p_now, probe_seconds = 10,
          probe_at = p_now + interval '10 seconds', flush_before = null
      where l.destination_id = v_lane.destination_id and l.state = 'closed';
    end if;
  end loop;
  return jsonb_build_object('settled', v_all_settled, 'late', v_count - v_all_settled);
end;
$$;
comment on function trakit.settle_deliveries(uuid, jsonb, timestamptz) is
  'Writes what became of sends: [{captured_at, event_row, destination_id, lease, kind, reason, detail, status, delay_ms, lane, request_ms, match_score, match_keys}]. Opens, closes and holds lanes. Returns {"settled": n, "late": n}.';
