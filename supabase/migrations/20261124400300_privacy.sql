-- Subject: the rights of shoppers and of a shop that leaves: export, redaction of a customer, redaction of a shop.
-- Why: after a redaction no row of ours can be joined to that person or shop; deliveries that wait go with their events.
-- The request is a row, done in steps of bounded size, so that a crash in the middle is continued; what names the person is
-- in the request only until it is done. What stays is a receipt: kind, time, counts, Shopify's webhook id. A shop's receipt
-- no longer says which shop. Rows are deleted rather than blanked: an order id alone leads to the person at Shopify.
-- Quarantined bodies are sealed and could not be read when they came, so nobody can tell whom they name: a customer's
-- redaction deletes those of the shop.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.privacy_requests.

create table trakit.privacy_requests (
  id uuid primary key default gen_random_uuid(),
  shop_id uuid not null,
  kind text not null,
  reference text not null,
  subject jsonb,
  state text not null default 'pending',
  next_day date,
  counts jsonb not null default '{}',
  requested_at timestamptz not null,
  done_at timestamptz,
  constraint privacy_requests_once unique (shop_id, reference),
  constraint privacy_requests_kind_known check (kind in ('export', 'redact_customer', 'redact_shop')),
  constraint privacy_requests_state_known check (state in ('pending', 'done')),
  constraint privacy_requests_end_has_time check ((state = 'done') = (done_at is not null)),
  constraint privacy_requests_end_names_nobody check (state = 'pending' or subject is null),
  constraint privacy_requests_reference_bounded check (length(reference) between 1 and 100)
);
create index privacy_requests_pending on trakit.privacy_requests (requested_at) where state = 'pending';
comment on table trakit.privacy_requests is 'Requests for export and redaction, and what remains of them: a receipt that names nobody.';
comment on column trakit.privacy_requests.id is 'Ours.';
comment on column trakit.privacy_requests.shop_id is 'Shop it concerns; all zeros once that shop is redacted.';
comment on column trakit.privacy_requests.kind is 'export (for the merchant to hand out), redact_customer or redact_shop.';
comment on column trakit.privacy_requests.reference is 'Shopify''s webhook id, or operator:<uuid>: the same request twice is done once.';
comment on column trakit.privacy_requests.subject is 'Whom it concerns: {"customers": [ids], "emails": [digests], "phones": [digests], "orders": [ids]}; null once done.';
comment on column trakit.privacy_requests.state is 'pending or done. An export is done when it is 30 days old.';
comment on column trakit.privacy_requests.next_day is 'Redaction of a customer: the first day of events not looked at yet.';
comment on column trakit.privacy_requests.counts is 'Rows deleted so far, by table.';
comment on column trakit.privacy_requests.requested_at is 'When it came.';
comment on column trakit.privacy_requests.done_at is 'When it was done; null while pending.';

alter table trakit.privacy_requests enable row level security;
alter table trakit.privacy_requests force row level security;
grant select, insert, update, delete on trakit.privacy_requests to trakit_app;
create policy "functions see the shop they work for" on trakit.privacy_requests for all to trakit_app
  using (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid))
  with check (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid));
grant select (id, shop_id, kind, state, requested_at) on trakit.privacy_requests to trakit_dispatcher;
create policy "the dispatcher sees what is to be done" on trakit.privacy_requests
  for select to trakit_dispatcher using (true);
grant select on trakit.privacy_requests to authenticated;
create policy "users see their shop's requests" on trakit.privacy_requests
  for select to authenticated using (shop_id = (select trakit.claimed_shop()));

-- Carries no search_path, so that its text becomes part of the calling statement; built-in operators only.
create function trakit.names_person(p_identifiers jsonb, p_digests jsonb, p_subject jsonb) returns boolean
language sql immutable as $$
  select coalesce(p_subject -> 'customers' ? (p_identifiers ->> 'customer_id'), false)
    or coalesce(p_digests -> 'email.lower' ?| array(select jsonb_array_elements_text(p_subject -> 'emails')), false)
    or coalesce(p_digests -> 'phone.e164' ?| array(select jsonb_array_elements_text(p_subject -> 'phones')), false)
$$;
comment on function trakit.names_person(jsonb, jsonb, jsonb) is
  'Whether identifiers and digests are those of a request''s subject.';
grant execute on function trakit.names_person(jsonb, jsonb, jsonb) to trakit_app;

create function trakit.whole_subject(p_shop_id uuid, p_subject jsonb) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_customers jsonb := coalesce(p_subject -> 'customers', '[]');
  v_emails jsonb := coalesce(p_subject -> 'emails', '[]');
  v_phones jsonb := coalesce(p_subject -> 'phones', '[]');
  v_customer record;
