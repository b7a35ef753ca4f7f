-- Subject: replay: deliveries that ended go out again, with the same event_id.
-- Why: an outage longer than 24 hours, a wrong setting or a bug leaves `failed` deliveries that a person wants sent after all.
-- A replay is a row with a place it has come to, moved on in small steps by whoever is there (the caller, a worker, pg_cron):
-- a million rows hold no long transaction, and a step waits while its lanes still have a backlog, so that live traffic that
-- had to be retried does not stand behind it.
-- Locks: none on existing tables. Undo: drop function api.replay, trakit.run_replays, trakit.step_replay,
-- trakit.replay_verdicts, trakit.server_dedup; drop table trakit.replays.

create table trakit.replays (
  id bigint generated always as identity,
  shop_id uuid not null references trakit.shops (id) on delete cascade,
  since timestamptz not null,
  until timestamptz not null,
  platform text,
  states text[] not null,
  force boolean not null,
  created_at timestamptz not null,
  at_captured timestamptz not null,
  at_event bigint not null default 0,
  replayed bigint not null default 0,
  refused jsonb not null default '{}',
  finished_at timestamptz,
  constraint replays_pkey primary key (shop_id, id),
  constraint replays_window_forward check (since < until),
  constraint replays_states_known check (states <@ array['failed', 'delivered'] and cardinality(states) > 0),
  constraint replays_refused_object check (jsonb_typeof(refused) = 'object')
);
create index replays_unfinished on trakit.replays (id) where finished_at is null;

comment on table trakit.replays is 'Replays by hand: what was asked for, and how far it has come.';
comment on column trakit.replays.id is 'Ours.';
comment on column trakit.replays.shop_id is 'Shop it is for.';
comment on column trakit.replays.since is 'Captured at or after this.';
comment on column trakit.replays.until is 'Captured before this.';
comment on column trakit.replays.platform is 'Only this platform; null = all.';
comment on column trakit.replays.states is 'failed, delivered or both.';
comment on column trakit.replays.force is 'What the vendor may have already goes out too, as far as it deduplicates.';
comment on column trakit.replays.created_at is 'When it was asked for.';
comment on column trakit.replays.at_captured is 'Events up to here are done (with at_event).';
comment on column trakit.replays.at_event is 'Events up to here are done (with at_captured).';
comment on column trakit.replays.replayed is 'Deliveries made pending again.';
comment on column trakit.replays.refused is 'How many were not, by reason: {"too_old": 3}.';
comment on column trakit.replays.finished_at is 'When its last step was done; null = it goes on.';

call trakit.isolate_by_shop('trakit.replays', p_people => true);
grant select (id, shop_id, finished_at) on trakit.replays to trakit_dispatcher;
create policy "the dispatcher sees which replays go on" on trakit.replays for select to trakit_dispatcher using (true);

create function trakit.server_dedup(p_platform text) returns interval
language sql immutable set search_path = pg_catalog, pg_temp as $$
  -- TikTok alone documents that two server copies of one event_id count once, for 48 hours from the first ("Event
  -- Deduplication", id 1771100965992450: API+API). Meta describes server keys that match browser keys, Pinterest and Snapchat
  -- publish no window, Google knows purchases by transaction_id but no window either: not documented is not deduplicated
  select case p_platform when 'tiktok' then interval '48 hours' end
$$;
comment on function trakit.server_dedup(text) is
  'How long a vendor is documented to count two server copies of one event once; null = not documented.';

create function trakit.replay_verdicts(
  p_from timestamptz, p_from_event bigint, p_until timestamptz, p_platform text, p_states text[], p_force boolean,
  p_limit integer, p_now timestamptz
) returns table (captured_at timestamptz, event_row bigint, destination_id uuid, refusal text)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  -- every access is by key; a plan made while a partition is empty would read it whole for ever
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
  select d.captured_at, d.event_row, d.destination_id,
    case
      -- the claim looks at 8 days; the vendor at its own limit
      when d.captured_at + least(g.max_age, interval '8 days') <= p_now then 'too_old'
      when not g.enabled then 'destination_disabled'
      -- the merchant's own tag has sent it, and the vendor's window is over: certain to count twice
      when d.reason = 'past_dedup_window' then 'would_double'
      when d.state = 'delivered' and not (p_force and coalesce(d.captured_at + trakit.server_dedup(d.platform) > p_now, false))
        then 'would_double'
      -- begun, and nobody knows whether it arrived: where the vendor is not known to deduplicate, a person decides
      when d.state = 'failed' and d.doubts > 0 and not p_force
        and not coalesce(d.captured_at + trakit.server_dedup(d.platform) > p_now, false)
        then 'would_double'
    end
  from (
    select e.shop_id, e.captured_at, e.id
    from trakit.events e
    where e.shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid)
      and e.captured_at >= p_from and e.captured_at < p_until and (e.captured_at, e.id) > (p_from, p_from_event)
    order by e.captured_at, e.id
    limit p_limit
  ) e
  join trakit.deliveries d on d.shop_id = e.shop_id and d.captured_at = e.captured_at and d.event_row = e.id
  join trakit.destinations g on g.id = d.destination_id
  where d.state = any (p_states) and (p_platform is null or d.platform = p_platform)
