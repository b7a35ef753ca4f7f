-- Subject: customers of a shop: who they are to the vendors (digests) and what they have bought so far.
-- Why: Shopify's order webhooks carry neither order count nor lifetime value since API 2025-01; customers/purchasing_summary
-- and GraphQL do. Kept per customer, so that every event of a known visitor can say it without a question to Shopify.
-- Totals are Shopify's as of a moment (known_at); orders placed later are counted on top until Shopify tells again.
-- No foreign key to shops: this is read and written with events.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.customers.

create table trakit.customers (
  shop_id uuid not null,
  customer_id text not null,
  digests jsonb not null default '{}',
  orders integer not null default 0,
  spent numeric not null default 0,
  currency text,
  first_order_at timestamptz,
  last_order_at timestamptz,
  known_at timestamptz,
  asked_at timestamptz,
  email_opt_in text,
  email_opt_in_at timestamptz,
  sms_opt_in text,
  sms_opt_in_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint customers_pkey primary key (shop_id, customer_id),
  constraint customers_id_bounded check (length(customer_id) between 1 and 64),
  constraint customers_digests_object check (jsonb_typeof(digests) = 'object'),
  constraint customers_orders_sane check (orders >= 0),
  constraint customers_currency_shape check (currency ~ '^[A-Z]{3}$'),
  constraint customers_opt_ins_bounded check (length(email_opt_in) <= 40 and length(sms_opt_in) <= 40)
);
-- small: only who was never asked about and is not known otherwise
create index customers_unasked on trakit.customers (shop_id, created_at)
  where asked_at is null and (known_at is null or digests = '{}');

comment on table trakit.customers is 'One row per customer of a shop: digests and purchase history, to enrich events.';
comment on column trakit.customers.shop_id is 'Shop they are a customer of.';
comment on column trakit.customers.customer_id is 'Shopify''s customer id.';
comment on column trakit.customers.digests is 'SHA-256 digests of what Shopify itself told of them, by normal form, as in events.digests; nothing anybody typed in an order or a form. Empty where consent is not known and the shop''s policy is skip.';
comment on column trakit.customers.orders is 'Orders so far, test orders left out.';
comment on column trakit.customers.spent is 'Lifetime value: what they paid for orders so far, less refunds, in currency.';
comment on column trakit.customers.currency is 'ISO 4217 of spent; null = nothing known.';
comment on column trakit.customers.first_order_at is 'First order we know of.';
comment on column trakit.customers.last_order_at is 'Last order we know of.';
comment on column trakit.customers.known_at is 'Orders and spent are Shopify''s as of this moment, plus what was ordered after it; null = only counted by us.';
comment on column trakit.customers.asked_at is 'When Shopify was last asked about them; null = never.';
comment on column trakit.customers.email_opt_in is 'Shopify''s email marketing state (subscribed, unsubscribed …). Never tracking consent.';
comment on column trakit.customers.email_opt_in_at is 'When that state was given.';
comment on column trakit.customers.sms_opt_in is 'Shopify''s SMS marketing state. Never tracking consent.';
comment on column trakit.customers.sms_opt_in_at is 'When that state was given.';
comment on column trakit.customers.created_at is 'First heard of.';
comment on column trakit.customers.updated_at is 'Last change.';

call trakit.isolate_by_shop('trakit.customers', p_people => true);
call trakit.keep_no_statistics('trakit.customers', array['customer_id', 'digests', 'orders', 'spent', 'first_order_at',
  'last_order_at', 'known_at', 'asked_at', 'email_opt_in', 'email_opt_in_at', 'sms_opt_in', 'sms_opt_in_at']);

create function trakit.learn_customer(p_shop text, p_customer jsonb, p_now timestamptz default now()) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  c_nobody constant uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_shop trakit.shops;
  v_as_of timestamptz := (p_customer ->> 'as_of')::timestamptz;
  v_digests jsonb;
