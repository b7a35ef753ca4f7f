-- Subject: joining an event to one visitor, and what that visitor's identifiers add to it.
-- Why: a browser's ids found visitors, merge them, and teach them tokens and identifiers. An event without an id (Shopify's, or
-- a browser's that carries none) is joined by its token to the browser that token was taught by: cookies and click ids flow to
-- that one event, and nothing flows back. What several batches may touch at once is locked before, in one order for all
-- (lock_identity); a visitor's row is written at most once a minute unless something about it changed.
-- Links are looked up one key at a time (lateral, limit 1): a plan made while the table is small reads it whole otherwise,
-- and goes on doing so when it is large.
-- Under load a call brings up to 32 orders, and most are of people nobody knows yet. A statement costs more before its first
-- row than a row does, so visitors and links of those whose keys are all new, and nobody else's in the call, are written
-- together (add_first_visitors); who may be known goes one at a time (join_visitor).
-- Locks: none. Undo: drop function trakit.join_visitor, trakit.add_first_visitors.

create function trakit.join_visitor(
  p_shop_id uuid, p_ids jsonb, p_tokens jsonb, p_identifiers jsonb, p_consent jsonb, p_may_merge boolean, p_now timestamptz,
  out visitor_id bigint, out enriched jsonb, out restorable jsonb
)
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_found bigint[];
  v_missing bigint;
  v_gained bigint;
  v_taught bigint[];
  v_shared boolean;
  v_visitor trakit.visitors;
  v_old trakit.visitors;
begin
  enriched := '{}';
  restorable := '{}';

  if p_ids = '{}' then
    -- the checkout says more than the cart, which several checkouts may come of. Who was logged in there is no cookie: whose
    -- order it is, the order says itself
    select v.id, v.identifiers - 'customer_id' into visitor_id, enriched
    from jsonb_each_text(p_tokens) k
    cross join lateral (
      select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
      where x.shop_id = p_shop_id and x.kind = k.key and x.key = k.value limit 1
    ) l
    join trakit.visitors v on v.shop_id = p_shop_id and v.id = l.visitor_id
    where l.joined <= 20
    order by k.key = 'checkout' desc limit 1;
    enriched := coalesce(enriched, '{}');
    return;
  end if;

  -- a key at which more than 20 visitors met joins nothing any more
  select array_agg(distinct l.visitor_id order by l.visitor_id) filter (where k.id and l.joined <= 20),
    count(*) filter (where k.id and l.visitor_id is null),
    -- a pixel's id that is new beside our own is no other visitor
    count(*) filter (where k.id and l.visitor_id is null and (k.kind <> 'client' or not p_ids ? 'visitor')),
    array_agg(l.visitor_id) filter (where not k.id),
    bool_or(k.kind in ('visitor', 'client') and l.joined > 20)
  into v_found, v_missing, v_gained, v_taught, v_shared
  from (
    select i.key as kind, i.value as key, true as id from jsonb_each_text(p_ids) i
    union all
    select t.key, t.value, false from jsonb_each_text(p_tokens) t
  ) k
  left join lateral (
    select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
    where x.shop_id = p_shop_id and x.kind = k.kind and x.key = k.key limit 1
  ) l on true;

  -- a browser that is everybody's has nothing a customer would take home
  if v_shared then
    p_identifiers := jsonb_strip_nulls(jsonb_build_object('customer_id', p_identifiers -> 'customer_id'));
  end if;
  if v_found is null and v_missing > 0 then
    insert into trakit.visitors (shop_id, identifiers, consent, created_at, last_seen_at)
    values (p_shop_id, p_identifiers, p_consent, p_now, p_now)
    returning id into visitor_id;
  else
    visitor_id := v_found[1];
  end if;

  if cardinality(v_found) > 1 and p_may_merge then
    v_gained := v_gained + cardinality(v_found) - 1;
    -- fold the newer ones into the oldest; the most recently seen value wins, a purpose decided once stays decided
    for v_visitor in
      select * from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_found) order by v.id for update
    loop
      if v_visitor.id = visitor_id then
        v_old := v_visitor;
      elsif v_visitor.last_seen_at >= v_old.last_seen_at then
        v_old.identifiers := v_old.identifiers || v_visitor.identifiers;
        v_old.consent := case when v_visitor.consent is null then v_old.consent
          else coalesce(v_old.consent, '{}') || v_visitor.consent end;
        v_old.last_seen_at := v_visitor.last_seen_at;
      else
        v_old.identifiers := v_visitor.identifiers || v_old.identifiers;
        v_old.consent := case when v_visitor.consent is null then v_old.consent
          else v_visitor.consent || coalesce(v_old.consent, '{}') end;
      end if;
    end loop;
    update trakit.visitors v
    set identifiers = v_old.identifiers, consent = v_old.consent, last_seen_at = v_old.last_seen_at
    where v.shop_id = p_shop_id and v.id = visitor_id;
    update trakit.visitor_links l set visitor_id = join_visitor.visitor_id
    where l.shop_id = p_shop_id and l.visitor_id = any (v_found[2:]);
    delete from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_found[2:]);
    -- events from before go on naming them
    update trakit.visitor_aliases a set became = join_visitor.visitor_id
    where a.shop_id = p_shop_id and a.became = any (v_found[2:]);
    insert into trakit.visitor_aliases (shop_id, visitor_id, became, folded_at)
    select p_shop_id, f.id, join_visitor.visitor_id, p_now from unnest(v_found[2:]) f (id);
  end if;
  if v_found is not null and v_gained > 0 then
    -- counted on the keys they met at: who was folded, and who was nobody yet
    update trakit.visitor_links l set joined = l.joined + v_gained
    from jsonb_each_text(p_ids) k
    where l.shop_id = p_shop_id and l.kind = k.key and l.key = k.value and l.joined <= 20;
  end if;

  if v_found is not null then
    select * into v_visitor from trakit.visitors v where v.shop_id = p_shop_id and v.id = visitor_id;
    if v_visitor.last_seen_at < p_now - interval '1 minute'
      or not v_visitor.identifiers @> p_identifiers
      or (p_consent is not null and not coalesce(v_visitor.consent @> p_consent, false))
    then
      update trakit.visitors v
      set identifiers = v.identifiers || p_identifiers,
          consent = case when p_consent is null then v.consent else coalesce(v.consent, '{}') || p_consent end,
          last_seen_at = greatest(v.last_seen_at, p_now)
      where v.shop_id = p_shop_id and v.id = visitor_id;
    end if;
    enriched := v_visitor.identifiers;
  end if;
  restorable := enriched || p_identifiers;

  if visitor_id is not null and (v_missing > 0 or array_remove(v_taught, visitor_id) <> array[]::bigint[]) then
    insert into trakit.visitor_links as l (shop_id, kind, key, visitor_id, created_at)
    select p_shop_id, k.kind, k.key, join_visitor.visitor_id, p_now
    from (
      select i.key as kind, i.value as key from jsonb_each_text(p_ids) i where v_missing > 0
      union all
      select t.key, t.value from jsonb_each_text(p_tokens) t
    ) k
    order by k.kind, k.key
    on conflict (shop_id, kind, key) do update
      set visitor_id = excluded.visitor_id, joined = l.joined + 1
      -- an id's visitor changes only by a merge
      where l.kind in ('checkout', 'cart') and l.visitor_id <> excluded.visitor_id and l.joined <= 20;
  end if;