begin
  if v_customers = '[]' then
    -- a record may carry only an email: the customer it was seen with
    select coalesce(jsonb_agg(distinct v.identifiers -> 'customer_id'), '[]') into v_customers
    from trakit.visitors v
    where v.shop_id = p_shop_id and v.identifiers ? 'customer_id'
      and trakit.names_person('{}', v.digests, p_subject);
  end if;
  -- and the customer may have had another one
  for v_customer in
    select c.customer_id, c.digests from trakit.customers c
    where c.shop_id = p_shop_id
      and trakit.names_person(jsonb_build_object('customer_id', c.customer_id), c.digests,
        p_subject || jsonb_build_object('customers', v_customers))
  loop
    v_customers := v_customers || to_jsonb(v_customer.customer_id);
    v_emails := v_emails || coalesce(v_customer.digests -> 'email.lower', '[]');
    v_phones := v_phones || coalesce(v_customer.digests -> 'phone.e164', '[]');
  end loop;
  return jsonb_build_object('customers', v_customers, 'emails', v_emails, 'phones', v_phones,
    'orders', coalesce(p_subject -> 'orders', '[]'),
    'visitors', (
      select coalesce(jsonb_agg(x.id), '[]') from (
        select v.id from trakit.visitors v
        where v.shop_id = p_shop_id and trakit.names_person(v.identifiers, v.digests,
          jsonb_build_object('customers', v_customers, 'emails', v_emails, 'phones', v_phones))
        union
        select l.visitor_id from trakit.visitor_links l
        where l.shop_id = p_shop_id and (l.kind, l.key) in (
          select 'customer', jsonb_array_elements_text(v_customers)
          union all select 'email', jsonb_array_elements_text(v_emails)
          union all select 'phone', jsonb_array_elements_text(v_phones))
      ) x));
end;
$$;
comment on function trakit.whole_subject(uuid, jsonb) is
  'A request''s subject with what we know to be the same person: {"customers", "emails", "phones", "orders", "visitors"}, all lists.';
grant execute on function trakit.whole_subject(uuid, jsonb) to trakit_app;

