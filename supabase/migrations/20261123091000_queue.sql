-- Subject: what crosses shops: which lanes have something due, and ending what is past its time.
-- Why: owned by trakit_dispatcher, which sees lane ids, states and times and no payload or token.
-- Locks: none. Undo: drop function trakit.due_lanes, trakit.expire_deliveries, trakit.list_shops.

create function trakit.due_lanes(p_limit integer default 100, p_now timestamptz default now())
returns table (destination_id uuid, shop_id uuid)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with recursive waiting_lanes as (
    -- from one lane with pending deliveries to the next by the index: a long backlog costs no more than a short one,
    -- and hides no other lane
    select (
      select d.destination_id from trakit.deliveries d
      where d.state = 'pending' and d.captured_at > p_now - interval '8 days'
      order by d.destination_id limit 1
    ) as destination_id
    union all
    select (
      select d.destination_id from trakit.deliveries d
      where d.state = 'pending' and d.captured_at > p_now - interval '8 days' and d.destination_id > w.destination_id
      order by d.destination_id limit 1
    )
    from waiting_lanes w
    where w.destination_id is not null
  ), waiting as (
    select l.destination_id, l.shop_id, oldest.next_attempt_at
    from waiting_lanes w
    join trakit.lanes l on l.destination_id = w.destination_id and l.state = 'closed'
    join trakit.destinations g on g.id = l.destination_id
    cross join lateral (
      select d.next_attempt_at from trakit.deliveries d
      where d.destination_id = l.destination_id and d.state = 'pending' and d.waits_for is null
        and d.next_attempt_at <= p_now and d.captured_at > p_now - interval '8 days'
        and trakit.given_up_at(d.captured_at, d.retry_until, d.waits_for, g.max_age, l.state, l.released_at) > p_now
      order by d.next_attempt_at limit 1
    ) oldest
  ), flushing as (
    select l.destination_id, l.shop_id, l.flush_before as next_attempt_at
    from trakit.lanes l
    where l.flush_before is not null and l.state = 'closed'
      -- until end_flush says so; a lane nobody got to in a day is listed by its deliveries' own due times
      and l.flush_before > p_now - interval '24 hours'
  ), probing as (
    select l.destination_id, l.shop_id, l.probe_at as next_attempt_at
    from trakit.lanes l
    where l.state = 'open' and l.probe_at <= p_now
      and exists (
        select from trakit.deliveries d
        where d.destination_id = l.destination_id and d.state = 'pending' and d.waits_for is null
          and d.captured_at > p_now - interval '8 days')
  )
  select x.destination_id, x.shop_id
  from (select * from waiting union all select * from flushing union all select * from probing) x
  group by x.destination_id, x.shop_id
  order by min(x.next_attempt_at)
  limit p_limit
$$;
comment on function trakit.due_lanes(integer, timestamptz) is
  'Lanes with something to send now, longest waiting first: closed ones with due deliveries, those that just recovered, open ones whose probe is due.';

create function trakit.end_flush(p_destination_id uuid, p_flush_before timestamptz) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  -- only the flush the caller saw: trouble may have come and gone again meanwhile
  update trakit.lanes l set flush_before = null
  where l.destination_id = p_destination_id and l.flush_before <= p_flush_before
$$;
comment on function trakit.end_flush(uuid, timestamptz) is 'Notes that a recovered lane has nothing left from before its recovery.';

create function trakit.expire_deliveries(p_limit integer default 5000, p_now timestamptz default now()) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  with past as (
    select d.captured_at, d.event_row, d.destination_id
    from trakit.deliveries d
    left join trakit.lanes l on l.destination_id = d.destination_id
    left join trakit.destinations g on g.id = d.destination_id
    where d.state = 'pending'
      -- a lease that still runs is being sent: its holder's word comes first
      and (d.lease is null or d.next_attempt_at <= p_now)
      and p_now >= trakit.given_up_at(d.captured_at, d.retry_until, d.waits_for, g.max_age, l.state, l.released_at)
    limit p_limit
    for update of d skip locked
  ), ended as (
    update trakit.deliveries d
    set state = case when d.waits_for = 'order' then 'skipped' else 'failed' end,
        reason = case when d.waits_for = 'order' then 'no_order' else 'expired' end,
        settled_at = p_now, next_attempt_at = null, lease = null, waits_for = null
    from past
    where d.captured_at = past.captured_at and d.event_row = past.event_row and d.destination_id = past.destination_id
    returning d.destination_id, d.state
  ), counted as (
    update trakit.lanes l
    set expired = l.expired + c.count
    from (select e.destination_id, count(*) from ended e where e.state = 'failed' group by e.destination_id) c
    where l.destination_id = c.destination_id
  )
  select count(*) into v_count from ended;
  return v_count;
end;
$$;
comment on function trakit.expire_deliveries(integer, timestamptz) is
  'Ends deliveries past their time: failed: expired, or skipped: no_order for a browser''s purchase no order came for. Returns how many.';

create function trakit.list_shops() returns table (id uuid, domain text, status text, created_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id, s.domain, s.status, s.created_at from trakit.shops s order by s.domain
$$;
comment on function trakit.list_shops() is 'All shops, for the operator''s command line.';

create function trakit.queue_totals(p_now timestamptz default now()) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
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
