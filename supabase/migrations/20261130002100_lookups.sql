-- Subject: asking Shopify about a customer seen for the first time.
-- Why: webhooks tell order count and lifetime value only when something changes, and who a customer is only when they are new;
-- of one who was there before the app nobody has told us. A job asks for many at once, never while an event waits, and pauses per shop where Shopify throttles,
-- does not answer, or has not approved the app for these fields. What is learnt is noted only while the customer is still
-- known to us: an answer that comes after a redaction must not bring them back.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.customer_lookups.

create table trakit.customer_lookups (
  shop_id uuid primary key references trakit.shops (id) on delete cascade,
  looked_at timestamptz not null,
  paused_until timestamptz,
  trouble text,
  constraint customer_lookups_pause_has_reason check ((paused_until is null) = (trouble is null)),
  constraint customer_lookups_trouble_bounded check (length(trouble) <= 100)
);

comment on table trakit.customer_lookups is 'When Shopify was last asked about a shop''s new customers, and why not at the moment.';
comment on column trakit.customer_lookups.shop_id is 'Shop.';
comment on column trakit.customer_lookups.looked_at is 'When the job last looked.';
comment on column trakit.customer_lookups.paused_until is 'Not asked again before this; null = no trouble.';
comment on column trakit.customer_lookups.trouble is 'Why it pauses: throttled, unavailable, reopen_app, not_approved …; null = no trouble.';

call trakit.isolate_by_shop('trakit.customer_lookups', p_people => true);
grant select (shop_id, looked_at, paused_until) on trakit.customer_lookups to trakit_dispatcher;
create policy "the dispatcher sees who may be asked about" on trakit.customer_lookups for select to trakit_dispatcher using (true);

create function trakit.unknown_customers(p_shop text, p_limit integer default 50, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  return coalesce((
    select jsonb_agg(distinct x.customer_id) from (
      (select c.customer_id from trakit.customers c
      where c.shop_id = v_shop and c.asked_at is null and (c.known_at is null or c.digests = '{}')
        and c.customer_id ~ '^[0-9]{1,20}$'
      order by c.created_at limit p_limit)
      union
      -- who is logged in and has not bought while we looked; two days back are enough for a job that runs every two minutes
      (select l.key from trakit.visitor_links l
      where l.shop_id = v_shop and l.kind = 'customer' and l.created_at > p_now - interval '2 days' and l.key ~ '^[0-9]{1,20}$'
        and not exists (
          select from trakit.customers c
          where c.shop_id = v_shop and c.customer_id = l.key
            and (c.asked_at is not null or (c.known_at is not null and c.digests <> '{}')))
      order by l.created_at limit p_limit)
      limit p_limit) x), '[]');
end;
$$;
comment on function trakit.unknown_customers(text, integer, timestamptz) is
  'Ids of customers of a shop of whom Shopify was never asked, and never told us who they are and what they bought: from orders, and logged in within two days.';

create function trakit.note_asked(p_shop text, p_customers jsonb, p_now timestamptz default now()) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_noted integer := 0;
  v_customer jsonb;
begin
  for v_customer in
    -- in one order for all, as count_orders takes them
    select x.value from jsonb_array_elements(p_customers) x (value) order by x.value ->> 'customer_id'
  loop
    if exists (
        select from trakit.customers c where c.shop_id = v_shop and c.customer_id = v_customer ->> 'customer_id' for update)
      or exists (
        select from trakit.visitor_links l
        where l.shop_id = v_shop and l.kind = 'customer' and l.key = v_customer ->> 'customer_id' for share)
    then
      perform trakit.learn_customer(p_shop, v_customer, p_now);
      v_noted := v_noted + 1;
    end if;
  end loop;
  return v_noted;
end;
$$;
comment on function trakit.note_asked(text, jsonb, timestamptz) is
  'Notes what Shopify answered about customers (a list for learn_customer), but of those only who are still known to us. Returns how many.';

create function trakit.note_lookup(p_shop text, p_trouble text, p_paused_until timestamptz, p_now timestamptz default now())
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  insert into trakit.customer_lookups (shop_id, looked_at, paused_until, trouble)
  select v_shop, p_now, p_paused_until, p_trouble where v_shop is not null
  on conflict (shop_id) do update set looked_at = p_now, paused_until = p_paused_until, trouble = p_trouble;
end;
$$;
comment on function trakit.note_lookup(text, text, timestamptz, timestamptz) is
  'The job has asked about a shop''s customers: nulls = no trouble, else why and until when it pauses.';

create function trakit.due_lookups(p_limit integer default 500, p_now timestamptz default now())
returns table (shop_id uuid, domain text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id, s.domain from trakit.installations i
  join trakit.shops s on s.id = i.shop_id
  left join trakit.customer_lookups c on c.shop_id = i.shop_id
  where s.status = 'active' and i.trouble is null and i.refresh_expires_at > p_now and coalesce(c.paused_until <= p_now, true)
  order by c.looked_at nulls first limit p_limit
$$;
comment on function trakit.due_lookups(integer, timestamptz) is
  'Shops whose new customers Shopify may be asked about now: active, with tokens, not paused; longest not looked at first.';
