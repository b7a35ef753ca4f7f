-- Subject: visitors, the keys that lead to them, and how long they are kept (docs/architecture.md, "Identity").
-- Why: a link says which visitor a key leads to. Only keys somebody holds have links: ids (our visitor id, the web pixel's
-- clientId, a customer Shopify signed for) restore and merge, tokens (checkout, cart) join one event to its browser. What
-- anybody can type (an email, a phone number, a cart attribute, the customer of an order) leads nowhere, and what is typed
-- stays on its own event: a visitor has no digests (docs/architecture.md, "Identity").
-- No foreign key to shops: its row lock per insert would make the shop's row hot. None from links to visitors either: it
-- would be checked five times an event, and join_visitor, which alone writes them, moves a visitor's links before it goes.
-- Redaction deletes by shop_id.
-- A visitor nobody saw for as long as the shop's cookies live (two years at most) cannot come back by a cookie, so what is
-- known of them serves nobody. A visitor's row is updated once a minute while they are here, and an index on last_seen_at
-- would make each of these updates write all indexes; the time a visitor was made never changes.
-- Whoever was folded into an older visitor has an alias, as long as events are kept that name them: a request for a person's data
-- finds these, and so does a withdrawal.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.visitor_aliases, trakit.visitor_links,
-- trakit.visitors.

create table trakit.visitors (
  shop_id uuid not null,
  id bigint generated always as identity,
  identifiers jsonb not null default '{}',
  consent jsonb,
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  customer_id text generated always as (identifiers ->> 'customer_id') stored,
  constraint visitors_pkey primary key (shop_id, id),
  constraint visitors_identifiers_object check (jsonb_typeof(identifiers) = 'object'),
  constraint visitors_seen_after_created check (last_seen_at >= created_at)
);
create index visitors_by_creation on trakit.visitors (shop_id, created_at);
-- small: only who was logged in. A column, for under row-level security an index on a reading of JSON is not used
create index visitors_by_customer on trakit.visitors (customer_id) where customer_id is not null;

comment on table trakit.visitors is 'One row per visitor of a shop: the cookies and click ids we know, to enrich events and restore cookies.';
comment on column trakit.visitors.shop_id is 'Shop visited.';
comment on column trakit.visitors.id is 'Older visitors have smaller ids; on a merge the older wins.';
comment on column trakit.visitors.identifiers is 'Cookies and click ids by name; the names are in packages/core/src/identifiers.ts.';
comment on column trakit.visitors.consent is 'Latest explicit decision per purpose; null = none known.';
comment on column trakit.visitors.created_at is 'First seen.';
comment on column trakit.visitors.last_seen_at is 'Last seen, at most once a minute.';
comment on column trakit.visitors.customer_id is 'Who was logged in there last, out of identifiers: a person''s visitors are found by it.';

create table trakit.visitor_links (
  shop_id uuid not null,
  kind text not null,
  key text not null,
  visitor_id bigint not null,
  joined integer not null default 1,
  created_at timestamptz not null,
  constraint visitor_links_pkey primary key (shop_id, kind, key),
  constraint visitor_links_kind_known check (kind in ('visitor', 'client', 'customer', 'checkout', 'cart')),
  constraint visitor_links_key_bounded check (length(key) between 1 and 200),
  constraint visitor_links_joined_positive check (joined > 0)
);
-- by the visitor alone: an index that also began with the shop would look as good as the key's to a planner without statistics
create index visitor_links_by_visitor on trakit.visitor_links (visitor_id);
-- small: only customers among the keys
create index visitor_links_customers on trakit.visitor_links (shop_id, created_at) where kind = 'customer';

comment on table trakit.visitor_links is 'Keys that lead to a visitor.';
comment on column trakit.visitor_links.shop_id is 'Shop visited.';
comment on column trakit.visitor_links.kind is 'visitor, client, customer: ids, which restore and merge. checkout, cart: tokens, which join one event to its browser.';
comment on column trakit.visitor_links.key is 'The id or token itself.';
comment on column trakit.visitor_links.visitor_id is 'Visitor the key leads to now.';
comment on column trakit.visitor_links.joined is 'How many visitors have met at the key, folded into one or new ones that gained it; past 20 it joins nothing any more (a shared till).';
comment on column trakit.visitor_links.created_at is 'First seen.';

create table trakit.visitor_aliases (
  shop_id uuid not null,
  visitor_id bigint not null,
  became bigint not null,
  folded_at timestamptz not null,
  constraint visitor_aliases_pkey primary key (shop_id, visitor_id),
  constraint visitor_aliases_of_another check (became <> visitor_id)
);
create index visitor_aliases_by_survivor on trakit.visitor_aliases (became);
create index visitor_aliases_by_time on trakit.visitor_aliases (folded_at);

comment on table trakit.visitor_aliases is 'Visitors that were folded into another: events from before still name them. Kept 31 days, as long as these.';
comment on column trakit.visitor_aliases.shop_id is 'Shop visited.';
comment on column trakit.visitor_aliases.visitor_id is 'The visitor that is no more.';
comment on column trakit.visitor_aliases.became is 'The visitor they are now, never one that was folded itself.';
comment on column trakit.visitor_aliases.folded_at is 'When they met.';

call trakit.isolate_by_shop('trakit.visitors', p_people => true);
call trakit.isolate_by_shop('trakit.visitor_links', p_people => true);
call trakit.isolate_by_shop('trakit.visitor_aliases');
call trakit.keep_no_statistics('trakit.visitors', array['identifiers', 'consent', 'customer_id']);
call trakit.keep_no_statistics('trakit.visitor_links', array['key']);

