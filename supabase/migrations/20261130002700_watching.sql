-- Subject: what operators are told: alerts of lanes in trouble and of deliveries that expired, and figures for a monitor.
-- Why: an alert is not a row of its own but the difference between a lane and what was last told of it, so that nothing on
-- the way of an event writes one, and none is lost or kept for ever.
-- Locks: none. Undo: drop the functions.

create function trakit.describe_lane(p_destination_id uuid) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.lane_shop(p_destination_id);
begin
  perform set_config('trakit.shop_id', coalesce(v_shop::text, ''), true);
  return (
    select jsonb_build_object('shop', s.domain, 'platform', g.platform, 'reason', l.reason)
    from trakit.lanes l
    join trakit.destinations g on g.id = l.destination_id
    join trakit.shops s on s.id = l.shop_id
    where l.destination_id = p_destination_id);
end;
$$;
comment on function trakit.describe_lane(uuid) is 'A lane for people: shop, platform, and why it is open or held. Null = no such lane.';

create function trakit.pending_alerts(p_limit integer default 50, p_now timestamptz default now()) returns jsonb
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(x.told order by x.changed_at), '[]')
  from (
    select l.changed_at, jsonb_build_object(
      'lane', l.destination_id, 'state', l.state, 'since', l.changed_at, 'expired', l.expired - l.alerted_expired,
      'expired_ever', l.expired, 'in_trouble', l.state <> 'closed' and l.alerted_change is distinct from l.changed_at) as told
    from trakit.lanes l
    where ((l.state <> 'closed' and l.alerted_change is distinct from l.changed_at) or l.expired > l.alerted_expired)
      -- one that comes and goes is told of every ten minutes
      and coalesce(l.alerted_at <= p_now - interval '10 minutes' or l.alerted_at > p_now, true)
    order by l.changed_at
    limit p_limit
  ) x
$$;
comment on function trakit.pending_alerts(integer, timestamptz) is
  'Lanes the operator is to be told of: open or held and not told yet, or with deliveries that expired since; each at most every ten minutes. Ids, states and times only.';

create function trakit.settle_alerts(p_told jsonb, p_now timestamptz default now()) returns void
language sql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  update trakit.lanes l
  set alerted_at = p_now, alerted_change = t.since, alerted_expired = greatest(l.alerted_expired, t.expired_ever)
  from jsonb_to_recordset(p_told) as t (lane uuid, since timestamptz, expired_ever bigint)
  join trakit.destinations g on g.id = t.lane
  where l.shop_id = g.shop_id and l.destination_id = t.lane
$$;
comment on function trakit.settle_alerts(jsonb, timestamptz) is 'Notes that the operator was told: what pending_alerts gave.';

create function trakit.queue_totals(p_now timestamptz default now()) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select jsonb_build_object(
    'pending', x.pending, 'due', x.due,
    'oldest_due_seconds', coalesce((
      -- one look-up a lane, however much waits
      select extract(epoch from p_now - min(o.next_attempt_at))::bigint
      from trakit.lanes l
      cross join lateral (
        select d.next_attempt_at from trakit.deliveries d
        where d.destination_id = l.destination_id and d.state = 'pending' and d.waits_for is null
          and d.next_attempt_at <= p_now and d.captured_at > p_now - interval '8 days'
        order by d.next_attempt_at limit 1
      ) o), 0))
  from (
    select count(*) as pending, count(*) filter (where d.next_attempt_at <= p_now and d.waits_for is null) as due
    from (
      select next_attempt_at, waits_for from trakit.deliveries
      where state = 'pending' and captured_at > p_now - interval '8 days' limit 100000
    ) d
  ) x
$$;
comment on function trakit.queue_totals(timestamptz) is 'How much waits in the recovery queue (counted up to 100,000), across shops.';

create function trakit.queue_watch(p_now timestamptz default now()) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'workers', (select count(*) from trakit.workers w where w.kind = 'worker' and w.seen_at > p_now - interval '1 minute'),
    'draining', (select count(*) from trakit.workers w where w.kind = 'drain' and w.seen_at > p_now - interval '1 minute'),
    'cron_seconds', (select c.cron_seconds from trakit.queue_clock c),
    'calls_drain', (select c.calls_drain from trakit.queue_clock c))
$$;
comment on function trakit.queue_watch(timestamptz) is
  'Who drains the queue: workers and calls of drain that live, and what pg_cron does when there is no worker.';

create function trakit.queue_metrics(p_now timestamptz default now()) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  with waiting as materialized (
    select g.platform, count(*) as pending,
      count(*) filter (where d.waits_for is null and d.next_attempt_at <= p_now) as due,
      count(*) filter (where d.lease is not null and d.next_attempt_at > p_now) as sending,
      min(d.next_attempt_at) filter (where d.waits_for is null and d.next_attempt_at <= p_now) as oldest_due_at
    from (
      -- bounded: a monitor asks every few seconds
      select x.destination_id, x.waits_for, x.next_attempt_at, x.lease from trakit.deliveries x
      where x.state = 'pending' and x.captured_at > p_now - interval '8 days' limit 200000
    ) d
    join trakit.destinations g on g.id = d.destination_id
    group by g.platform
  ), recent as materialized (
    select g.platform, d.state, count(*) as count,
      percentile_cont(array[0.5, 0.99]) within group (order by extract(epoch from d.settled_at - d.captured_at))
        filter (where d.state = 'delivered') as latency
    from trakit.shops s
    -- one look-up a shop: what it has of these minutes lies together
    cross join lateral (
      select x.destination_id, x.state, x.captured_at, x.settled_at from trakit.deliveries x
      where x.shop_id = s.id and x.captured_at > p_now - interval '5 minutes' and x.captured_at <= p_now offset 0
    ) d
    join trakit.destinations g on g.id = d.destination_id
    group by g.platform, d.state
  ), states as (
    select g.platform, l.state, count(*) as count, sum(l.expired) as expired
    from trakit.lanes l join trakit.destinations g on g.shop_id = l.shop_id and g.id = l.destination_id
    group by g.platform, l.state
  )
  select trakit.queue_watch(p_now) || jsonb_build_object(
    'waiting', (select coalesce(jsonb_agg(jsonb_build_object('platform', w.platform, 'pending', w.pending, 'due', w.due,
      'sending', w.sending, 'oldest_due_seconds', coalesce(extract(epoch from p_now - w.oldest_due_at), 0)) order by w.platform), '[]')
      from waiting w),
    'recent', (select coalesce(jsonb_agg(jsonb_build_object('platform', r.platform, 'state', r.state, 'count', r.count,
      'latency', r.latency) order by r.platform, r.state), '[]') from recent r),
    'lanes', (select coalesce(jsonb_agg(jsonb_build_object('platform', s.platform, 'state', s.state, 'count', s.count)
      order by s.platform, s.state), '[]') from states s),
    'expired', (select coalesce(jsonb_agg(jsonb_build_object('platform', x.platform, 'count', x.expired) order by x.platform), '[]')
      from (select s.platform, sum(s.expired) as expired from states s group by s.platform) x),
    'replays', (select count(*) from trakit.replays r where r.finished_at is null),
    'unreadable_orders', (select count(*) from trakit.reconciled_orders o where o.found = 'unreadable'))
$$;
comment on function trakit.queue_metrics(timestamptz) is
  'Figures for a monitor, across shops: what waits (counted up to 200,000), what became of the last 5 minutes, lanes, what expired, who drains.';
