-- Subject: api.match_quality reads what was sent once.
-- Why: it read every scored delivery and its event twice, sorted one row per identifier (nine million for a million
-- deliveries) and looked the shares up group by group; a filter on the day did not reach the second reading. Now a group
-- gathers what its events carried, and counts alike ones together.
-- Locks: access exclusive on the view, for a moment. Undo: create it again as 20261124100000_match_quality.sql has it.

create or replace view api.match_quality with (security_invoker = true) as
with days as not materialized (
  -- as text: arrays of different lengths cannot be gathered, and alike ones are found by it
  select d.shop_id, d.platform, e.name, (d.captured_at at time zone 'utc')::date as day, count(*) as events,
    round(avg(d.match_score), 1) as score,
    array_agg(array[d.match_keys::text, e.enriched::text]::text) as carried
  from trakit.deliveries d
  join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
  where d.match_score is not null
  group by 1, 2, 3, 4
)
select d.shop_id, d.platform, d.name, d.day, d.events, d.score, coalesce(s.coverage, '{}') as coverage,
  coalesce(s.own_coverage, '{}') as own_coverage
from days d
cross join lateral (
  select jsonb_object_agg(c.identifier, round(c.events / d.events, 3)) as coverage,
    jsonb_object_agg(c.identifier, round(c.own / d.events, 3)) as own_coverage
  from (
    select k.identifier, sum(a.events) as events,
      coalesce(sum(a.events) filter (where k.identifier <> all (a.keys_and_enriched[2]::text[])), 0) as own
    from (
      select u.alike::text[] as keys_and_enriched, count(*) as events from unnest(d.carried) u (alike) group by u.alike
    ) a
    cross join lateral unnest(a.keys_and_enriched[1]::text[]) k (identifier)
    group by 1
  ) c
) s;
