-- Subject: joining an event to one visitor, and what that visitor's identifiers add to it.
-- Why: strong keys may merge visitors, weak keys only enrich. What several batches may touch at once is locked before, in one
-- order for all (lock_identity); a visitor's row is written at most once a minute unless something about it changed.
-- Links are looked up one key at a time (lateral, limit 1): a plan made while the table is small reads it whole otherwise,
-- and goes on doing so when it is large.
-- Under load a call brings up to 32 orders, and most are of people nobody knows yet. A statement costs more before its first
-- row than a row does, so visitors and links of those whose keys are all new, and nobody else's in the call, are written
-- together (add_first_visitors); who may be known goes one at a time (join_visitor).
-- Locks: none. Undo: drop function trakit.join_visitor, trakit.add_first_visitors.

create function trakit.join_visitor(
  p_shop_id uuid, p_strong jsonb, p_weak jsonb, p_identifiers jsonb, p_digests jsonb, p_consent jsonb, p_may_merge boolean,
  p_now timestamptz,
  out visitor_id bigint, out enriched jsonb, out known_digests jsonb, out restorable jsonb
)
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_found bigint[];
  v_missing bigint;
  v_weak_found bigint[];
  v_weak bigint;
  v_merged boolean := false;
  v_visitor trakit.visitors;
  v_old trakit.visitors;
begin
  enriched := '{}';
  known_digests := '{}';
  restorable := '{}';

  -- a key that has led to more than 20 visitors joins nothing any more; of the weak ones the most specific comes first
  select array_agg(distinct l.visitor_id order by l.visitor_id) filter (where k.strong and l.joined <= 20),
    count(*) filter (where k.strong and l.visitor_id is null),
    array_agg(l.visitor_id order by array_position(array['checkout', 'cart', 'visitor', 'client', 'email', 'phone'], k.kind))
      filter (where not k.strong and l.joined <= 20)
  into v_found, v_missing, v_weak_found
  from (
    select s.key as kind, s.value as key, true as strong from jsonb_each_text(p_strong) s
    union all
    select w.key, w.value, false from jsonb_each_text(p_weak) w
  ) k
  left join lateral (
    select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
    where x.shop_id = p_shop_id and x.kind = k.kind and x.key = k.key limit 1
  ) l on true;

  if p_strong <> '{}' then
    if v_found is null and v_missing > 0 then
      insert into trakit.visitors (shop_id, identifiers, digests, consent, created_at, last_seen_at)
      values (p_shop_id, p_identifiers, p_digests, p_consent, p_now, p_now)
      returning id into visitor_id;
    else
      visitor_id := v_found[1];
    end if;

    if cardinality(v_found) > 1 and p_may_merge then
      v_merged := true;
      -- fold the newer ones into the oldest; the most recently seen value wins, a purpose decided once stays decided
      for v_visitor in
        select * from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_found) order by v.id for update
      loop
        if v_visitor.id = visitor_id then
          v_old := v_visitor;
        elsif v_visitor.last_seen_at >= v_old.last_seen_at then
          v_old.identifiers := v_old.identifiers || v_visitor.identifiers;
          v_old.digests := v_old.digests || v_visitor.digests;
          v_old.consent := case when v_visitor.consent is null then v_old.consent
            else coalesce(v_old.consent, '{}') || v_visitor.consent end;
          v_old.last_seen_at := v_visitor.last_seen_at;
        else
          v_old.identifiers := v_visitor.identifiers || v_old.identifiers;
          v_old.digests := v_visitor.digests || v_old.digests;
          v_old.consent := case when v_visitor.consent is null then v_old.consent
            else v_visitor.consent || coalesce(v_old.consent, '{}') end;
        end if;
      end loop;
      update trakit.visitors v
      set identifiers = v_old.identifiers, digests = v_old.digests, consent = v_old.consent, last_seen_at = v_old.last_seen_at
      where v.shop_id = p_shop_id and v.id = visitor_id;
      update trakit.visitor_links l set visitor_id = join_visitor.visitor_id
      where l.shop_id = p_shop_id and l.visitor_id = any (v_found[2:]);
      delete from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_found[2:]);
      -- counted on the keys that brought them together
      update trakit.visitor_links l set joined = l.joined + cardinality(v_found) - 1
      from jsonb_each_text(p_strong) k
      where l.shop_id = p_shop_id and l.kind = k.key and l.key = k.value and l.joined <= 20;
    end if;

    if v_found is not null then
      select * into v_visitor from trakit.visitors v where v.shop_id = p_shop_id and v.id = visitor_id;
      if v_visitor.last_seen_at < p_now - interval '1 minute'
        or not (v_visitor.identifiers @> p_identifiers and v_visitor.digests @> p_digests)
        or (p_consent is not null and not coalesce(v_visitor.consent @> p_consent, false))
      then
        update trakit.visitors v
        set identifiers = v.identifiers || p_identifiers,
            digests = v.digests || p_digests,
            consent = case when p_consent is null then v.consent else coalesce(v.consent, '{}') || p_consent end,
            last_seen_at = greatest(v.last_seen_at, p_now)
        where v.shop_id = p_shop_id and v.id = visitor_id;
      end if;
      enriched := v_visitor.identifiers;
      known_digests := v_visitor.digests;
    end if;
    restorable := enriched || p_identifiers;
  end if;

  if visitor_id is not null and (v_missing > 0 or p_weak <> '{}') then
    insert into trakit.visitor_links as l (shop_id, kind, key, visitor_id, created_at)
    select p_shop_id, k.kind, k.key, join_visitor.visitor_id, p_now
    from (
      select s.key as kind, s.value as key from jsonb_each_text(p_strong) s where v_missing > 0
      union all
      -- a visitor or client id that came in a cart attribute may be anybody's: it enriches, it is never taught
      select w.key, w.value from jsonb_each_text(p_weak) w where w.key in ('checkout', 'cart', 'email', 'phone')
    ) k
    order by k.kind, k.key
    on conflict (shop_id, kind, key) do update
      set visitor_id = excluded.visitor_id, joined = l.joined + 1
      -- a strong key's visitor changes only by a merge
      where l.kind in ('checkout', 'cart', 'email', 'phone') and l.visitor_id <> excluded.visitor_id and l.joined <= 20;
  end if;

  select w.id into v_weak from unnest(v_weak_found) with ordinality w (id, rank)
  where w.id is distinct from join_visitor.visitor_id and not (v_merged and w.id = any (v_found))
  order by w.rank limit 1;
  if v_weak is not null then
    select v.identifiers || enriched, v.digests || known_digests into enriched, known_digests
    from trakit.visitors v where v.shop_id = p_shop_id and v.id = v_weak;
    visitor_id := coalesce(visitor_id, v_weak);
  end if;
