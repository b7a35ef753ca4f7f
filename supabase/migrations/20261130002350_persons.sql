-- Subject: whose row it is: what a request leads to, and the export.
-- Why: a redaction deletes what an export shows, so one function finds the rows for both. It follows keys that are held or told
-- (docs/architecture.md, "Identity"), each by an index of its own, so that what it costs follows the person and not the shop.
-- A typed value leads to no row (docs/adr/0031-whose-row-it-is.md).
-- The plans here are made for each call, of keys that are written into them a few at a time: made once, on a day that is empty yet,
-- or for any number of keys, they would read all of a shop's events.
-- Locks: none. Undo: drop the functions.

create function trakit.rows_of_person(
  p_shop_id uuid, p_subject jsonb, p_after_at timestamptz, p_after_row bigint, p_limit integer
) returns table (captured_at timestamptz, id bigint)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
  c_at_once constant integer := 10;
  v_customers text[] := array(select jsonb_array_elements_text(p_subject -> 'customers'));
  v_orders text[] := array(select jsonb_array_elements_text(p_subject -> 'orders'));
  v_visitors bigint[] := array(select jsonb_array_elements_text(p_subject -> 'visitors')::bigint);
  v_tokens text[] := array(select jsonb_array_elements_text(p_subject -> 'tokens'));
  v_some text[];
  v_browsers bigint[];
  v_found record;
  v_at timestamptz[] := array[]::timestamptz[];
  v_rows bigint[] := array[]::bigint[];
begin
  for v_from in 1 .. greatest(cardinality(v_customers), cardinality(v_orders), cardinality(v_tokens), cardinality(v_visitors))
    by c_at_once
  loop
    v_some := v_customers[v_from : v_from + c_at_once - 1];
    if v_some <> '{}' then
      select array_agg(e.captured_at) as at, array_agg(e.id) as rows into v_found
      from trakit.events e where e.shop_id = p_shop_id and e.customer_id = any (v_some);
      v_at := v_at || v_found.at;
      v_rows := v_rows || v_found.rows;
    end if;
    v_some := v_orders[v_from : v_from + c_at_once - 1];
    if v_some <> '{}' then
      select array_agg(e.captured_at) as at, array_agg(e.id) as rows into v_found
      from trakit.events e where e.shop_id = p_shop_id and e.order_id = any (v_some);
      v_at := v_at || v_found.at;
      v_rows := v_rows || v_found.rows;
    end if;
    -- an order placed there under another customer's name is that customer's
    v_browsers := v_visitors[v_from : v_from + c_at_once - 1];
    if v_browsers <> '{}' then
      select array_agg(e.captured_at) as at, array_agg(e.id) as rows into v_found
      from trakit.events e where e.shop_id = p_shop_id and e.visitor_id = any (v_browsers) and e.customer_id is null;
      v_at := v_at || v_found.at;
      v_rows := v_rows || v_found.rows;
    end if;
    -- who refused, or had not decided: nothing is left of them but the cart
    v_some := v_tokens[v_from : v_from + c_at_once - 1];
    if v_some <> '{}' then
      select array_agg(e.captured_at) as at, array_agg(e.id) as rows into v_found
      from trakit.events e
      where e.shop_id = p_shop_id and e.token = any (v_some) and e.visitor_id is null and e.order_id is null
        and e.customer_id is null;
      v_at := v_at || v_found.at;
      v_rows := v_rows || v_found.rows;
    end if;
  end loop;
  return query
  select distinct x.at, x.event_row from unnest(v_at, v_rows) x (at, event_row)
  where (x.at, x.event_row) > (p_after_at, p_after_row)
  order by x.at, x.event_row limit p_limit;
end;
$$;
comment on function trakit.rows_of_person(uuid, jsonb, timestamptz, bigint, integer) is
  'The person''s own events, by a subject that whole_subject completed, those behind a key in their order.';

create function trakit.whole_subject(p_shop_id uuid, p_subject jsonb) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
  c_at_once constant integer := 10;
  -- what is one person's; a city, a country or a gender is many people's
  c_personal constant text[] := array['email', 'phone', 'first_name', 'last_name', 'street', 'birth', 'external_id'];
  v_customers text[] := array(select jsonb_array_elements_text(p_subject -> 'customers'));
  v_emails text[] := array(select jsonb_array_elements_text(p_subject -> 'emails'));
  v_phones text[] := array(select jsonb_array_elements_text(p_subject -> 'phones'));
  v_orders text[] := array(select jsonb_array_elements_text(p_subject -> 'orders'));
  v_digests jsonb := jsonb_build_object('email.lower', to_jsonb(v_emails), 'phone.e164', to_jsonb(v_phones));
  v_told jsonb;
  v_some text[];
  v_placed_by bigint[] := array[]::bigint[];
  v_visitors bigint[];
  v_held bigint[];
  v_others bigint[];
  v_shared bigint[];
  v_whole jsonb;