end;
$$;
comment on function trakit.join_visitor(uuid, jsonb, jsonb, jsonb, jsonb, boolean, timestamptz) is
  'Joins an event to a visitor: by its ids {"kind": "key"}, which found, merge and teach; without ids by its tokens, which only read. enriched = what the visitor''s identifiers add, restorable = what the browser may get back (ids only). The caller holds lock_identity; without p_may_merge an event whose ids lead to two visitors joins the older one, and the next such event merges them.';

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
  cross join lateral jsonb_each_text((e.keys -> 'ids') || (e.keys -> 'tokens')) k;

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
  -- 0 = there is nobody to join, and no id that could found a visitor
  v_first := array_fill(null::bigint, array[cardinality(p_items)]);
  for v_i in 1..cardinality(v_ords) loop
    v_first[v_ords[v_i]] := 0;
  end loop;
  v_ords := array(select o from unnest(v_ords) o where p_identity[o] -> 'ids' <> '{}' order by o);
  if v_ords = array[]::integer[] then
    return v_first;
  end if;

  -- ids are given in the order of the rows
  with added as (
    insert into trakit.visitors (shop_id, identifiers, consent, created_at, last_seen_at)
    select p_shop_id, e.event -> 'identifiers', nullif(e.event -> 'consent', '{}'), p_now, p_now
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
  order by k.kind, k.key;
  return v_first;
end;
$$;
comment on function trakit.add_first_visitors(uuid, jsonb[], jsonb[], timestamptz) is
  'Founds the visitors of a call''s events whose keys nobody has yet and no other event of the call shares: what join_visitor would do for each. Returns by event: the visitor''s id, 0 = none and none to be found, null = ask join_visitor. The caller holds lock_identity.';