create function trakit.identity_keys(p_event jsonb, p_policy text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  v_ids jsonb := jsonb '{}';
begin
  -- nothing may be added to it, nor learnt from it
  if not coalesce((p_event #>> '{consent,marketing}')::boolean, p_policy <> 'skip')
    and not coalesce((p_event #>> '{consent,analytics}')::boolean, p_policy <> 'skip')
  then
    return null;
  end if;
  -- an order's attributes and its customer are typed: its own word, and no key
  if p_event ->> 'source' = 'browser' then
    v_ids := jsonb_build_object('visitor', p_event #> '{identifiers,visitor_id}',
      'client', p_event #> '{identifiers,client_id}', 'customer', p_event #> '{identifiers,customer_id}');
  end if;
  return jsonb_build_object('ids', jsonb_strip_nulls(v_ids), 'tokens', jsonb_strip_nulls(jsonb_build_object(
    'checkout', p_event #> '{commerce,checkout_token}', 'cart', p_event #> '{commerce,cart_token}')));
end;
$$;
comment on function trakit.identity_keys(jsonb, text) is
  'Held keys of an event that lead to its visitor, {"ids": {"kind": "key"}, "tokens": {…}}; null where consent (or the policy for unknown consent) allows no purpose. Ids are a browser''s own only; tokens are of both sides.';

create function trakit.lock_identity(p_shop_id uuid, p_keys jsonb) returns boolean
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_shop_lock bigint := hashtextextended('trakit.identity:' || p_shop_id, 0);
  v_single boolean := jsonb_array_length(p_keys) = 1;
  v_kinds text[];
  v_keys text[];
  v_id_of bigint[];
begin
  -- Who has no id only reads: its tokens need no lock of their own, for who moves a link or removes a visitor is alone in the
  -- shop. Arrays, so that the planner expects few keys, not thousands; v_id_of = the event whose id it is
  select array_agg(k.kind), array_agg(k.key), array_agg(k.id_of)
  into v_kinds, v_keys, v_id_of
  from (
    select k.key as kind, k.value as key, e.ord as id_of
    from jsonb_array_elements(p_keys) with ordinality e (keys, ord) cross join lateral jsonb_each_text(e.keys -> 'ids') k
    union all
    select k.key, k.value, null::bigint
    from jsonb_array_elements(p_keys) e (keys) cross join lateral jsonb_each_text(e.keys -> 'tokens') k
    where e.keys -> 'ids' <> '{}'
  ) k;
  if v_kinds is null then
    perform pg_advisory_xact_lock_shared(v_shop_lock);
    return false;
  end if;

  -- do one event's ids lead to two visitors?
  if (not v_single or cardinality(array_remove(v_id_of, null)) > 1) and exists (
    select from unnest(v_kinds, v_keys, v_id_of) k (kind, key, id_of)
    cross join lateral (
      select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
      where x.shop_id = p_shop_id and x.kind = k.kind and x.key = k.key limit 1
    ) l
    where k.id_of is not null and l.joined <= 20
    group by k.id_of having count(distinct l.visitor_id) > 1
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
      from unnest(v_kinds, v_keys, v_id_of) k (kind, key, id_of)
      cross join lateral (
        select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
        where x.shop_id = p_shop_id and x.kind = k.kind and x.key = k.key limit 1
      ) l
      where k.id_of is not null
      order by lock offset 0
    ) q;
  end if;
  return false;
end;
$$;
comment on function trakit.lock_identity(uuid, jsonb) is
  'Locks what a batch with keys [{"ids": {…}, "tokens": {…}}] writes of links and visitors until the transaction ends, in one order for all callers. True = the caller may merge visitors. Whoever deletes visitors takes the shop''s lock (trakit.identity:<shop>) alone.';

create function trakit.purge_visitors(p_now timestamptz default now(), p_limit integer default 2000) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '200ms' as $$
declare
  v_shop uuid;
  v_over timestamptz;
  v_lock bigint;
  v_gone bigint[];
  v_purged integer := 0;
  v_first boolean := true;
begin
  for v_shop, v_over in
    select s.id, x.over
    from trakit.shops s
    cross join lateral (
      -- never before the events that name them
      select p_now - make_interval(days => greatest(s.cookie_lifetime_days, 31)) as over
    ) x
    cross join lateral (
      select v.created_at from trakit.visitors v
      where v.shop_id = s.id and v.created_at < x.over and v.last_seen_at < x.over
      order by v.created_at limit 1
    ) o
    order by o.created_at
  loop
    exit when v_purged >= p_limit;
    -- who deletes visitors is alone in the shop (lock_identity). The shop with the oldest is waited for, while nothing is
    -- held yet, so that one that is always busy has its turn as well; any other that is busy is passed over
    v_lock := hashtextextended('trakit.identity:' || v_shop, 0);
    if v_first then
      v_first := false;
      begin
        perform pg_advisory_xact_lock(v_lock);
      exception when lock_not_available then
        continue;
      end;
    else
      continue when not pg_try_advisory_xact_lock(v_lock);
    end if;
    v_gone := array(
      select v.id from trakit.visitors v
      where v.shop_id = v_shop and v.created_at < v_over and v.last_seen_at < v_over
      order by v.created_at limit p_limit - v_purged);
    delete from trakit.visitor_links l where l.shop_id = v_shop and l.visitor_id = any (v_gone);
    delete from trakit.visitors v where v.shop_id = v_shop and v.id = any (v_gone);
    v_purged := v_purged + cardinality(v_gone);
  end loop;
  return v_purged;
end;
$$;
comment on function trakit.purge_visitors(timestamptz, integer) is
  'Deletes up to p_limit visitors, with their keys, whom nobody saw for as long as their shop''s cookies live (31 days at least: as long as events name them), the shop with the oldest first. Returns how many; p_limit = there may be more.';
