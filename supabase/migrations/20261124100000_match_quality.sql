-- Subject: api.match_quality, how well platforms could match what they were sent, by platform, event and day.
-- Why: a merchant sees which identifiers are missing. The estimate is made where the request is built and stored with the
-- delivery, so nothing here knows a platform and adding one needs no migration.
-- Locks: none. Undo: drop the view.

create view api.match_quality with (security_invoker = true) as
with sent as not materialized (
  select d.shop_id, d.platform, e.name, (d.captured_at at time zone 'utc')::date as day, d.match_score, d.match_keys,
    e.enriched
  from trakit.deliveries d
  join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
  where d.match_score is not null
), days as (
  select s.shop_id, s.platform, s.name, s.day, count(*) as events, round(avg(s.match_score), 1) as score
  from sent s group by 1, 2, 3, 4
), shares as (
  select s.shop_id, s.platform, s.name, s.day, k.identifier, count(*) as events,
    count(*) filter (where k.identifier <> all (s.enriched)) as own
  from sent s cross join lateral unnest(s.match_keys) k (identifier) group by 1, 2, 3, 4, 5
)
select d.shop_id, d.platform, d.name, d.day, d.events, d.score,
  coalesce((
    select jsonb_object_agg(k.identifier, round(k.events::numeric / d.events, 3) order by k.events desc, k.identifier)
    from shares k
    where k.shop_id = d.shop_id and k.platform = d.platform and k.name = d.name and k.day = d.day), '{}') as coverage,
  coalesce((
    select jsonb_object_agg(k.identifier, round(k.own::numeric / d.events, 3) order by k.own desc, k.identifier)
    from shares k
    where k.shop_id = d.shop_id and k.platform = d.platform and k.name = d.name and k.day = d.day), '{}') as own_coverage
from days d;
comment on view api.match_quality is 'Estimated match quality by platform, event and day. What an identifier would bring: its weight in docs/destinations × the share of events without it.';
comment on column api.match_quality.shop_id is 'Shop.';
comment on column api.match_quality.platform is 'Platform.';
comment on column api.match_quality.name is 'Canonical event name.';
comment on column api.match_quality.day is 'Day of capture, UTC.';
comment on column api.match_quality.events is 'Events a request was built for.';
comment on column api.match_quality.score is 'Average of the estimates, 0 to 10.';
comment on column api.match_quality.coverage is 'Share of these events that carried each identifier, e.g. {"email": 0.97}; one that is not named was in none.';
comment on column api.match_quality.own_coverage is 'The same without enrichment: what the events brought themselves. The difference is what we added from visitor and customer.';
grant select on api.match_quality to authenticated;

create function trakit.match_quality(p_domain text, p_days integer, p_now timestamptz default now()) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
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
    join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
    where d.match_score is not null and d.captured_at > p_now - make_interval(days => p_days)
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
grant create on schema trakit to trakit_app;
alter function trakit.match_quality(text, integer, timestamptz) owner to trakit_app;
grant execute on function trakit.match_quality(text, integer, timestamptz) to trakit_worker;
revoke create on schema trakit from trakit_app;
