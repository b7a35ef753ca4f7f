-- Subject: what a redaction deletes of a person or of a shop.
-- Why: after a redaction no row of ours can be joined to that person or shop; deliveries that wait go with their events.
-- Rows are deleted rather than blanked: an order id alone leads to the person at Shopify. Quarantined bodies are sealed and
-- could not be read when they came, so nobody can tell whom they name: a customer's redaction deletes those of the shop.
-- Locks: none. Undo: drop the functions.

-- Slow by the row: with sub-selects in it, it is never made part of the calling statement. Where many rows are read
-- (whole_subject) its operators stand in the statement, with the lists made once.
create function trakit.names_person(p_identifiers jsonb, p_digests jsonb, p_subject jsonb) returns boolean
language sql immutable as $$
  select coalesce(p_subject -> 'customers' ? (p_identifiers ->> 'customer_id'), false)
    or coalesce(p_digests -> 'email.lower' ?| array(select jsonb_array_elements_text(p_subject -> 'emails')), false)
    or coalesce(p_digests -> 'phone.e164' ?| array(select jsonb_array_elements_text(p_subject -> 'phones')), false)
$$;
comment on function trakit.names_person(jsonb, jsonb, jsonb) is
  'Whether identifiers and digests are those of a request''s subject.';

-- Visitors are read by the index visitors_named, whose condition is repeated word for word: what follows it implies it, which the
-- planner cannot know.
create function trakit.whole_subject(p_shop_id uuid, p_subject jsonb) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_customers jsonb := coalesce(p_subject -> 'customers', '[]');
  v_emails jsonb := coalesce(p_subject -> 'emails', '[]');
  v_phones jsonb := coalesce(p_subject -> 'phones', '[]');
  v_customer record;
  v_ids text[];
  v_email text[] := array(select jsonb_array_elements_text(v_emails));
  v_phone text[] := array(select jsonb_array_elements_text(v_phones));
begin
  v_ids := array(select jsonb_array_elements_text(v_customers));
  -- a record may carry only an email; and the customer may have had another one
  for v_customer in
    select c.customer_id, c.digests from trakit.customers c
    where c.shop_id = p_shop_id
      and (c.customer_id = any (v_ids) or c.digests -> 'email.lower' ?| v_email or c.digests -> 'phone.e164' ?| v_phone)
  loop
    v_customers := v_customers || to_jsonb(v_customer.customer_id);
    v_emails := v_emails || coalesce(v_customer.digests -> 'email.lower', '[]');
    v_phones := v_phones || coalesce(v_customer.digests -> 'phone.e164', '[]');
  end loop;
  v_ids := array(select jsonb_array_elements_text(v_customers));
  v_email := array(select jsonb_array_elements_text(v_emails));
  v_phone := array(select jsonb_array_elements_text(v_phones));
  return jsonb_build_object('customers', v_customers, 'emails', v_emails, 'phones', v_phones,
    'orders', coalesce(p_subject -> 'orders', '[]'),
    'visitors', (
      select coalesce(jsonb_agg(x.id), '[]') from (
        select v.id from trakit.visitors v
        where v.shop_id = p_shop_id and v.identifiers ? 'customer_id' and v.identifiers ->> 'customer_id' = any (v_ids)
        union
        select l.visitor_id from trakit.visitor_links l
        where l.shop_id = p_shop_id and l.kind = 'customer' and l.key = any (v_ids)
      ) x));
end;
$$;
comment on function trakit.whole_subject(uuid, jsonb) is
  'A request''s subject with what we know to be the same person: {"customers", "emails", "phones", "orders", "visitors"}, all lists.';

create function trakit.delete_events(p_shop_id uuid, p_at timestamptz[], p_rows bigint[]) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_deliveries integer := 0;
  v_clients integer := 0;
  v_events integer := 0;
  v_count integer;
begin
  -- one key at a time, so that each goes to its partition by index whatever a plan made for many believes
  for v_i in 1 .. coalesce(cardinality(p_at), 0) loop
    delete from trakit.deliveries d where d.shop_id = p_shop_id and d.captured_at = p_at[v_i] and d.event_row = p_rows[v_i];
    get diagnostics v_count = row_count;
    v_deliveries := v_deliveries + v_count;
    delete from trakit.event_clients c where c.shop_id = p_shop_id and c.captured_at = p_at[v_i] and c.event_row = p_rows[v_i];
    get diagnostics v_count = row_count;
    v_clients := v_clients + v_count;
    delete from trakit.events e where e.shop_id = p_shop_id and e.captured_at = p_at[v_i] and e.id = p_rows[v_i];
    get diagnostics v_count = row_count;
    v_events := v_events + v_count;
  end loop;
  return jsonb_build_object('deliveries', v_deliveries, 'event_clients', v_clients, 'events', v_events);
