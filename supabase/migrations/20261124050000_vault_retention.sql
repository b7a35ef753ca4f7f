-- Subject: how long the identity vault keeps a visitor, and how long refusals are counted.
-- Why: a visitor nobody saw for as long as the shop's cookies live (two years at most) cannot come back by a cookie, so
-- what is known of them serves nobody. A visitor's row is updated once a minute while they are here, and an index on
-- last_seen_at would make each of these updates write all indexes; the time a visitor was made never changes.
-- Locks: a share lock on trakit.visitors while the index is built. Undo: drop function trakit.purge_visitors; drop the index.

create index visitors_by_creation on trakit.visitors (created_at);

create function trakit.purge_visitors(p_limit integer, p_now timestamptz) returns integer
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid;
  v_gone bigint[];
  v_purged integer := 0;
begin
  for v_shop, v_gone in
    select f.shop_id, array_agg(f.id)
    from (
      select v.shop_id, v.id
      from trakit.visitors v join trakit.shops s on s.id = v.shop_id
      where v.created_at < p_now - make_interval(days => s.cookie_lifetime_days)
        and v.last_seen_at < p_now - make_interval(days => s.cookie_lifetime_days)
        and v.created_at < p_now - interval '1 day'
      order by v.created_at limit p_limit
    ) f
    group by f.shop_id order by f.shop_id
  loop
    -- who deletes visitors is alone in the shop (lock_identity); a shop that is busy has its turn in the next hour
    continue when not pg_try_advisory_xact_lock(hashtextextended('trakit.identity:' || v_shop, 0));
    delete from trakit.visitor_links l where l.shop_id = v_shop and l.visitor_id = any (v_gone);
    delete from trakit.visitors v
    where v.shop_id = v_shop and v.id = any (v_gone);
    v_purged := v_purged + cardinality(v_gone);
  end loop;
  return v_purged;
end;
$$;
comment on function trakit.purge_visitors(integer, timestamptz) is
  'Deletes up to p_limit visitors, with their keys, whom nobody saw for as long as their shop''s cookies live. Called by trakit.purge.';
