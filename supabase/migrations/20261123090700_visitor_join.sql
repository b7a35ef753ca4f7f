-- Subject: joining an event to one visitor, and what that visitor's identifiers add to it.
-- Why: strong keys may merge visitors, weak keys only enrich (docs/architecture.md, "Identity"). Visitors are locked in
-- sorted order; a visitor's row is written at most once a minute unless something about it changed.
-- Locks: none. Undo: drop function trakit.join_visitor.

create function trakit.join_visitor(
  p_shop_id uuid, p_strong jsonb, p_weak jsonb, p_identifiers jsonb, p_digests jsonb, p_consent jsonb, p_now timestamptz,
  out visitor_id bigint, out enriched jsonb, out known_digests jsonb, out restorable jsonb
)
language plpgsql security invoker set search_path = '' as $$
declare
  v_found bigint[];
  v_new bigint;
  v_weak bigint;
  v_visitor trakit.visitors;
  v_old trakit.visitors;
  v_missing integer;
begin
  enriched := '{}';
  known_digests := '{}';
  restorable := '{}';

  if p_strong <> '{}' then
    select array_agg(distinct l.visitor_id order by l.visitor_id), (select count(*) from jsonb_object_keys(p_strong)) - count(*)
    into v_found, v_missing
    from jsonb_each_text(p_strong) k
    join trakit.visitor_links l on l.shop_id = p_shop_id and l.kind = k.key and l.key = k.value
    where l.joined <= 20;

    if v_found is null then
      insert into trakit.visitors (shop_id, identifiers, digests, consent, created_at, last_seen_at)
      values (p_shop_id, p_identifiers, p_digests, p_consent, p_now, p_now)
      returning id into v_new;
      visitor_id := v_new;
      v_missing := 1;
    else
      visitor_id := v_found[1];
    end if;

    if cardinality(v_found) > 1 then
      -- merge: lock all in sorted order, fold the newer ones into the oldest, the most recently seen value wins
      for v_visitor in
        select * from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_found) order by v.id for update
      loop
        if v_visitor.id = visitor_id then
          v_old := v_visitor;
        elsif v_visitor.last_seen_at >= v_old.last_seen_at then
          v_old.identifiers := v_old.identifiers || v_visitor.identifiers;
          v_old.digests := v_old.digests || v_visitor.digests;
          v_old.consent := coalesce(v_visitor.consent, v_old.consent);
          v_old.last_seen_at := v_visitor.last_seen_at;
        else
          v_old.identifiers := v_visitor.identifiers || v_old.identifiers;
          v_old.digests := v_visitor.digests || v_old.digests;
        end if;
      end loop;
      if v_old.id is not null then
        update trakit.visitors v
        set identifiers = v_old.identifiers, digests = v_old.digests, consent = v_old.consent, last_seen_at = v_old.last_seen_at
        where v.shop_id = p_shop_id and v.id = visitor_id;
        update trakit.visitor_links l set visitor_id = join_visitor.visitor_id, joined = l.joined + 1
        where l.shop_id = p_shop_id and l.visitor_id = any (v_found[2:]);
        delete from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_found[2:]);
      end if;
    end if;

    if v_missing > 0 then
      insert into trakit.visitor_links (shop_id, kind, key, visitor_id, created_at)
      select p_shop_id, k.key, k.value, join_visitor.visitor_id, p_now
      from jsonb_each_text(p_strong) k order by k.key, k.value
      on conflict (shop_id, kind, key) do nothing;
      if v_new is not null then
        -- two first events of one visitor at once: the other one committed first, so ours joins it
        select min(l.visitor_id) into visitor_id
        from jsonb_each_text(p_strong) k
        join trakit.visitor_links l on l.shop_id = p_shop_id and l.kind = k.key and l.key = k.value
        where l.joined <= 20;
        visitor_id := coalesce(visitor_id, v_new);
        if visitor_id <> v_new then
          update trakit.visitor_links l set visitor_id = join_visitor.visitor_id
          where l.shop_id = p_shop_id and l.visitor_id = v_new;
          delete from trakit.visitors v where v.shop_id = p_shop_id and v.id = v_new;
        end if;
      end if;
    end if;

    if visitor_id is distinct from v_new then
      select * into v_visitor from trakit.visitors v where v.shop_id = p_shop_id and v.id = visitor_id;
      if v_visitor.last_seen_at < p_now - interval '1 minute'
        or not (v_visitor.identifiers @> p_identifiers and v_visitor.digests @> p_digests)
        or (p_consent is not null and v_visitor.consent is distinct from p_consent)
      then
        update trakit.visitors v
        set identifiers = v.identifiers || p_identifiers,
            digests = v.digests || p_digests,
            consent = coalesce(p_consent, v.consent),
            last_seen_at = greatest(v.last_seen_at, p_now)
        where v.shop_id = p_shop_id and v.id = visitor_id;
      end if;
      enriched := coalesce(v_visitor.identifiers, '{}');
      known_digests := coalesce(v_visitor.digests, '{}');
    end if;
    restorable := enriched || p_identifiers;
  end if;

  if p_weak <> '{}' then
    -- the most specific key that leads somewhere
    select l.visitor_id into v_weak
    from jsonb_each_text(p_weak) k
    join trakit.visitor_links l on l.shop_id = p_shop_id and l.kind = k.key and l.key = k.value
    where l.joined <= 20 and l.visitor_id is distinct from join_visitor.visitor_id
    order by array_position(array['checkout', 'cart', 'visitor', 'client', 'email', 'phone'], l.kind)
    limit 1;
    if v_weak is not null then
      select v.identifiers || enriched, v.digests || known_digests into enriched, known_digests
      from trakit.visitors v where v.shop_id = p_shop_id and v.id = v_weak;
    end if;
    if visitor_id is not null then
      insert into trakit.visitor_links as l (shop_id, kind, key, visitor_id, created_at)
      select p_shop_id, k.key, k.value, join_visitor.visitor_id, p_now
      from jsonb_each_text(p_weak) k
      -- a visitor or client id that came in a cart attribute may be anybody's: it enriches, it is never taught
      where k.key in ('checkout', 'cart', 'email', 'phone')
      order by k.key, k.value
      on conflict (shop_id, kind, key) do update
        set visitor_id = excluded.visitor_id, joined = l.joined + 1
        where l.visitor_id <> excluded.visitor_id;
    end if;
    visitor_id := coalesce(visitor_id, v_weak);
  end if;
end;
$$;
comment on function trakit.join_visitor(uuid, jsonb, jsonb, jsonb, jsonb, jsonb, timestamptz) is
  'Joins an event to a visitor by strong keys {"kind": "key"}, enriches it by strong and weak ones. restorable = what the browser may get back (strong keys only).';
grant execute on function trakit.join_visitor(uuid, jsonb, jsonb, jsonb, jsonb, jsonb, timestamptz) to trakit_app;