$$;
comment on function trakit.replay_verdicts(timestamptz, bigint, timestamptz, text, text[], boolean, integer, timestamptz) is
  'Deliveries of the bound shop''s next p_limit events that a replay is about, and why one is refused (null = it may go).';

create function trakit.step_replay(p_domain text, p_replay_id bigint, p_events integer default 1000, p_now timestamptz default now())
returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
  v_replay trakit.replays;
  v_last record;
  v_replayed bigint;
  v_refused jsonb;
begin
  if trakit.bind_shop(p_domain, null) is null then
    return null;
  end if;
  select * into v_replay from trakit.replays r where r.id = p_replay_id and r.finished_at is null for update skip locked;
  if not found then
    -- finished, or somebody else is at it
    return (select to_jsonb(r) || jsonb_build_object('waiting', r.finished_at is null)
      from trakit.replays r where r.id = p_replay_id);
  end if;
  -- what is due already goes first: counted up to a bound, by the index of claims
  if (
    select count(*) from (
      select from trakit.deliveries d
      where d.destination_id in (
          select g.id from trakit.destinations g
          where g.shop_id = v_replay.shop_id and (v_replay.platform is null or g.platform = v_replay.platform))
        and d.state = 'pending' and d.next_attempt_at <= p_now and d.captured_at > p_now - interval '8 days'
      limit 5001
    ) due
  ) > 5000 then
    return to_jsonb(v_replay) || jsonb_build_object('waiting', true);
  end if;

  select e.captured_at, e.id into v_last
  from (
    select e.captured_at, e.id from trakit.events e
    where e.shop_id = v_replay.shop_id and e.captured_at >= v_replay.at_captured and e.captured_at < v_replay.until
      and (e.captured_at, e.id) > (v_replay.at_captured, v_replay.at_event)
    order by e.captured_at, e.id limit least(greatest(p_events, 1), 5000)
  ) e
  order by e.captured_at desc, e.id desc limit 1;
  if not found then
    update trakit.replays r set finished_at = p_now where r.id = p_replay_id returning * into v_replay;
    return to_jsonb(v_replay) || jsonb_build_object('waiting', false);
  end if;

  with verdicts as materialized (
    select v_replay.shop_id, v.captured_at, v.event_row, v.destination_id, v.refusal
    from trakit.replay_verdicts(v_replay.at_captured, v_replay.at_event, v_replay.until, v_replay.platform, v_replay.states,
      v_replay.force, least(greatest(p_events, 1), 5000), p_now) v
  ), again as (
    update trakit.deliveries d
    set state = 'pending', reason = 'replayed', detail = null, http_status = null, settled_at = null, request_ms = null,
        attempts = 0, doubts = 0, lane_failure = false, next_attempt_at = p_now,
        retry_until = least(p_now + interval '24 hours', d.captured_at + g.max_age)
    from verdicts v
    join trakit.destinations g on g.id = v.destination_id
    where v.refusal is null and d.shop_id = v.shop_id and d.captured_at = v.captured_at and d.event_row = v.event_row
      and d.destination_id = v.destination_id and d.state = any (v_replay.states)
    returning 1
  )
  select (select count(*) from again),
    (select coalesce(jsonb_object_agg(x.refusal, x.count), '{}')
     from (select v.refusal, count(*) from verdicts v where v.refusal is not null group by v.refusal) x)
  into v_replayed, v_refused;

  update trakit.replays r
  set at_captured = v_last.captured_at, at_event = v_last.id, replayed = r.replayed + v_replayed,
      refused = r.refused || (
        select coalesce(jsonb_object_agg(x.key, x.value::bigint + coalesce((r.refused ->> x.key)::bigint, 0)), '{}')
        from jsonb_each_text(v_refused) x)
  where r.id = p_replay_id
  returning * into v_replay;
  return to_jsonb(v_replay) || jsonb_build_object('waiting', false);
end;
$$;
comment on function trakit.step_replay(text, bigint, integer, timestamptz) is
  'Moves a replay of a shop (by domain) on by up to p_events events. Returns its row, and "waiting": true while its lanes have 5,000 due deliveries or somebody else is at it. Null = no such shop or replay.';