begin
  perform trakit.bind_shop(p_shop, null);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null or v_shop.status <> 'active' then
    perform set_config('trakit.shop_id', coalesce(v_shop.id, c_nobody)::text, true);
    perform trakit.count_refusals(coalesce(v_shop.id, c_nobody), 'webhooks',
      jsonb_build_object(case when v_shop.id is null then 'unknown_shop' else 'uninstalled_shop' end, 1), p_now);
    return case when v_shop.id is null then 'unknown_shop' else 'uninstalled_shop' end;
  end if;
  -- a customer's record says nothing of tracking consent: where the policy for that is skip, only figures are kept
  v_digests := case
    when trakit.unknown_consent_policy(v_shop.unknown_consent, p_customer ->> 'country', v_shop.country) = 'skip' then '{}'
    else coalesce(p_customer -> 'digests', '{}') end;
  insert into trakit.customers as c
    (shop_id, customer_id, digests, orders, spent, currency, first_order_at, last_order_at, known_at, asked_at, email_opt_in,
     email_opt_in_at, sms_opt_in, sms_opt_in_at, created_at, updated_at)
  values (v_shop.id, p_customer ->> 'customer_id', v_digests, coalesce((p_customer ->> 'orders')::integer, 0),
    coalesce((p_customer ->> 'spent')::numeric, 0), p_customer ->> 'currency', (p_customer ->> 'first_order_at')::timestamptz,
    (p_customer ->> 'last_order_at')::timestamptz,
    v_as_of, (p_customer ->> 'asked_at')::timestamptz, p_customer ->> 'email_opt_in',
    (p_customer ->> 'email_opt_in_at')::timestamptz, p_customer ->> 'sms_opt_in', (p_customer ->> 'sms_opt_in_at')::timestamptz,
    p_now, p_now)
  on conflict (shop_id, customer_id) do update
    -- webhooks come late, twice and out of order: what is older than what we have changes nothing
    set digests = c.digests || excluded.digests,
        orders = case when v_as_of > coalesce(c.known_at, '-infinity') then excluded.orders else c.orders end,
        spent = case when v_as_of > coalesce(c.known_at, '-infinity') then excluded.spent else c.spent end,
        currency = case when v_as_of > coalesce(c.known_at, '-infinity') then excluded.currency else c.currency end,
        first_order_at = least(c.first_order_at, excluded.first_order_at),
        last_order_at = greatest(c.last_order_at, excluded.last_order_at),
        known_at = greatest(c.known_at, v_as_of),
        asked_at = greatest(c.asked_at, excluded.asked_at),
        email_opt_in = case when excluded.email_opt_in_at >= coalesce(c.email_opt_in_at, '-infinity')
          then excluded.email_opt_in else c.email_opt_in end,
        email_opt_in_at = greatest(c.email_opt_in_at, excluded.email_opt_in_at),
        sms_opt_in = case when excluded.sms_opt_in_at >= coalesce(c.sms_opt_in_at, '-infinity')
          then excluded.sms_opt_in else c.sms_opt_in end,
        sms_opt_in_at = greatest(c.sms_opt_in_at, excluded.sms_opt_in_at),
        updated_at = p_now;
  return 'learnt';
end;
$$;
comment on function trakit.learn_customer(text, jsonb, timestamptz) is
  'Notes what Shopify says of a customer {"customer_id", "digests", "country", "orders", "spent", "currency", "first_order_at", "last_order_at", "as_of", "asked_at", "email_opt_in", "email_opt_in_at", "sms_opt_in", "sms_opt_in_at"}; all but the id may be missing. Returns learnt, unknown_shop or uninstalled_shop.';

-- Called by trakit.ingest_events.
create function trakit.with_customer(p_shop_id uuid, p_event jsonb, p_told boolean) returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_customer trakit.customers;
  v_facts jsonb;