end;
$$;
comment on function trakit.join_visitor(uuid, jsonb, jsonb, jsonb, jsonb, jsonb, boolean, timestamptz) is
  'Joins an event to a visitor by strong keys {"kind": "key"}, enriches it by strong and weak ones. restorable = what the browser may get back (strong keys only). The caller holds lock_identity; without p_may_merge an event whose keys lead to two visitors joins the older one, and the next such event merges them.';

create function trakit.add_first_visitors(p_shop_id uuid, p_items jsonb[], p_identity jsonb[], p_now timestamptz) returns bigint[]
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_first bigint[];
  v_ords integer[];
  v_ids bigint[];
  v_kinds text[];
  v_keys text[];
  v_key_ords integer[];
begin
  select array_agg(k.key), array_agg(k.value), array_agg(e.ord::integer)
  into v_kinds, v_keys, v_key_ords
  from unnest(p_identity) with ordinality e (keys, ord)
  cross join lateral jsonb_each_text((e.keys -> 'strong') || (e.keys -> 'weak')) k;

  -- no link holds a key of theirs, and no other event of the call has one of them
  select array_agg(n.ord order by n.ord) into v_ords
  from (
    select k.ord
    from (
      select u.kind, u.key, u.ord, count(*) over (partition by u.kind, u.key) as times
      from unnest(v_kinds, v_keys, v_key_ords) u (kind, key, ord)
    ) k
    left join lateral (
      select x.kind from trakit.visitor_links x where x.shop_id = p_shop_id and x.kind = k.kind and x.key = k.key limit 1
    ) l on true
    group by k.ord
    having count(l.kind) = 0 and max(k.times) = 1
  ) n;
  if v_ords is null then
    return null;
  end if;
  -- 0 = there is nobody to join, and no key that could found a visitor
  v_first := array_fill(null::bigint, array[cardinality(p_items)]);
  for v_i in 1..cardinality(v_ords) loop
    v_first[v_ords[v_i]] := 0;
  end loop;
  v_ords := array(select o from unnest(v_ords) o where p_identity[o] -> 'strong' <> '{}' order by o);
  if v_ords = array[]::integer[] then
    return v_first;
  end if;

  -- ids are given in the order of the rows
  with added as (
    insert into trakit.visitors (shop_id, identifiers, digests, consent, created_at, last_seen_at)
    select p_shop_id,
      -- as in ingest_events: what an order carries in its attributes is nothing the vault learns from
      case when e.event ->> 'source' = 'browser' then e.event -> 'identifiers'
        else jsonb_strip_nulls(jsonb_build_object('customer_id', e.event #> '{identifiers,customer_id}')) end,
      e.event -> 'digests', nullif(e.event -> 'consent', '{}'), p_now, p_now
    from unnest(v_ords) with ordinality o (ord, place)
    cross join lateral (select p_items[o.ord] -> 'event' as event) e
    order by o.place
    returning id
  )
  select array_agg(a.id order by a.id) into v_ids from added a;
  for v_i in 1..cardinality(v_ords) loop
    v_first[v_ords[v_i]] := v_ids[v_i];
  end loop;

  insert into trakit.visitor_links (shop_id, kind, key, visitor_id, created_at)
  select p_shop_id, k.kind, k.key, v_first[k.ord], p_now
  from unnest(v_kinds, v_keys, v_key_ords) k (kind, key, ord)
  where k.ord = any (v_ords)
    -- a visitor or client id that came in a cart attribute may be anybody's: it enriches, it is never taught
    and (k.kind in ('checkout', 'cart', 'email', 'phone') or p_identity[k.ord] -> 'strong' ? k.kind)
  order by k.kind, k.key;
  return v_first;
end;
$$;
comment on function trakit.add_first_visitors(uuid, jsonb[], jsonb[], timestamptz) is
  'Founds the visitors of a call''s events whose keys nobody has yet and no other event of the call shares: what join_visitor would do for each. Returns by event: the visitor''s id, 0 = none and none to be found, null = ask join_visitor. The caller holds lock_identity.';