end;
$$;
comment on function trakit.delete_events(uuid, timestamptz[], bigint[]) is
  'Deletes events of a shop with their clients and deliveries. Returns how many of each. Keys are the caller''s.';

create function trakit.add_counts(p_counts jsonb, p_more jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return p_counts || (select coalesce(jsonb_object_agg(m.key, m.value::bigint + coalesce((p_counts ->> m.key)::bigint, 0)), '{}')
    from jsonb_each_text(p_more) m);
end;
$$;
comment on function trakit.add_counts(jsonb, jsonb) is 'Adds {"name": n} to counters.';

create function trakit.redact_customer_step(p_request trakit.privacy_requests, p_limit integer, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := p_request.shop_id;
  v_subject jsonb := p_request.subject;
  v_counts jsonb := p_request.counts;
  v_count integer;
  v_visitors bigint[];
  v_orders text[];
  v_carts text[];
  v_seen_at timestamptz;
  v_seen_row bigint;
  v_at timestamptz[];
  v_rows bigint[];
begin
  if p_request.seen_at is null then
    -- whoever deletes visitors is alone with the shop's identity (trakit.lock_identity)
    perform pg_advisory_xact_lock(hashtextextended('trakit.identity:' || v_shop, 0));
    v_subject := trakit.whole_subject(v_shop, v_subject);
    v_visitors := array(select jsonb_array_elements_text(v_subject -> 'visitors')::bigint);
    delete from trakit.visitor_links l
    where l.shop_id = v_shop and (l.visitor_id = any (v_visitors) or (l.kind = 'customer'
      and l.key in (select jsonb_array_elements_text(v_subject -> 'customers'))));
    delete from trakit.visitors v where v.shop_id = v_shop and v.id = any (v_visitors);
    get diagnostics v_count = row_count;
    v_counts := trakit.add_counts(v_counts, jsonb_build_object('visitors', v_count));
    delete from trakit.customers c
    where c.shop_id = v_shop and c.customer_id in (select jsonb_array_elements_text(v_subject -> 'customers'));
    get diagnostics v_count = row_count;
    v_counts := trakit.add_counts(v_counts, jsonb_build_object('customers', v_count));
    delete from trakit.quarantine q where q.shop_id = v_shop;
    get diagnostics v_count = row_count;
    v_counts := trakit.add_counts(v_counts, jsonb_build_object('quarantine', v_count));
    -- an export asked for before names the same person
    update trakit.privacy_requests r set state = 'done', subject = null, done_at = p_now
    where r.shop_id = v_shop and r.kind = 'export' and r.state = 'pending' and trakit.names_person(
      '{}', jsonb_build_object('email.lower', r.subject -> 'emails', 'phone.e164', r.subject -> 'phones'), v_subject)
      or (r.shop_id = v_shop and r.kind = 'export' and r.state = 'pending'
        and r.subject -> 'customers' ?| array(select jsonb_array_elements_text(v_subject -> 'customers')));
    update trakit.privacy_requests r set subject = v_subject, counts = v_counts, seen_at = '-infinity', seen_row = 0
    where r.id = p_request.id;
    return jsonb_build_object('state', 'pending');
  end if;
  v_visitors := array(select jsonb_array_elements_text(v_subject -> 'visitors')::bigint);
  -- the next so many of the shop's events, in the order of their index, whoever they are of: a step is as long as any other
  select max(x.captured_at), (array_agg(x.id order by x.captured_at desc, x.id desc))[1],
    array_agg(x.captured_at) filter (where x.named), array_agg(x.id) filter (where x.named)
  into v_seen_at, v_seen_row, v_at, v_rows
  from (
    select e.captured_at, e.id, e.visitor_id = any (v_visitors) or v_subject -> 'orders' ? (e.commerce ->> 'order_id')
      or trakit.names_person(e.identifiers, e.digests, v_subject) as named
    from trakit.events e
    where e.shop_id = v_shop and (e.captured_at, e.id) > (p_request.seen_at, p_request.seen_row)
    order by e.captured_at, e.id limit p_limit
  ) x;
  if v_seen_at is not null then
    if v_rows is not null then
      v_carts := array(
        select distinct e.commerce ->> 'cart_token' from trakit.events e
        join unnest(v_at, v_rows) x (at, event_row) on e.captured_at = x.at and e.id = x.event_row
        where e.commerce ? 'cart_token');
      delete from trakit.reconciled_orders r where r.shop_id = v_shop and r.order_id in (
        select e.commerce ->> 'order_id' from trakit.events e
        join unnest(v_at, v_rows) x (at, event_row) on e.captured_at = x.at and e.id = x.event_row);
      delete from trakit.cart_adds c where c.shop_id = v_shop and c.cart_token = any (v_carts);
      delete from trakit.carts c where c.shop_id = v_shop and c.token = any (v_carts);
      v_counts := trakit.add_counts(v_counts, trakit.delete_events(v_shop, v_at, v_rows));
      delete from trakit.event_keys k where k.shop_id = v_shop and k.event_row = any (v_rows);
    end if;
    update trakit.privacy_requests r set counts = v_counts, seen_at = v_seen_at, seen_row = v_seen_row
    where r.id = p_request.id;
    return jsonb_build_object('state', 'pending');
  end if;
  -- orders whose events have aged out still have their keys
  delete from trakit.reconciled_orders r
  where r.shop_id = v_shop and r.order_id in (select jsonb_array_elements_text(v_subject -> 'orders'));
  v_orders := array(select 'order:' || jsonb_array_elements_text(v_subject -> 'orders'));
  v_rows := array(select o.event_row from trakit.event_keys o where o.shop_id = v_shop and o.key = any (v_orders));
  delete from trakit.event_keys k where k.shop_id = v_shop and k.event_row = any (v_rows);
  update trakit.privacy_requests r
  set state = 'done', done_at = p_now, subject = null, counts = v_counts where r.id = p_request.id;
  return jsonb_build_object('state', 'done');
end;
$$;
comment on function trakit.redact_customer_step(trakit.privacy_requests, integer, timestamptz) is
  'First visitors, customers, quarantine and open exports, then p_limit of the shop''s events at a time, last the keys of older orders.';

create function trakit.redact_shop_step(p_request trakit.privacy_requests, p_limit integer, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  c_nobody constant uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_shop uuid := p_request.shop_id;
  v_counts jsonb := p_request.counts;
  v_deleted integer;
  v_count integer;
  v_at timestamptz[];
  v_rows bigint[];
  v_table name;
begin
  select array_agg(x.captured_at), array_agg(x.id) into v_at, v_rows
  from (select e.captured_at, e.id from trakit.events e where e.shop_id = v_shop limit p_limit) x;
  if v_rows is not null then
    v_counts := trakit.add_counts(v_counts, trakit.delete_events(v_shop, v_at, v_rows));
  else
    v_deleted := 0;
    -- every table of a shop there is, so that one added later is not forgotten; what hangs on the shop's row comes last
    for v_table in
      select c.relname from pg_catalog.pg_class c
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'shop_id' and not a.attisdropped
      where c.relnamespace = 'trakit'::regnamespace and c.relkind = 'r' and not c.relispartition
        and c.relname <> all (array['shops', 'privacy_requests', 'destinations', 'destination_secrets', 'lanes', 'installations'])
      order by c.relname
    loop
      execute format(
        'delete from trakit.%1$I t where t.ctid in (select d.ctid from trakit.%1$I d where d.shop_id = $1 limit $2)', v_table)
        using v_shop, p_limit;
      get diagnostics v_count = row_count;
      v_counts := trakit.add_counts(v_counts, jsonb_build_object(v_table, v_count));
      v_deleted := v_deleted + v_count;
    end loop;
    if v_deleted = 0 and p_now >= p_request.requested_at + interval '1 minute' then
      -- a call that began before the request has ended by now, so nothing comes after this
      delete from trakit.destinations d where d.shop_id = v_shop;
      delete from trakit.privacy_requests r where r.shop_id = v_shop;
      delete from trakit.shops s where s.id = v_shop;
      -- finished jobs stand in the queue for a while; where there is no pg-boss there are none
      if exists (
        select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'pgboss' and c.relname = 'job' and has_schema_privilege(n.oid, 'usage'))
      then
        execute format('delete from %I.job j where j.data::text like $1', 'pgboss') using '%' || v_shop || '%';
      end if;
      perform set_config('trakit.shop_id', c_nobody::text, true);
      insert into trakit.privacy_requests (id, shop_id, kind, reference, state, counts, requested_at, done_at)
      values (p_request.id, c_nobody, 'redact_shop', p_request.reference, 'done', v_counts, p_request.requested_at, p_now);
      return jsonb_build_object('state', 'done');
    end if;
    if v_deleted = 0 then
      return jsonb_build_object('state', 'waiting');
    end if;
  end if;
  update trakit.privacy_requests r set counts = v_counts where r.id = p_request.id;
  return jsonb_build_object('state', 'pending');
end;
$$;
comment on function trakit.redact_shop_step(trakit.privacy_requests, integer, timestamptz) is
  'About p_limit rows at a time, events first; a minute after the request at the earliest the shop itself, leaving a receipt that names no shop.';