begin
  if v_emails || v_phones <> '{}' then
    -- told by Shopify, which lets no two customers have the same address
    v_customers := array(
      select unnest(v_customers)
      union
      select c.customer_id from trakit.customers c
      where c.shop_id = p_shop_id and (c.digests -> 'email.lower' ?| v_emails
        -- the number of an address may be a whole household's: it finds somebody only where no customer is named
        or (p_subject -> 'customers' = '[]' and c.digests -> 'phone.e164' ?| v_phones)));
  end if;
  for v_told in
    select c.digests from unnest(v_customers) k (customer) cross join lateral (
      select c.digests from trakit.customers c where c.shop_id = p_shop_id and c.customer_id = k.customer) c
  loop
    v_digests := v_digests || coalesce((
      select jsonb_object_agg(d.key, coalesce(v_digests -> d.key, '[]') || d.value)
      from jsonb_each(v_told) d where split_part(d.key, '.', 1) = any (c_personal)), '{}');
  end loop;

  for v_from in 1 .. cardinality(v_orders) by c_at_once loop
    v_some := v_orders[v_from : v_from + c_at_once - 1];
    v_placed_by := v_placed_by || array(
      select distinct e.visitor_id from trakit.events e
      where e.shop_id = p_shop_id and e.order_id = any (v_some) and e.visitor_id is not null);
  end loop;
  v_held := array(
    select l.visitor_id from unnest(v_customers) k (customer) cross join lateral (
      select l.visitor_id from trakit.visitor_links l
      where l.shop_id = p_shop_id and l.kind = 'customer' and l.key = k.customer limit 1) l
    union
    select v.id from unnest(v_customers) k (customer) cross join lateral (
      select v.id from trakit.visitors v where v.shop_id = p_shop_id and v.customer_id = k.customer) v);
  v_visitors := array(
    select unnest(v_held)
    union
    -- an order that is listed as theirs leads to the browser it was placed in: a token joined the two
    select coalesce(a.became, x.id) from unnest(v_placed_by) x (id)
    left join lateral (
      select a.became from trakit.visitor_aliases a where a.shop_id = p_shop_id and a.visitor_id = x.id) a on true);
  -- a browser in which somebody else was logged in as well is both people's: only what carries the person's own id is theirs
  v_others := array(
    select x.id from unnest(v_visitors) x (id)
    where exists (
      select from trakit.visitor_links l
      where l.visitor_id = x.id and l.shop_id = p_shop_id and l.kind = 'customer' and l.key <> all (v_customers))
      or exists (
      select from trakit.visitors v
      where v.shop_id = p_shop_id and v.id = x.id and v.customer_id is not null and v.customer_id <> all (v_customers)));
  v_shared := array(select unnest(v_held) intersect select unnest(v_others));
  v_visitors := array(select unnest(v_visitors) except select unnest(v_others));
  v_visitors := v_visitors || array(
    select a.visitor_id from unnest(v_visitors) x (id) cross join lateral (
      select a.visitor_id from trakit.visitor_aliases a where a.became = x.id and a.shop_id = p_shop_id) a);

  v_whole := jsonb_build_object('customers', to_jsonb(v_customers), 'emails', v_digests -> 'email.lower',
    'phones', v_digests -> 'phone.e164', 'orders', to_jsonb(v_orders), 'digests', v_digests,
    'visitors', to_jsonb(v_visitors), 'shared', to_jsonb(v_shared),
    'keys', (
      select coalesce(jsonb_agg(l.key), '[]') from unnest(v_visitors) x (id) cross join lateral (
        select l.key from trakit.visitor_links l
        where l.visitor_id = x.id and l.shop_id = p_shop_id and l.kind in ('visitor', 'client')) l),
    'tokens', (
      select coalesce(jsonb_agg(l.key), '[]') from unnest(v_visitors) x (id) cross join lateral (
        select l.key from trakit.visitor_links l
        where l.visitor_id = x.id and l.shop_id = p_shop_id and l.kind in ('checkout', 'cart')) l));
  -- and the tokens of their own events; not of an order that was placed in somebody else's browser under their name
  return v_whole || jsonb_build_object('tokens', (
    select coalesce(jsonb_agg(distinct t.token), '[]') from (
      select jsonb_array_elements_text(v_whole -> 'tokens') as token
      union all
      select c.token from trakit.rows_of_person(p_shop_id, v_whole, '-infinity', 0, null) r
      cross join lateral (
        select e.commerce, e.visitor_id, e.order_id from trakit.events e
        where e.shop_id = p_shop_id and e.captured_at = r.captured_at and e.id = r.id) e
      cross join lateral (values ('cart', e.commerce ->> 'cart_token'), ('checkout', e.commerce ->> 'checkout_token'))
        c (kind, token)
      where c.token is not null
        and (e.visitor_id = any (v_visitors || v_shared) or (e.visitor_id is null and e.order_id = any (v_orders)))
        and not exists (
          select from trakit.visitor_links l
          where l.shop_id = p_shop_id and l.kind = c.kind and l.key = c.token and l.visitor_id <> all (v_visitors || v_shared))
    ) t));
