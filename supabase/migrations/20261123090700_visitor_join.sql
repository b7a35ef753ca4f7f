-- Subject: joining an event to one visitor, and what that visitor's identifiers add to it.
-- Why: strong keys may merge visitors, weak keys only enrich (docs/architecture.md, "Identity"). What several batches may
-- touch at once is locked before, in one order for all (lock_identity); a visitor's row is written at most once a minute
-- unless something about it changed.
-- Links are looked up one key at a time (lateral, limit 1): a plan made while the table is small reads it whole otherwise,
-- and goes on doing so when it is large.
-- Locks: none. Undo: drop function trakit.join_visitor, trakit.lock_identity, trakit.identity_keys.

create function trakit.identity_keys(p_event jsonb, p_policy text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  v_ids jsonb := p_event -> 'identifiers';
  v_strong jsonb := jsonb '{}';
  v_weak jsonb;
begin
  if not coalesce((p_event #>> '{consent,marketing}')::boolean, p_policy <> 'skip')
    and not coalesce((p_event #>> '{consent,analytics}')::boolean, p_policy <> 'skip')
  then
    return jsonb '{"strong": {}, "weak": {}}';
  end if;
  v_weak := jsonb_build_object(
    'checkout', p_event #> '{commerce,checkout_token}', 'cart', p_event #> '{commerce,cart_token}',
    'email', p_event #> '{digests,email.lower,0}', 'phone', p_event #> '{digests,phone.e164,0}');
  if p_event ->> 'source' = 'browser' then
    v_strong := jsonb_build_object(
      'visitor', v_ids -> 'visitor_id', 'client', v_ids -> 'client_id', 'customer', v_ids -> 'customer_id');
  else
    v_strong := jsonb_build_object('customer', v_ids -> 'customer_id');
    v_weak := v_weak || jsonb_build_object('visitor', v_ids -> 'visitor_id', 'client', v_ids -> 'client_id');
  end if;
  return jsonb_build_object('strong', jsonb_strip_nulls(v_strong), 'weak', jsonb_strip_nulls(v_weak));
end;
$$;
comment on function trakit.identity_keys(jsonb, text) is
  'Keys of an event that lead to its visitor, {"strong": {"kind": "key"}, "weak": {…}}; none where consent (or the policy for unknown consent) allows no purpose. What a browser carries is strong, what an order''s attributes say is weak.';
grant execute on function trakit.identity_keys(jsonb, text) to trakit_app;

create function trakit.lock_identity(p_shop_id uuid, p_keys jsonb) returns boolean
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_shop_lock bigint := hashtextextended('trakit.identity:' || p_shop_id, 0);
  v_single boolean := jsonb_array_length(p_keys) = 1;
  v_kinds text[];
  v_keys text[];
  v_strong_of bigint[];
begin
  -- arrays, so that the planner expects few keys, not thousands; v_strong_of = the event whose strong key it is
  select array_agg(k.kind), array_agg(k.key), array_agg(k.strong_of)
  into v_kinds, v_keys, v_strong_of
  from (
    select k.key as kind, k.value as key, e.ord as strong_of
    from jsonb_array_elements(p_keys) with ordinality e (keys, ord) cross join lateral jsonb_each_text(e.keys -> 'strong') k
    union all
    select k.key, k.value, null::bigint
    from jsonb_array_elements(p_keys) e (keys) cross join lateral jsonb_each_text(e.keys -> 'weak') k
  ) k;

  -- does one event's strong keys lead to two visitors? An order has one strong key at most
  if (not v_single or cardinality(array_remove(v_strong_of, null)) > 1) and exists (
    select from unnest(v_kinds, v_keys, v_strong_of) k (kind, key, strong_of)
    cross join lateral (
      select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
      where x.shop_id = p_shop_id and x.kind = k.kind and x.key = k.key limit 1
    ) l
    where k.strong_of is not null and l.joined <= 20
    group by k.strong_of having count(distinct l.visitor_id) > 1
  ) then
    -- a merge moves links and removes visitors other batches found: alone in the shop, for one transaction
    perform pg_advisory_xact_lock(v_shop_lock);
    return true;
  end if;
  perform pg_advisory_xact_lock_shared(v_shop_lock);
  -- keys first: afterwards nobody else moves them, so the visitors they lead to are the ones to lock
  perform pg_advisory_xact_lock(q.lock) from (
    select distinct hashtextextended(concat_ws(':', 'trakit.link', p_shop_id, k.kind, k.key), 0) as lock
    from unnest(v_kinds, v_keys) k (kind, key) order by lock offset 0
  ) q;
  -- one event writes one visitor, between its keys: nothing to put in order
  if not v_single then
    perform pg_advisory_xact_lock(q.lock) from (
      select distinct hashtextextended(concat_ws(':', 'trakit.visitor', p_shop_id, l.visitor_id), 0) as lock
      from unnest(v_kinds, v_keys) k (kind, key)
      cross join lateral (
        select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
        where x.shop_id = p_shop_id and x.kind = k.kind and x.key = k.key limit 1
      ) l
      order by lock offset 0
    ) q;
  end if;
  return false;
end;
$$;
comment on function trakit.lock_identity(uuid, jsonb) is
  'Locks a batch''s keys [{"strong": {…}, "weak": {…}}] and the visitors they lead to until the transaction ends, in one order for all callers. True = the caller may merge visitors. Whoever deletes visitors takes the shop''s lock (trakit.identity:<shop>) alone.';
grant execute on function trakit.lock_identity(uuid, jsonb) to trakit_app;

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
grant execute on function trakit.join_visitor(uuid, jsonb, jsonb, jsonb, jsonb, jsonb, boolean, timestamptz) to trakit_app;