begin
  select * into v_customer from trakit.customers c
  where c.shop_id = p_shop_id and c.customer_id = p_event #>> '{identifiers,customer_id}';
  if v_customer.customer_id is null then
    return p_event;
  end if;
  -- only what Shopify told makes somebody new: that we have seen no order of theirs does not
  if v_customer.known_at is not null then
    v_facts := jsonb_build_object('customer_orders', v_customer.orders, 'customer_value', v_customer.spent::text,
      'customer_currency', v_customer.currency);
    if p_told and p_event ->> 'name' = 'checkout_completed' then
      v_facts := v_facts || jsonb_build_object('customer_type', case
        -- the count may already hold this very order
        when v_customer.orders <= case when v_customer.known_at >= (p_event ->> 'occurred_at')::timestamptz then 1 else 0 end
        then 'new' else 'returning' end);
    end if;
    p_event := p_event || jsonb_build_object('commerce', jsonb_strip_nulls(v_facts) || (p_event -> 'commerce'));
  end if;
  if not p_event -> 'digests' @> v_customer.digests then
    p_event := p_event || jsonb_build_object('digests', v_customer.digests || (p_event -> 'digests'));
  end if;
  return p_event;
end;
$$;
comment on function trakit.with_customer(uuid, jsonb, boolean) is
  'An event with what Shopify told of its customer: digests it lacks, order count, lifetime value, and for a purchase whether they are new (p_told: the event itself names its customer; who was logged in may be somebody else). An order may name its customer by a typed address: their record is read for it, their visitor never is. Unchanged where nobody is known.';

create function trakit.counted_order(p_event jsonb, p_own jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if p_own ->> 'source' <> 'webhook' or p_event ->> 'name' not in ('checkout_completed', 'order_refunded')
    or (p_event ->> 'test')::boolean or p_event #>> '{identifiers,customer_id}' is null
    -- who the customer is, the order says itself; who was logged in where it was placed may be somebody else
    or (p_event ->> 'name' = 'checkout_completed' and p_own #>> '{identifiers,customer_id}' is null)
  then
    return null;
  end if;
  return jsonb_build_object(
    'customer_id', p_event #> '{identifiers,customer_id}', 'at', p_event -> 'occurred_at',
    'refund', p_event ->> 'name' = 'order_refunded', 'amount', p_event #> '{commerce,total}',
    'currency', p_event #> '{commerce,currency}');
end;
$$;
comment on function trakit.counted_order(jsonb, jsonb) is
  'What an order or refund adds to its customer''s history, for count_orders; null = nothing.';

create function trakit.count_orders(p_shop_id uuid, p_orders jsonb, p_now timestamptz) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
begin
  insert into trakit.customers as c
    (shop_id, customer_id, orders, spent, currency, first_order_at, last_order_at, created_at, updated_at)
  select p_shop_id, o.customer_id,
    count(*) filter (where not o.refund), coalesce(sum(o.amount * case when o.refund then -1 else 1 end), 0),
    min(o.currency), min(o.at) filter (where not o.refund), max(o.at) filter (where not o.refund), p_now, p_now
  from jsonb_to_recordset(p_orders) as o
    (customer_id text, at timestamptz, refund boolean, amount numeric, currency text)
  group by o.customer_id
  -- one order for all, so that two batches with the same customers do not wait for each other crosswise
  order by o.customer_id
  on conflict (shop_id, customer_id) do update
    -- Shopify's figures hold every order up to their moment; only later ones are counted on top, and money only in their currency
    set orders = c.orders + case when coalesce(excluded.last_order_at > c.known_at, true) then excluded.orders else 0 end,
        spent = c.spent + case
          when coalesce(coalesce(excluded.last_order_at, p_now) > c.known_at, true) and coalesce(c.currency = excluded.currency, true)
          then excluded.spent else 0 end,
        currency = coalesce(c.currency, excluded.currency),
        first_order_at = least(c.first_order_at, excluded.first_order_at),
        last_order_at = greatest(c.last_order_at, excluded.last_order_at),
        updated_at = p_now;
end;
$$;
comment on function trakit.count_orders(uuid, jsonb, timestamptz) is
  'Adds orders and refunds to their customers'' histories, on top of what Shopify last told. Figures only: whose address an order was placed under, anybody can type.';