end;
$$;
comment on function trakit.whole_subject(uuid, jsonb) is
  'A request''s subject with what we know to be the same person, all lists: customers, emails, phones, orders; visitors (with those folded into them; none in which another customer was logged in as well: these are in shared); their keys; tokens of carts and checkouts; and digests by normal form.';

create function trakit.without_digests(p_digests jsonb, p_theirs jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  v_left jsonb;
  v_named text[];
begin
  -- only where an address or a number is theirs: a first name alone is many people's
  v_named := array(
    select distinct split_part(d.key, '.', 1)
    from jsonb_each(p_digests) d cross join lateral jsonb_array_elements_text(d.value) v (digest)
    where d.key ~ '^(email|phone)\.' and p_theirs -> d.key ? v.digest);
  if v_named = '{}' then
    return p_digests;
  end if;
  select coalesce(jsonb_object_agg(d.key, d.others), '{}') into v_left
  from (
    select d.key, (
      select coalesce(jsonb_agg(v.digest), '[]') from jsonb_array_elements_text(d.value) v (digest)
      where not coalesce(p_theirs -> d.key ? v.digest, false)) as others
    from jsonb_each(p_digests) d
  ) d;
  -- another form of the same address, which only its clear text would tell: as many stay as in the form requests are made in
  return (
    select coalesce(jsonb_object_agg(l.key, l.value), '{}') from jsonb_each(v_left) l
    cross join lateral (select split_part(l.key, '.', 1) as field) f
    where l.value <> '[]' and not (f.field = any (v_named)
      and jsonb_array_length(l.value) > coalesce(jsonb_array_length(
        v_left -> case f.field when 'email' then 'email.lower' when 'phone' then 'phone.e164' end), 0)));
end;
$$;
comment on function trakit.without_digests(jsonb, jsonb) is
  'Digests of somebody else''s event without those of a person who typed nothing there themselves; unchanged where it has neither their address nor their number.';

create function trakit.export_person(p_shop_id uuid, p_subject jsonb, p_after text default null, p_limit integer default 10000)
returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
  v_subject jsonb := trakit.whole_subject(p_shop_id, p_subject);
  v_visitors bigint[] := array(select jsonb_array_elements_text(v_subject -> 'visitors')::bigint);
  v_theirs bigint[] := v_visitors || array(select jsonb_array_elements_text(v_subject -> 'shared')::bigint);
  v_events jsonb;
  v_next text;
begin
  select coalesce(jsonb_agg(x.event order by x.captured_at, x.id), '[]'),
    case when count(*) = p_limit then max(x.captured_at) || '/' || (array_agg(x.id order by x.captured_at desc, x.id desc))[1] end
  into v_events, v_next
  from (
    select r.captured_at, r.id, to_jsonb(e) - array['shop_id', 'id', 'session_id', 'customer_id', 'order_id', 'token']
      || jsonb_build_object(
        'client', (select jsonb_strip_nulls(to_jsonb(c) - array['shop_id', 'event_row', 'captured_at'])
          from trakit.event_clients c
          where c.shop_id = p_shop_id and c.captured_at = r.captured_at and c.event_row = r.id),
        'deliveries', (select coalesce(jsonb_agg(jsonb_build_object('platform', d.platform, 'state', d.state, 'reason', d.reason,
            'limited', d.limited, 'settled_at', d.settled_at) order by d.platform), '[]')
          from trakit.deliveries d
          where d.shop_id = p_shop_id and d.captured_at = r.captured_at and d.event_row = r.id))
      -- an order that somebody else may have placed under this customer's name: no key to that somebody's cart,
      || case when e.visitor_id = any (v_theirs) then '{}'
        else jsonb_build_object('commerce', e.commerce - array['cart_token', 'checkout_token']) end
      -- and not what their browser said
      || case when e.visitor_id is null or e.visitor_id = any (v_theirs) then '{}' else jsonb_build_object(
        'visitor_id', null, 'page', '{}'::jsonb, 'client', '{}'::jsonb,
        'identifiers', jsonb_strip_nulls(jsonb_build_object('customer_id', e.identifiers -> 'customer_id'))) end as event
    from trakit.rows_of_person(p_shop_id, v_subject, coalesce(split_part(p_after, '/', 1)::timestamptz, '-infinity'),
      coalesce(split_part(p_after, '/', 2)::bigint, 0), p_limit) r
    cross join lateral (
      select * from trakit.events e where e.shop_id = p_shop_id and e.captured_at = r.captured_at and e.id = r.id) e
  ) x;
  if p_after is not null then
    return jsonb_build_object('events', v_events, 'next', v_next);
  end if;
  return jsonb_build_object(
    'customers', (select coalesce(jsonb_agg(to_jsonb(c) - 'shop_id' order by c.customer_id), '[]') from trakit.customers c
      where c.shop_id = p_shop_id and c.customer_id in (select jsonb_array_elements_text(v_subject -> 'customers'))),
    'visitors', (select coalesce(jsonb_agg(to_jsonb(v) - array['shop_id', 'customer_id'] || jsonb_build_object('keys', (
        select coalesce(jsonb_agg(jsonb_build_object('kind', l.kind, 'key', l.key) order by l.kind, l.key), '[]')
        from trakit.visitor_links l where l.shop_id = p_shop_id and l.visitor_id = v.id)) order by v.id), '[]')
      from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_visitors)),
    'carts', (select coalesce(jsonb_agg(jsonb_build_object('token', c.token, 'lines', c.lines, 'changed_at', c.changed_at)
        order by c.token), '[]')
      from trakit.carts c where c.shop_id = p_shop_id and c.token in (select jsonb_array_elements_text(v_subject -> 'tokens'))),
    'events', v_events, 'next', v_next);
