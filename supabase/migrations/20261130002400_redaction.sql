-- Subject: what a redaction deletes of a person or of a shop.
-- Why: after a redaction no row of ours can be joined to that person or shop; deliveries that wait go with their events.
-- The person's own rows are deleted rather than blanked: an order id alone leads to the person at Shopify. A row of somebody else's
-- that names the person by what was typed loses that and stays. Quarantined bodies are sealed: who has the key ring opens them
-- and tells which name the person (packages/pipeline/src/upkeep/privacy.ts).
-- Locks: none. Undo: drop the functions.

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

create function trakit.forget_jobs(p_words text[]) returns integer
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer := 0;
  -- named through a variable: the linter would look for the table of a constant statement
  v_schema constant text := 'pgboss';
begin
  -- where there is no pg-boss, or none that we may use, there are none
  if exists (
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = v_schema and c.relname = 'job' and has_schema_privilege(n.oid, 'usage'))
  then
    execute format($sql$
      delete from %I.job j
      where exists (
        select from (values (to_jsonb(j.data)), (to_jsonb(j.output)), (to_jsonb(j.singleton_key)), (to_jsonb(j.group_id))) w (said)
        cross join lateral jsonb_path_query(w.said, 'strict $.**') v
        where jsonb_typeof(v) in ('string', 'number') and v #>> '{}' = any ($1))
    $sql$, v_schema) using p_words;
    get diagnostics v_count = row_count;
  end if;
  return v_count;
end;
$$;
comment on function trakit.forget_jobs(text[]) is
  'Deletes jobs of pg-boss, waiting or finished, that name one of these words in what they were given or answered. Returns how many.';

create function trakit.begin_redaction(p_request trakit.privacy_requests, p_now timestamptz) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := p_request.shop_id;
  v_counts jsonb := p_request.counts;
  v_subject jsonb;
  v_visitors bigint[];
  v_customers text[];
  v_tokens text[];
  v_count integer;
begin
  -- whoever deletes visitors is alone with the shop's identity (trakit.lock_identity)
  perform pg_advisory_xact_lock(hashtextextended('trakit.identity:' || v_shop, 0));
  v_subject := trakit.whole_subject(v_shop, p_request.subject);
  v_visitors := array(select jsonb_array_elements_text(v_subject -> 'visitors')::bigint);
  v_customers := array(select jsonb_array_elements_text(v_subject -> 'customers'));
  v_tokens := array(select jsonb_array_elements_text(v_subject -> 'tokens'));

  delete from trakit.visitor_links l where l.shop_id = v_shop and l.visitor_id = any (v_visitors);
  delete from trakit.visitor_links l where l.shop_id = v_shop and l.kind = 'customer' and l.key = any (v_customers);
  delete from trakit.visitor_links l where l.shop_id = v_shop and l.kind in ('cart', 'checkout') and l.key = any (v_tokens);
  delete from trakit.visitor_aliases a where a.shop_id = v_shop and a.became = any (v_visitors);
  delete from trakit.visitors v where v.shop_id = v_shop and v.id = any (v_visitors);
  get diagnostics v_count = row_count;
  v_counts := trakit.add_counts(v_counts, jsonb_build_object('visitors', v_count));
  -- a browser others were logged in as well stays theirs
  update trakit.visitors v set identifiers = v.identifiers - 'customer_id'
  where v.shop_id = v_shop and v.customer_id = any (v_customers);

  delete from trakit.customers c where c.shop_id = v_shop and c.customer_id = any (v_customers);
  get diagnostics v_count = row_count;
  v_counts := trakit.add_counts(v_counts, jsonb_build_object('customers', v_count));
  delete from trakit.cart_adds c where c.shop_id = v_shop and c.cart_token = any (v_tokens);
  delete from trakit.carts c where c.shop_id = v_shop and c.token = any (v_tokens);

  -- an export asked for before names the same person, or a person beside another
  delete from trakit.privacy_requests r
  where r.shop_id = v_shop and r.kind = 'withdrawal' and r.subject -> 'visitors' <@ (v_subject -> 'visitors');
  update trakit.privacy_requests r set state = 'done', subject = null, done_at = p_now
  where r.shop_id = v_shop and r.kind = 'export' and r.state = 'pending' and (
    r.subject -> 'customers' ?| v_customers
    or (r.subject -> 'customers' = '[]' and trakit.same_person(r.subject, v_subject)));
  update trakit.privacy_requests r set subject = r.subject || (
    select jsonb_object_agg(x.list, (select coalesce(jsonb_agg(w.word), '[]')
      from jsonb_array_elements_text(r.subject -> x.list) w (word) where not v_subject -> x.list ? w.word))
    from unnest(array['emails', 'phones', 'orders']) x (list))
  where r.shop_id = v_shop and r.kind = 'export' and r.state = 'pending' and trakit.same_person(r.subject, v_subject);

  v_count := trakit.forget_jobs(v_customers || v_tokens || array(
    select jsonb_array_elements_text((v_subject -> 'orders') || (v_subject -> 'keys') || (v_subject -> 'emails')
      || (v_subject -> 'phones'))));
  if v_count > 0 then
    v_counts := trakit.add_counts(v_counts, jsonb_build_object('jobs', v_count));
  end if;
  update trakit.privacy_requests r set subject = v_subject, counts = v_counts where r.id = p_request.id;
end;
$$;
comment on function trakit.begin_redaction(trakit.privacy_requests, timestamptz) is
  'A redaction''s first piece: completes its subject, and deletes what there is of the person beside their events.';

create function trakit.same_person(p_one jsonb, p_other jsonb) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (
    select from unnest(array['emails', 'phones', 'orders']) x (list)
    where p_one -> x.list ?| array(select jsonb_array_elements_text(p_other -> x.list)));
end;
$$;
comment on function trakit.same_person(jsonb, jsonb) is 'Whether two subjects share an address, a number or an order.';

create function trakit.clear_events(
  p_shop_id uuid, p_subject jsonb, p_after_at timestamptz, p_after_row bigint, p_limit integer,
  out seen_at timestamptz, out seen_row bigint, out cleared integer
)
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_visitors bigint[] := array(select jsonb_array_elements_text(p_subject -> 'visitors')::bigint);
  v_tokens text[] := array(select jsonb_array_elements_text(p_subject -> 'tokens'));
  v_event record;
begin
  cleared := 0;
  -- the next so many of the shop's events, in the order of their key, whoever they are of: a step is as long as any other
  for v_event in
    select e.captured_at, e.id, e.visitor_id, e.digests,
      array(select t.name from unnest(array['cart_token', 'checkout_token']) t (name)
        where e.commerce ->> t.name = any (v_tokens)) as tokens
    from trakit.events e
    where e.shop_id = p_shop_id and (e.captured_at, e.id) > (p_after_at, p_after_row)
    order by e.captured_at, e.id limit p_limit
  loop
    seen_at := v_event.captured_at;
    seen_row := v_event.id;
    if v_event.visitor_id = any (v_visitors) then
      -- another customer's order, placed in the person's browser: what that browser said of itself goes
      update trakit.events e
      set visitor_id = null, session_id = null, page = '{}', commerce = e.commerce - v_event.tokens,
          identifiers = jsonb_strip_nulls(jsonb_build_object('customer_id', e.identifiers -> 'customer_id')),
          digests = trakit.without_digests(e.digests, p_subject -> 'digests')
      where e.shop_id = p_shop_id and e.captured_at = v_event.captured_at and e.id = v_event.id;
      perform trakit.clear_client(p_shop_id, v_event.captured_at, v_event.id);
      cleared := cleared + 1;
    elsif v_event.tokens <> '{}' or (v_event.digests <> '{}'
      and trakit.without_digests(v_event.digests, p_subject -> 'digests') <> v_event.digests)
    then
      -- an address typed there, or another customer's order out of the person's cart
      update trakit.events e
      set digests = trakit.without_digests(e.digests, p_subject -> 'digests'), commerce = e.commerce - v_event.tokens
      where e.shop_id = p_shop_id and e.captured_at = v_event.captured_at and e.id = v_event.id;
      cleared := cleared + 1;
    end if;
  end loop;
end;
$$;
comment on function trakit.clear_events(uuid, jsonb, timestamptz, bigint, integer) is
  'Takes what names a subject out of the next p_limit events of a shop, once their own are deleted. Returns how far it came (null = there are no more) and how many it changed.';

create function trakit.redact_customer_step(p_request trakit.privacy_requests, p_limit integer, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := p_request.shop_id;
  v_subject jsonb := p_request.subject;
  v_counts jsonb := p_request.counts;
  v_at timestamptz[];
  v_rows bigint[];
  v_orders text[];
  v_cleared record;
begin
  if not v_subject ? 'visitors' then
    perform trakit.begin_redaction(p_request, p_now);
    return jsonb_build_object('state', 'pending');
  end if;
  if p_request.seen_at is null then
    select array_agg(r.captured_at), array_agg(r.id) into v_at, v_rows
    from trakit.rows_of_person(v_shop, v_subject, '-infinity', 0, p_limit) r;
    if v_rows is not null then
      delete from trakit.reconciled_orders r where r.shop_id = v_shop and r.order_id in (
        select e.order_id from unnest(v_at, v_rows) x (at, event_row) cross join lateral (
          select e.order_id from trakit.events e
          where e.shop_id = v_shop and e.captured_at = x.at and e.id = x.event_row) e);
      delete from trakit.order_readings r where r.shop_id = v_shop and r.order_id in (
        select e.order_id from unnest(v_at, v_rows) x (at, event_row) cross join lateral (
          select e.order_id from trakit.events e
          where e.shop_id = v_shop and e.captured_at = x.at and e.id = x.event_row) e);
      v_counts := trakit.add_counts(v_counts, trakit.delete_events(v_shop, v_at, v_rows));
      delete from trakit.event_keys k where k.shop_id = v_shop and k.event_row = any (v_rows);
    end if;
    update trakit.privacy_requests r
    set counts = v_counts, seen_at = case when v_rows is null then '-infinity'::timestamptz end,
        seen_row = case when v_rows is null then 0 end
    where r.id = p_request.id;
    return jsonb_build_object('state', 'pending');
  end if;
  if p_request.seen_at < 'infinity' then
    v_cleared := trakit.clear_events(v_shop, v_subject, p_request.seen_at, p_request.seen_row, p_limit);
    if v_cleared.cleared > 0 then
      v_counts := trakit.add_counts(v_counts, jsonb_build_object('cleared', v_cleared.cleared));
    end if;
    if v_cleared.seen_at is null then
      -- orders whose events have aged out still have their keys
      delete from trakit.reconciled_orders r
      where r.shop_id = v_shop and r.order_id in (select jsonb_array_elements_text(v_subject -> 'orders'));
      delete from trakit.order_readings r
      where r.shop_id = v_shop and r.order_id in (select jsonb_array_elements_text(v_subject -> 'orders'));
      v_orders := array(select 'order:' || jsonb_array_elements_text(v_subject -> 'orders'));
      v_rows := array(select o.event_row from trakit.event_keys o where o.shop_id = v_shop and o.key = any (v_orders));
      delete from trakit.event_keys k where k.shop_id = v_shop and k.event_row = any (v_rows);
    end if;
    update trakit.privacy_requests r
    set counts = v_counts, seen_at = coalesce(v_cleared.seen_at, 'infinity'), seen_row = coalesce(v_cleared.seen_row, 0)
    where r.id = p_request.id;
    return jsonb_build_object('state', 'pending');
  end if;
  if exists (select from trakit.quarantine q where q.shop_id = v_shop and q.id > coalesce(p_request.seen_quarantined, 0)) then
    return jsonb_build_object('state', 'sealed');
  end if;
  update trakit.privacy_requests r set state = 'done', done_at = p_now, subject = null where r.id = p_request.id;
  return jsonb_build_object('state', 'done');
end;
$$;
comment on function trakit.redact_customer_step(trakit.privacy_requests, integer, timestamptz) is
  'First what there is beside events (begin_redaction), then p_limit of the person''s events at a time, then of the shop''s other events, the keys of older orders, last the quarantine, which is opened elsewhere.';

create function trakit.sealed_of_request(p_shop_id uuid, p_request_id uuid, p_limit integer default 20) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_request trakit.privacy_requests;
begin
  perform set_config('trakit.shop_domain', '', true), set_config('trakit.shop_id', p_shop_id::text, true);
  select * into v_request from trakit.privacy_requests r
  where r.id = p_request_id and r.shop_id = p_shop_id and r.kind = 'redact_customer' and r.state = 'pending';
  return jsonb_build_object(
    'subject', v_request.subject - array['visitors', 'shared', 'digests'],
    'sealed', (
      select coalesce(jsonb_agg(jsonb_build_object('id', q.id, 'shop', q.shop_domain, 'webhook_id', q.webhook_id,
        'body', q.sealed_body) order by q.id), '[]')
      from (
        select * from trakit.quarantine q
        where q.shop_id = p_shop_id and v_request.id is not null and q.id > coalesce(v_request.seen_quarantined, 0)
        order by q.id limit p_limit
      ) q));
end;
$$;
comment on function trakit.sealed_of_request(uuid, uuid, integer) is
  'What a redaction has still to look into: {"subject": {"customers", "emails", "phones", "orders", "keys", "tokens"}, "sealed": [{"id", "shop", "webhook_id", "body"}]}, oldest first.';

create function trakit.settle_sealed(p_shop_id uuid, p_request_id uuid, p_theirs bigint[], p_seen bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_request trakit.privacy_requests;
  v_count integer;
begin
  perform set_config('trakit.shop_domain', '', true), set_config('trakit.shop_id', p_shop_id::text, true);
  select * into v_request from trakit.privacy_requests r
  where r.id = p_request_id and r.shop_id = p_shop_id and r.kind = 'redact_customer' and r.state = 'pending' for update;
  if v_request.id is null then
    return;
  end if;
  delete from trakit.quarantine q where q.shop_id = p_shop_id and q.id = any (p_theirs);
  get diagnostics v_count = row_count;
  update trakit.privacy_requests r
  set counts = trakit.add_counts(r.counts, jsonb_build_object('quarantine', v_count)),
      seen_quarantined = greatest(r.seen_quarantined, p_seen)
  where r.id = v_request.id;
end;
$$;
comment on function trakit.settle_sealed(uuid, uuid, bigint[], bigint) is
  'Deletes the quarantined webhooks that name the person a redaction is about, of those up to p_seen, which were all looked into.';

create function trakit.withdrawal_step(p_request trakit.privacy_requests, p_limit integer, p_now timestamptz) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_stripped record;
begin
  v_stripped := trakit.strip_events(p_request.shop_id,
    array(select jsonb_array_elements_text(p_request.subject -> 'visitors')::bigint), p_request.subject -> 'consent',
    least(p_limit, 1000), p_now);
  if v_stripped.rest then
    return jsonb_build_object('state', case when v_stripped.done > 0 then 'pending' else 'waiting' end);
  end if;
  delete from trakit.privacy_requests r where r.shop_id = p_request.shop_id and r.id = p_request.id;
  return jsonb_build_object('state', 'done');
end;
$$;
comment on function trakit.withdrawal_step(trakit.privacy_requests, integer, timestamptz) is
  'Goes on with what withdraw_consent left; at the end the request is gone, for nobody asks for a receipt.';

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
      -- finished jobs stand in the queue for a while
      perform trakit.forget_jobs(array[v_shop::text]);
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