create function trakit.run_replays(p_steps integer default 2, p_now timestamptz default now(), p_replays integer default 20) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_replay record;
  v_state jsonb;
  v_left integer := 0;
  v_moved integer := 0;
begin
  for v_replay in
    select r.id, s.domain from trakit.replays r join trakit.shops s on s.id = r.shop_id
    where r.finished_at is null order by r.id
  loop
    for v_step in 1 .. p_steps loop
      v_state := trakit.step_replay(v_replay.domain, v_replay.id, 1000, p_now);
      exit when v_state is null or (v_state ->> 'waiting')::boolean or v_state ->> 'finished_at' is not null;
    end loop;
    if v_state ->> 'finished_at' is null then
      v_left := v_left + 1;
    end if;
    -- one that waits takes no place of one that could move
    v_moved := v_moved + (not coalesce((v_state ->> 'waiting')::boolean, true))::integer;
    exit when v_moved >= p_replays;
  end loop;
  return v_left;
end;
$$;
comment on function trakit.run_replays(integer, timestamptz, integer) is
  'Moves up to p_replays unfinished replays on, oldest first, each by up to p_steps steps of 1,000 events. Returns how many of those it looked at are not finished yet.';

create function api.replay(
  shop text, since timestamptz, until timestamptz default null, platform text default null,
  states text[] default array['failed'], force boolean default false, dry_run boolean default false,
  p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(shop, null);
  v_until timestamptz := coalesce(replay.until, p_now);
  v_id bigint;
  v_state jsonb;
begin
  if v_shop is null then
    raise exception 'there is no shop %', shop using errcode = 'invalid_parameter_value',
      hint = 'Name it by its myshopify.com domain.';
  end if;
  if since >= v_until then
    raise exception 'since must be before until' using errcode = 'invalid_parameter_value';
  end if;
  if not (states <@ array['failed', 'delivered']) or cardinality(states) = 0 then
    raise exception 'states must be failed, delivered or both' using errcode = 'invalid_parameter_value',
      hint = 'What is pending goes out by itself; what was skipped was decided not to be sent.';
  end if;
  if platform is not null and not exists (select from trakit.destinations g where g.shop_id = v_shop and g.platform = replay.platform) then
    raise exception 'the shop has no destination %', platform using errcode = 'invalid_parameter_value';
  end if;
  -- events are kept 30 days: a window of ten years is no more work than one of 31
  since := greatest(since, p_now - interval '31 days');
  if dry_run then
    return (
      select jsonb_build_object(
        'dry_run', true,
        'replayed', coalesce(sum(x.count) filter (where x.refusal is null), 0),
        'refused', coalesce(jsonb_object_agg(x.refusal, x.count) filter (where x.refusal is not null), '{}'))
      from (
        select v.refusal, count(*) as count
        from trakit.replay_verdicts(since, 0, v_until, replay.platform, replay.states, replay.force, null, p_now) v
        group by v.refusal
      ) x);
  end if;
  if since >= v_until then
    return jsonb_build_object('dry_run', false, 'replayed', 0, 'refused', jsonb '{}', 'done', true);
  end if;
  insert into trakit.replays (shop_id, since, until, platform, states, force, created_at, at_captured)
  values (v_shop, since, v_until, replay.platform, replay.states, replay.force, p_now, since)
  returning id into v_id;
  -- a small one is done when this returns; the rest is for a worker, pg_cron, or whoever calls trakit.step_replay
  for v_step in 1 .. 5 loop
    v_state := trakit.step_replay(shop, v_id, 1000, p_now);
    exit when (v_state ->> 'waiting')::boolean or v_state ->> 'finished_at' is not null;
  end loop;
  if v_state ->> 'finished_at' is null then
    perform trakit.enqueue_jobs('replay', jsonb_build_array(jsonb_build_object('data', jsonb '{}')));
  end if;
  return jsonb_build_object('dry_run', false, 'replay_id', v_id, 'replayed', v_state -> 'replayed',
    'refused', v_state -> 'refused', 'done', v_state ->> 'finished_at' is not null);
end;
$$;
comment on function api.replay(text, timestamptz, timestamptz, text, text[], boolean, boolean, timestamptz) is
  'Sends ended deliveries of a shop (by domain), captured in a window, again with the same event_id, for another 24 hours. Default: those that failed. dry_run only counts. delivered needs force, and goes only while the vendor is documented to deduplicate. Returns {"replayed", "refused": {reason: count}, "done"}; a large one goes on by itself, see trakit.replays.';