create function trakit.request_privacy(
  p_shop text, p_kind text, p_reference text, p_subject jsonb, p_at timestamptz, p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop trakit.shops;
  v_request trakit.privacy_requests;
begin
  perform trakit.bind_shop(p_shop, null);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null then
    return jsonb_build_object('status', 'unknown_shop');
  end if;
  if p_kind = 'redact_shop' then
    -- Shopify sends it two days after an uninstall, and not after a new install; news older than that install is over.
    -- no new events from here on, no token from here on
    if trakit.uninstall_shop(p_shop, p_at, p_now) = 'reinstalled' then
      return jsonb_build_object('status', 'reinstalled');
    end if;
    perform trakit.bind_shop(p_shop, null);
    delete from trakit.privacy_requests r where r.shop_id = v_shop.id and r.kind <> 'redact_shop';
  end if;
  insert into trakit.privacy_requests (shop_id, kind, reference, subject, requested_at)
  values (v_shop.id, p_kind, p_reference, case when p_kind <> 'redact_shop' then p_subject end, p_now)
  on conflict (shop_id, reference) do nothing
  returning * into v_request;
  if v_request.id is null then
    select * into v_request from trakit.privacy_requests r where r.shop_id = v_shop.id and r.reference = p_reference;
    return jsonb_build_object('status', 'duplicate', 'id', v_request.id, 'shop_id', v_shop.id, 'state', v_request.state);
  end if;
  return jsonb_build_object('status', 'accepted', 'id', v_request.id, 'shop_id', v_shop.id, 'state', v_request.state);
end;
$$;
comment on function trakit.request_privacy(text, text, text, jsonb, timestamptz, timestamptz) is
  'Notes a request for export or redaction, made at p_at by Shopify''s clock, once per reference. p_subject holds digests and ids only. Returns {"status": accepted | duplicate | unknown_shop | reinstalled, "id", "shop_id", "state"}; redaction is done by trakit.privacy_step.';

create function trakit.privacy_step(p_shop_id uuid, p_request_id uuid, p_limit integer default 5000, p_now timestamptz default now())
returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_request trakit.privacy_requests;
begin
  perform set_config('trakit.shop_domain', '', true), set_config('trakit.shop_id', p_shop_id::text, true);
  -- one at a time; who comes second finds it further on
  select * into v_request from trakit.privacy_requests r where r.id = p_request_id and r.shop_id = p_shop_id for update;
  if v_request.id is null then
    return jsonb_build_object('state', 'gone');
  end if;
  if v_request.state = 'done' or v_request.kind = 'export' then
    return jsonb_build_object('state', v_request.state);
  end if;
  if v_request.kind = 'redact_shop' then
    return trakit.redact_shop_step(v_request, p_limit, p_now);
  end if;
  return trakit.redact_customer_step(v_request, p_now);
end;
$$;
comment on function trakit.privacy_step(uuid, uuid, integer, timestamptz) is
  'Does the next piece of a redaction: one day of a customer''s events, or about p_limit rows of a shop. Returns {"state": pending | done | waiting | gone}; call it until it is not pending. waiting = its last piece is due a minute after the request.';

create function trakit.delete_events(p_shop_id uuid, p_at timestamptz[], p_rows bigint[]) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_counts jsonb;
  v_count integer;
begin
  -- one key at a time, so that each goes to its partition by index
  delete from trakit.deliveries d using unnest(p_at, p_rows) x (at, event_row)
  where d.captured_at = x.at and d.event_row = x.event_row and d.shop_id = p_shop_id;
  get diagnostics v_count = row_count;
  v_counts := jsonb_build_object('deliveries', v_count);
  delete from trakit.event_clients c using unnest(p_at, p_rows) x (at, event_row)
  where c.captured_at = x.at and c.event_row = x.event_row and c.shop_id = p_shop_id;
  get diagnostics v_count = row_count;
  v_counts := v_counts || jsonb_build_object('event_clients', v_count);
  delete from trakit.events e using unnest(p_at, p_rows) x (at, event_row)
  where e.captured_at = x.at and e.id = x.event_row and e.shop_id = p_shop_id;
  get diagnostics v_count = row_count;
  return v_counts || jsonb_build_object('events', v_count);
end;
$$;
comment on function trakit.delete_events(uuid, timestamptz[], bigint[]) is
  'Deletes events of a shop with their clients and deliveries. Returns how many of each. Keys are the caller''s.';
grant execute on function trakit.delete_events(uuid, timestamptz[], bigint[]) to trakit_app;

create function trakit.add_counts(p_counts jsonb, p_more jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return p_counts || (select coalesce(jsonb_object_agg(m.key, m.value::bigint + coalesce((p_counts ->> m.key)::bigint, 0)), '{}')
    from jsonb_each_text(p_more) m);
end;
$$;
comment on function trakit.add_counts(jsonb, jsonb) is 'Adds {"name": n} to counters.';
grant execute on function trakit.add_counts(jsonb, jsonb) to trakit_app;

create function trakit.redact_customer_step(p_request trakit.privacy_requests, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := p_request.shop_id;
  v_subject jsonb := p_request.subject;
  v_counts jsonb := p_request.counts;
  v_count integer;
  v_visitors bigint[];
  v_orders text[];
  v_carts text[];
  v_day date := p_request.next_day;
  v_at timestamptz[];
  v_rows bigint[];
begin
  if v_day is null then
    -- whoever deletes visitors is alone with the shop's identity (trakit.lock_identity)
    perform pg_advisory_xact_lock(hashtextextended('trakit.identity:' || v_shop, 0));
    v_subject := trakit.whole_subject(v_shop, v_subject);
    v_visitors := array(select jsonb_array_elements_text(v_subject -> 'visitors')::bigint);
    delete from trakit.visitor_links l
    where l.shop_id = v_shop and (l.visitor_id = any (v_visitors) or (l.kind, l.key) in (
      select 'customer', jsonb_array_elements_text(v_subject -> 'customers')
      union all select 'email', jsonb_array_elements_text(v_subject -> 'emails')
      union all select 'phone', jsonb_array_elements_text(v_subject -> 'phones')));
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
    select min((e.captured_at at time zone 'utc')::date) into v_day from trakit.events e where e.shop_id = v_shop;
    v_day := coalesce(v_day, p_now::date);
  else
    v_visitors := array(select jsonb_array_elements_text(v_subject -> 'visitors')::bigint);
    select array_agg(e.captured_at), array_agg(e.id) into v_at, v_rows
    from trakit.events e
    where e.shop_id = v_shop and e.captured_at >= v_day::timestamptz and e.captured_at < (v_day + 1)::timestamptz
      and (e.visitor_id = any (v_visitors) or v_subject -> 'orders' ? (e.commerce ->> 'order_id')
        or trakit.names_person(e.identifiers, e.digests, v_subject));
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
    v_day := v_day + 1;
  end if;
  if v_day <= p_now::date then
    update trakit.privacy_requests r set subject = v_subject, counts = v_counts, next_day = v_day where r.id = p_request.id;
    return jsonb_build_object('state', 'pending');
  end if;
  -- orders whose events have aged out still have their keys
  delete from trakit.reconciled_orders r
  where r.shop_id = v_shop and r.order_id in (select jsonb_array_elements_text(v_subject -> 'orders'));
  v_orders := array(select 'order:' || jsonb_array_elements_text(v_subject -> 'orders'));
  delete from trakit.event_keys k
  where k.shop_id = v_shop and k.event_row in (
    select o.event_row from trakit.event_keys o where o.shop_id = v_shop and o.key = any (v_orders));
  update trakit.privacy_requests r
  set state = 'done', done_at = p_now, subject = null, counts = v_counts where r.id = p_request.id;
  return jsonb_build_object('state', 'done');
end;
$$;
comment on function trakit.redact_customer_step(trakit.privacy_requests, timestamptz) is
  'First visitors, customers, quarantine and open exports, then one day of events at a time, last the keys of older orders.';
grant execute on function trakit.redact_customer_step(trakit.privacy_requests, timestamptz) to trakit_app;

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
grant execute on function trakit.redact_shop_step(trakit.privacy_requests, integer, timestamptz) to trakit_app;

create function trakit.due_privacy(p_limit integer default 100, p_now timestamptz default now())
returns table (shop_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select r.shop_id, r.id from trakit.privacy_requests r
  where r.state = 'pending' and r.kind <> 'export' and r.requested_at <= p_now order by r.requested_at limit p_limit
$$;
comment on function trakit.due_privacy(integer, timestamptz) is 'Redactions that are not done yet, oldest first.';

create function trakit.export_person(p_shop_id uuid, p_subject jsonb) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_subject jsonb := trakit.whole_subject(p_shop_id, p_subject);
  v_visitors bigint[] := array(select jsonb_array_elements_text(v_subject -> 'visitors')::bigint);
begin
  return jsonb_build_object(
    'customers', (select coalesce(jsonb_agg(to_jsonb(c) - 'shop_id' order by c.customer_id), '[]') from trakit.customers c
      where c.shop_id = p_shop_id and v_subject -> 'customers' ? c.customer_id),
    'visitors', (select coalesce(jsonb_agg(to_jsonb(v) - 'shop_id' || jsonb_build_object('keys', (
        select coalesce(jsonb_agg(jsonb_build_object('kind', l.kind, 'key', l.key) order by l.kind, l.key), '[]')
        from trakit.visitor_links l where l.shop_id = p_shop_id and l.visitor_id = v.id)) order by v.id), '[]')
      from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_visitors)),
    'events', (select coalesce(jsonb_agg(x.event order by x.captured_at, x.id), '[]') from (
      select e.captured_at, e.id, to_jsonb(e) - array['shop_id', 'id'] || jsonb_build_object(
        'client', (select jsonb_strip_nulls(to_jsonb(c) - array['shop_id', 'event_row', 'captured_at'])
          from trakit.event_clients c where c.captured_at = e.captured_at and c.event_row = e.id),
        'deliveries', (select coalesce(jsonb_agg(jsonb_build_object('platform', d.platform, 'state', d.state, 'reason', d.reason,
            'limited', d.limited, 'settled_at', d.settled_at) order by d.platform), '[]')
          from trakit.deliveries d where d.captured_at = e.captured_at and d.event_row = e.id)) as event
      from trakit.events e
      where e.shop_id = p_shop_id and (e.visitor_id = any (v_visitors) or v_subject -> 'orders' ? (e.commerce ->> 'order_id')
        or trakit.names_person(e.identifiers, e.digests, v_subject))
      order by e.captured_at desc limit 10000) x));
end;
$$;
comment on function trakit.export_person(uuid, jsonb) is
  'Everything held about a subject: customers, visitors with their keys, the last 10,000 events with client and where they went. The caller is bound to the shop.';
grant execute on function trakit.export_person(uuid, jsonb) to trakit_app;

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
grant execute on function trakit.subject_of(text, text, text, text[]) to trakit_app;

create function api.redact_customer(
  p_shop text, p_customer_id text default null, p_email text default null, p_phone text default null,
  p_orders text[] default '{}', p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_subject jsonb := trakit.subject_of(p_customer_id, p_email, p_phone, p_orders);
  v_asked jsonb;
  v_shop uuid;
begin
  if v_subject = '{"customers": [], "emails": [], "phones": [], "orders": []}' then
    return jsonb_build_object('status', 'nobody_named');
  end if;
  v_asked := trakit.request_privacy(
    p_shop, 'redact_customer', 'operator:' || gen_random_uuid(), v_subject, p_now, p_now);
  v_shop := (v_asked ->> 'shop_id')::uuid;
  if v_shop is null then
    return v_asked;
  end if;
  while trakit.privacy_step(v_shop, (v_asked ->> 'id')::uuid, 5000, p_now) ->> 'state' = 'pending' loop
  end loop;
  return (select to_jsonb(r) - 'shop_id' from trakit.privacy_requests r where r.id = (v_asked ->> 'id')::uuid);
end;
$$;
comment on function api.redact_customer(text, text, text, text, text[], timestamptz) is
  'Deletes everything of one person in a shop (by domain): by Shopify customer id, email, phone with country code, or order ids, whichever is given. Cannot be undone. Returns the receipt.';

create function api.redact_shop(p_shop text, p_confirm text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_asked jsonb;
  v_state text := 'pending';
begin
  if p_confirm is distinct from p_shop then
    return jsonb_build_object('status', 'not_confirmed');
  end if;
  v_asked := trakit.request_privacy(p_shop, 'redact_shop', 'operator:' || gen_random_uuid(), null, p_now, p_now);
  if v_asked ->> 'shop_id' is null then
    return v_asked;
  end if;
  while v_state = 'pending' loop
    v_state := trakit.privacy_step((v_asked ->> 'shop_id')::uuid, (v_asked ->> 'id')::uuid, 5000, p_now) ->> 'state';
  end loop;
  return v_asked || jsonb_build_object('state', v_state);
end;
$$;
comment on function api.redact_shop(text, text, timestamptz) is
  'Deletes everything of a shop (by domain; p_confirm repeats it). Cannot be undone. Tokens and rows go at once; the shop''s own row follows a minute later, by worker or drain.';

create function api.export_customer(
  p_shop text, p_customer_id text default null, p_email text default null, p_phone text default null,
  p_orders text[] default '{}'
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  if v_shop is null then
    return jsonb_build_object('status', 'unknown_shop');
  end if;
  return trakit.export_person(v_shop, trakit.subject_of(p_customer_id, p_email, p_phone, p_orders));
end;
$$;
comment on function api.export_customer(text, text, text, text, text[]) is
  'Everything held about one person in a shop (by domain), for the merchant to hand out.';

create view api.redaction_log with (security_invoker = true) as
select r.id, r.shop_id, r.kind, r.reference, r.state, r.counts, r.requested_at, r.done_at from trakit.privacy_requests r;
comment on view api.redaction_log is 'Requests for export and redaction with their receipts.';
comment on column api.redaction_log.id is 'Ours.';
comment on column api.redaction_log.shop_id is 'Shop it concerns.';
comment on column api.redaction_log.kind is 'export, redact_customer or redact_shop.';
comment on column api.redaction_log.reference is 'Shopify''s webhook id, or operator:<uuid>.';
comment on column api.redaction_log.state is 'pending or done.';
comment on column api.redaction_log.counts is 'Rows deleted, by table.';
comment on column api.redaction_log.requested_at is 'When it came.';
comment on column api.redaction_log.done_at is 'When it was done.';
grant select on api.redaction_log to authenticated;

grant create on schema trakit to trakit_app, trakit_dispatcher;
grant create on schema api to trakit_app;
alter function trakit.request_privacy(text, text, text, jsonb, timestamptz, timestamptz) owner to trakit_app;
alter function trakit.privacy_step(uuid, uuid, integer, timestamptz) owner to trakit_app;
alter function trakit.due_privacy(integer, timestamptz) owner to trakit_dispatcher;
alter function api.redact_customer(text, text, text, text, text[], timestamptz) owner to trakit_app;
alter function api.redact_shop(text, text, timestamptz) owner to trakit_app;
alter function api.export_customer(text, text, text, text, text[]) owner to trakit_app;
revoke create on schema trakit from trakit_app, trakit_dispatcher;
revoke create on schema api from trakit_app;
grant execute on function trakit.request_privacy(text, text, text, jsonb, timestamptz, timestamptz) to trakit_edge;
grant execute on function trakit.privacy_step(uuid, uuid, integer, timestamptz) to trakit_edge;
grant execute on function trakit.due_privacy(integer, timestamptz) to trakit_edge;
-- the operator's own, from the command line or the dashboard
grant usage on schema api to trakit_worker;
grant execute on function api.redact_customer(text, text, text, text, text[], timestamptz) to trakit_worker;
grant execute on function api.redact_shop(text, text, timestamptz) to trakit_worker;
grant execute on function api.export_customer(text, text, text, text, text[]) to trakit_worker;