end;
$$;
comment on function trakit.export_person(uuid, jsonb, text, integer) is
  'Everything held about a subject: customers, visitors with their keys, carts, and events with client and where they went, p_limit of them; next = give it as p_after to get the events that follow (null = these were the last). The caller is bound to the shop.';

create function trakit.privacy_export(p_shop text, p_request_id uuid, p_after text default null) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
  v_request trakit.privacy_requests;
begin
  select * into v_request from trakit.privacy_requests r
  where r.id = p_request_id and r.shop_id = v_shop and r.kind = 'export' and r.state = 'pending';
  return case when v_request.id is not null then trakit.export_person(v_shop, v_request.subject, p_after) end;
end;
$$;
comment on function trakit.privacy_export(text, uuid, text) is
  'The export a customer asked for, made now, or the events that follow p_after; null = no such request of this shop, or it is over.';

-- The operator's hand-written subject. Clear email and phone end here; the forms are email.lower and phone.e164 of
-- packages/core/src/identity/forms.ts.
create function trakit.subject_of(p_customer_id text, p_email text, p_phone text, p_orders text[]) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return jsonb_build_object(
    'customers', to_jsonb(array_remove(array[nullif(p_customer_id, '')], null)),
    'emails', to_jsonb(array_remove(array[encode(sha256(convert_to(
      lower(nullif(regexp_replace(p_email, '\s', '', 'g'), '')), 'UTF8')), 'hex')], null)),
    'phones', to_jsonb(array_remove(array[encode(sha256(convert_to(
      '+' || nullif(regexp_replace(p_phone, '[^0-9]', '', 'g'), ''), 'UTF8')), 'hex')], null)),
    'orders', to_jsonb(coalesce(p_orders, '{}')));
end;
$$;
comment on function trakit.subject_of(text, text, text, text[]) is 'A person as requests name one, from ids, an email and a phone number with its country code.';

create function api.export_customer(
  p_shop text, p_customer_id text default null, p_email text default null, p_phone text default null,
  p_orders text[] default '{}', p_after text default null
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  if v_shop is null then
    return jsonb_build_object('status', 'unknown_shop');
  end if;
  return trakit.export_person(v_shop, trakit.subject_of(p_customer_id, p_email, p_phone, p_orders), p_after);
end;
$$;
comment on function api.export_customer(text, text, text, text, text[], text) is
  'Everything held about one person in a shop (by domain), for the merchant to hand out; of more than 10,000 events the first, and "next", which is given as p_after to get those that follow.';
