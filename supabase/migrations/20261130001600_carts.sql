-- Subject: carts as Shopify last told of them, and adds to a cart that have met no second copy yet.
-- Why: carts/* say what a cart holds, not what was added. The difference to the last known lines is the add; it takes the
-- id of the browser's report of the same add (docs/two-copies.md). Deliveries come late, twice, out of order and several
-- changes in one, so the state decides, not the delivery: whatever is older than what is known says nothing.
-- Everything about one cart happens under its own lock, taken before any other but the sender's counters.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.cart_adds, trakit.carts.

create table trakit.carts (
  shop_id uuid not null,
  token text not null,
  lines jsonb not null,
  changed_at timestamptz not null,
  expires_at timestamptz not null,
  constraint carts_pkey primary key (shop_id, token),
  constraint carts_token_bounded check (length(token) between 1 and 128),
  constraint carts_lines_object check (jsonb_typeof(lines) = 'object')
);
create index carts_by_expiry on trakit.carts (expires_at);

comment on table trakit.carts is 'What Shopify last said a cart holds. Kept 30 days after its last change.';
comment on column trakit.carts.shop_id is 'Shop it is in.';
comment on column trakit.carts.token is 'Shopify''s cart token.';
comment on column trakit.carts.lines is 'Units by line, {"<line key>": <quantity>}.';
comment on column trakit.carts.changed_at is 'When it came to hold this (X-Shopify-Triggered-At).';
comment on column trakit.carts.expires_at is 'When it is forgotten.';

create table trakit.cart_adds (
  shop_id uuid not null,
  cart_token text not null,
  event_id text not null,
  source text not null,
  variant_id text not null,
  quantity integer not null,
  added_at timestamptz not null,
  constraint cart_adds_pkey primary key (shop_id, cart_token, event_id),
  constraint cart_adds_source_known check (source in ('browser', 'webhook')),
  constraint cart_adds_quantity_positive check (quantity > 0)
);
create index cart_adds_by_time on trakit.cart_adds (added_at);

comment on table trakit.cart_adds is 'Adds to a cart that only one side has reported so far. Kept for a day: who is later than two minutes matches nothing.';
comment on column trakit.cart_adds.shop_id is 'Shop it is in.';
comment on column trakit.cart_adds.cart_token is 'Shopify''s cart token.';
comment on column trakit.cart_adds.event_id is 'Event that reports it.';
comment on column trakit.cart_adds.source is 'Who reported it: browser or webhook.';
comment on column trakit.cart_adds.variant_id is 'What was added.';
comment on column trakit.cart_adds.quantity is 'Units not matched yet.';
comment on column trakit.cart_adds.added_at is 'When, by the reporter''s word.';

call trakit.isolate_by_shop('trakit.carts');
call trakit.isolate_by_shop('trakit.cart_adds');
call trakit.keep_no_statistics('trakit.carts', array['token', 'lines']);
call trakit.keep_no_statistics('trakit.cart_adds', array['cart_token', 'event_id', 'variant_id', 'quantity']);

create function trakit.lock_cart(p_shop_id uuid, p_token text) returns void
language sql security invoker set search_path = pg_catalog, pg_temp as $$
  select pg_advisory_xact_lock(hashtextextended('trakit.cart:' || p_shop_id || ':' || p_token, 0))
$$;
comment on function trakit.lock_cart(uuid, text) is 'Makes this transaction the only one that works on the cart.';

create function trakit.ingest_cart(p_shop text, p_cart jsonb, p_slots integer, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_shop trakit.shops;
  v_token text := p_cart ->> 'token';
  v_changed timestamptz := (p_cart ->> 'changed_at')::timestamptz;
  v_known trakit.carts;
  v_line jsonb;
  v_left integer;
  v_add trakit.cart_adds;
  v_id text;
  v_events jsonb := jsonb '[]';
  v_unmatched jsonb := jsonb '[]';
  v_result jsonb;
begin
  perform set_config('trakit.shop_domain', p_shop, true), set_config('trakit.shop_id', '', true);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null or v_shop.status <> 'active' then
    return trakit.ingest_events(p_shop, '[]', 0, 'webhooks', '{}', p_now) || jsonb_build_object('events', '[]'::jsonb);
  end if;
  perform set_config('trakit.shop_id', v_shop.id::text, true);
  perform trakit.lock_cart(v_shop.id, v_token);
  select * into v_known from trakit.carts c where c.shop_id = v_shop.id and c.token = v_token;
  if v_known.changed_at > v_changed then
    return jsonb_build_object('shop', 'active', 'shop_id', v_shop.id, 'ignored', 'older_cart', 'events', '[]'::jsonb,
      'results', '[]'::jsonb, 'sends', '[]'::jsonb);
  end if;

  insert into trakit.carts as c (shop_id, token, lines, changed_at, expires_at)
  select v_shop.id, v_token, coalesce(jsonb_object_agg(l ->> 'key', l -> 'quantity'), '{}'), v_changed, p_now + interval '30 days'
  from jsonb_array_elements(p_cart -> 'lines') l
  on conflict (shop_id, token) do update
    set lines = excluded.lines, changed_at = excluded.changed_at, expires_at = excluded.expires_at;
  -- an unknown cart was empty before only if it was made while we were told of carts; one from before is taken as it is
  if v_known.token is null
    and (p_cart ->> 'created_at')::timestamptz < greatest(v_shop.created_at, p_now - interval '30 days')
  then
    return jsonb_build_object('shop', 'active', 'shop_id', v_shop.id, 'ignored', 'unknown_cart', 'events', '[]'::jsonb,
      'results', '[]'::jsonb, 'sends', '[]'::jsonb);
  end if;

  for v_line in select l from jsonb_array_elements(p_cart -> 'lines') l order by l ->> 'key' loop
    v_left := (v_line ->> 'quantity')::integer - coalesce((v_known.lines ->> (v_line ->> 'key'))::integer, 0);
    -- the browser's report of just this change; else the several that Shopify told of as one, oldest first
    for v_add in
      select a.* from trakit.cart_adds a
      where a.shop_id = v_shop.id and a.cart_token = v_token and a.source = 'browser'
        and a.variant_id = v_line ->> 'variant_id'
        and a.added_at between v_changed - interval '2 minutes' and v_changed + interval '2 minutes'
      order by a.quantity = v_left desc, a.added_at, a.event_id
    loop
      continue when v_add.quantity > v_left or v_left <= 0;
      v_events := v_events || trakit.cart_event(v_line -> 'event', v_add.event_id, v_add.quantity, v_line ->> 'unit_discount');
      delete from trakit.cart_adds a
      where a.shop_id = v_shop.id and a.cart_token = v_token and a.event_id = v_add.event_id;
      v_left := v_left - v_add.quantity;
    end loop;
    if v_left > 0 then
      v_id := left(encode(sha256(convert_to(concat_ws('|', 'trakit/1', p_shop, 'product_added_to_cart', v_token,
        v_line ->> 'key', v_line ->> 'quantity', extract(epoch from v_changed)), 'utf8')), 'hex'), 32);
      v_events := v_events || trakit.cart_event(v_line -> 'event', v_id, v_left, v_line ->> 'unit_discount');
      v_unmatched := v_unmatched
        || jsonb_build_object('event_id', v_id, 'variant_id', v_line -> 'variant_id', 'quantity', v_left);
    end if;
  end loop;

  v_result := trakit.ingest_events(p_shop, (
    select coalesce(jsonb_agg(jsonb_build_object('event', e, 'topic', p_cart -> 'topic', 'signed', null,
      'keys', jsonb_build_array('event:product_added_to_cart:' || (e ->> 'event_id'))) order by i), '[]')
    from jsonb_array_elements(v_events) with ordinality x (e, i)), p_slots, 'webhooks', '{}', p_now);
  insert into trakit.cart_adds (shop_id, cart_token, event_id, source, variant_id, quantity, added_at)
  select v_shop.id, v_token, u ->> 'event_id', 'webhook', u ->> 'variant_id', (u ->> 'quantity')::integer, v_changed
  from jsonb_array_elements(v_unmatched) u
  where u ->> 'variant_id' is not null
  on conflict (shop_id, cart_token, event_id) do nothing;
  return v_result || jsonb_build_object('events', v_events);
end;
$$;
comment on function trakit.ingest_cart(text, jsonb, integer, timestamptz) is
  'Takes a cart as Shopify tells of it, {token, created_at, changed_at, topic, lines: [{key, variant_id, quantity, unit_discount, event}]}, and stores what was added since it was last told of. Answers as ingest_events, with the events it made; ignored = older_cart or unknown_cart.';

create function trakit.cart_event(p_event jsonb, p_event_id text, p_quantity integer, p_unit_discount text) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb_set(jsonb_set(jsonb_set(p_event, '{event_id}', to_jsonb(p_event_id)),
    '{commerce,items,0,quantity}', to_jsonb(p_quantity)),
    '{commerce,items,0,line_discount}', to_jsonb((p_unit_discount::numeric * p_quantity)::text))
$$;
comment on function trakit.cart_event(jsonb, text, integer, text) is 'The event of an add, from its line''s template: under this id, of so many units.';

create function trakit.match_adds(p_shop_id uuid, p_events jsonb) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_item record;
  v_add trakit.cart_adds;
  v_at timestamptz;
  v_row bigint;
begin
  -- every cart of the call, in one order for all
  perform trakit.lock_cart(p_shop_id, c.token) from (
    select distinct e.item #>> '{event,commerce,cart_token}' as token
    from jsonb_array_elements(p_events) e (item)
    where e.item #>> '{event,name}' = 'product_added_to_cart' and e.item #>> '{event,commerce,cart_token}' is not null
    order by token
  ) c;
  for v_item in
    select e.ord, e.item #>> '{event,event_id}' as event_id, e.item #>> '{event,commerce,cart_token}' as token,
      e.item #>> '{event,commerce,items,0,variant_id}' as variant_id,
      (e.item #>> '{event,commerce,items,0,quantity}')::integer as quantity,
      (e.item #>> '{event,occurred_at}')::timestamptz as occurred_at
    from jsonb_array_elements(p_events) with ordinality e (item, ord)
    where e.item #>> '{event,name}' = 'product_added_to_cart' and e.item ->> 'turned_away' is null
    order by e.ord
  loop
    -- known already: sent again
    continue when exists (
      select from trakit.event_keys k
      where k.shop_id = p_shop_id and k.key = 'event:product_added_to_cart:' || v_item.event_id);
    select a.* into v_add
    from trakit.cart_adds a
    where a.shop_id = p_shop_id and a.cart_token = v_item.token and a.source = 'webhook'
      and a.variant_id = v_item.variant_id and a.quantity >= v_item.quantity
      and a.added_at between v_item.occurred_at - interval '2 minutes' and v_item.occurred_at + interval '2 minutes'
    order by a.quantity = v_item.quantity desc, a.added_at, a.event_id limit 1;
    continue when v_add.event_id is null;
    -- Shopify's copy was first: this is its second one, or a part of what Shopify told of as one
    p_events := jsonb_set(p_events, array[(v_item.ord - 1)::text, 'keys'],
      (p_events #> array[(v_item.ord - 1)::text, 'keys']) || to_jsonb('event:product_added_to_cart:' || v_add.event_id));
    if v_add.quantity > v_item.quantity then
      update trakit.cart_adds a set quantity = a.quantity - v_item.quantity
      where a.shop_id = p_shop_id and a.cart_token = v_item.token and a.event_id = v_add.event_id;
    else
      delete from trakit.cart_adds a
      where a.shop_id = p_shop_id and a.cart_token = v_item.token and a.event_id = v_add.event_id;
    end if;
    -- where nothing was sent yet, the id the page's tags were given is the one that is sent
    select k.captured_at, k.event_row into v_at, v_row from trakit.event_keys k
    where k.shop_id = p_shop_id and k.key = 'event:product_added_to_cart:' || v_add.event_id;
    update trakit.events e set event_id = v_item.event_id
    where e.captured_at = v_at and e.id = v_row and e.browser_at is null and not exists (
      select from trakit.deliveries d
      where d.shop_id = p_shop_id and d.captured_at = v_at and d.event_row = v_row and d.attempts > 0);
  end loop;
  return p_events;
end;
$$;
comment on function trakit.match_adds(uuid, jsonb) is
  'Gives a browser''s adds to a cart the key of Shopify''s copy where that came first, and locks their carts. p_events as for ingest_events.';

create function trakit.note_adds(p_shop_id uuid, p_events jsonb, p_results jsonb) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_id text;
  v_event jsonb;
begin
  for v_i in 0..jsonb_array_length(p_events) - 1 loop
    v_event := p_events #> array[v_i::text, 'event'];
    continue when v_event ->> 'name' <> 'product_added_to_cart' or v_event #>> '{commerce,cart_token}' is null;
    if p_results #>> array[v_i::text, 'status'] = 'accepted' then
      insert into trakit.cart_adds (shop_id, cart_token, event_id, source, variant_id, quantity, added_at)
      select p_shop_id, v_event #>> '{commerce,cart_token}', v_event ->> 'event_id', 'browser',
        v_event #>> '{commerce,items,0,variant_id}', (v_event #>> '{commerce,items,0,quantity}')::integer,
        (v_event ->> 'occurred_at')::timestamptz
      where v_event #>> '{commerce,items,0,variant_id}' is not null and jsonb_array_length(v_event #> '{commerce,items}') = 1
      on conflict (shop_id, cart_token, event_id) do nothing;
    elsif p_results #>> array[v_i::text, 'status'] in ('merged', 'duplicate') then
      select e.event_id into v_id
      from trakit.event_keys k join trakit.events e on e.captured_at = k.captured_at and e.id = k.event_row
      where k.shop_id = p_shop_id and k.key = 'event:product_added_to_cart:' || (v_event ->> 'event_id')
        -- who names the cart learns the id; who guessed an id learns nothing
        and e.commerce ->> 'cart_token' = v_event #>> '{commerce,cart_token}';
      p_results := jsonb_set(p_results, array[v_i::text, 'event_id'], to_jsonb(coalesce(v_id, v_event ->> 'event_id')));
    end if;
  end loop;
  return p_results;
end;
$$;
comment on function trakit.note_adds(uuid, jsonb, jsonb) is
  'After a browser''s adds to a cart were stored: remembers those Shopify has not told of yet, and returns the results with the ids the events have.';
