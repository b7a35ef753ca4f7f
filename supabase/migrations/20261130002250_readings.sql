-- Subject: orders to be read again from Shopify, because the consent to store them came after them.
-- Why: an order without a decision is stored without its person (docs/privacy.md, "Consent"). Where its browser's copy says yes
-- afterwards, what was left out is asked for once more, so that either order of arrival sends the same. The list is durable:
-- who takes from it leases by due_at, and what a crash interrupts is due again when the lease ends. Its deliveries stay
-- skipped until the order was read; what was sent already is not sent again.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.order_readings.

create table trakit.order_readings (
  shop_id uuid not null,
  order_id text not null,
  asked_at timestamptz not null,
  counted boolean not null,
  tries integer not null default 0,
  due_at timestamptz,
  trouble text,
  constraint order_readings_pkey primary key (shop_id, order_id),
  constraint order_readings_id_shape check (order_id ~ '^[0-9]{1,20}$'),
  constraint order_readings_tries_sane check (tries >= 0),
  constraint order_readings_end_has_reason check (due_at is not null or trouble is not null),
  constraint order_readings_trouble_bounded check (length(trouble) <= 200)
);
-- small: only what is still to be read
create index order_readings_due on trakit.order_readings (due_at) where due_at is not null;

comment on table trakit.order_readings is 'Orders to be read again from Shopify, because consent came after them. A row goes when its order was read; one that could not be is kept 30 days with its reason.';
comment on column trakit.order_readings.shop_id is 'Shop.';
comment on column trakit.order_readings.order_id is 'Shopify''s order id.';
comment on column trakit.order_readings.asked_at is 'When consent came. Given up a day later, as the deliveries are.';
comment on column trakit.order_readings.counted is 'Its customer''s history holds it already.';
comment on column trakit.order_readings.tries is 'How often somebody set out to read it.';
comment on column trakit.order_readings.due_at is 'When it is to be read; while somebody reads it, the end of their lease. Null = given up.';
comment on column trakit.order_readings.trouble is 'Why it could not be read the last time: not_installed, reopen_app, unavailable, not_found …; null = no trouble.';

call trakit.isolate_by_shop('trakit.order_readings', p_people => true);
call trakit.keep_no_statistics('trakit.order_readings', array['order_id', 'trouble']);
grant select (shop_id, due_at) on trakit.order_readings to trakit_dispatcher;
create policy "the dispatcher sees where orders are to be read" on trakit.order_readings for select to trakit_dispatcher using (true);

create function trakit.read_again(p_shop trakit.shops, p_stored trakit.events, p_before jsonb, p_counts jsonb, p_now timestamptz)
returns boolean
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
begin
  if p_stored.commerce ->> 'order_id' is null or not exists (
    select from unnest(array['analytics', 'marketing']) p (purpose)
    -- left out for want of a decision, and allowed now. What its own copy refused no reading brings back
    where p_stored.consent ->> p.purpose is null and p_before ->> p.purpose = 'false'
      and p_counts ->> p.purpose is distinct from 'false')
  then
    return false;
  end if;
  insert into trakit.order_readings (shop_id, order_id, asked_at, counted, due_at, trouble)
  select p_shop.id, p_stored.commerce ->> 'order_id', p_now,
    -- with one purpose allowed its customer was stored
    not (p_before ->> 'analytics' = 'false' and p_before ->> 'marketing' = 'false'), p_now,
    case when not exists (select from trakit.installations i where i.shop_id = p_shop.id) then 'not_installed' end
  on conflict (shop_id, order_id) do nothing;
  return true;
end;
$$;
comment on function trakit.read_again(trakit.shops, trakit.events, jsonb, jsonb, timestamptz) is
  'After an order''s browser copy was merged: asks for the order once more where Shopify''s copy was stored without what may be stored now (p_before and p_counts: counted_consent of the stored copy and of both). True = its deliveries wait for that.';

create function trakit.due_readings(p_limit integer default 500, p_now timestamptz default now())
returns table (shop_id uuid, domain text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id, s.domain from (
    select r.shop_id, min(r.due_at) as due_at from trakit.order_readings r where r.due_at <= p_now group by r.shop_id
  ) d
  join trakit.shops s on s.id = d.shop_id
  where s.status = 'active' order by d.due_at, s.id limit p_limit
$$;
comment on function trakit.due_readings(integer, timestamptz) is 'Shops with orders to be read again now, longest waiting first.';

create function trakit.claim_readings(p_shop text, p_limit integer default 25, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_orders jsonb;
begin
  update trakit.order_readings r set due_at = null, trouble = coalesce(r.trouble, 'too_late')
  where r.shop_id = v_shop and r.due_at <= p_now and r.asked_at <= p_now - interval '1 day';
  with taken as (
    select r.order_id from trakit.order_readings r
    where r.shop_id = v_shop and r.due_at <= p_now
    order by r.due_at, r.order_id limit p_limit for update skip locked
  ), leased as (
    update trakit.order_readings r set due_at = p_now + interval '2 minutes', tries = r.tries + 1
    from taken t where r.shop_id = v_shop and r.order_id = t.order_id
    returning r.order_id
  )
  select jsonb_agg(l.order_id order by l.order_id) into v_orders from leased l;
  return jsonb_build_object('orders', coalesce(v_orders, '[]'),
    'order_topic', (select s.order_topic from trakit.shops s where s.id = v_shop));
end;
$$;
comment on function trakit.claim_readings(text, integer, timestamptz) is
  'Takes up to p_limit orders of a shop to be read again, for two minutes: {"orders": [ids], "order_topic"}. Gives up those that waited for a day.';

create function trakit.note_readings(p_shop text, p_orders text[], p_trouble text, p_now timestamptz default now()) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  update trakit.order_readings r
  -- a minute, two, four … an hour at most
  set trouble = left(p_trouble, 200), due_at = p_now + least(interval '1 hour', interval '1 minute' * 2 ^ least(greatest(r.tries - 1, 0), 6))
  where r.shop_id = v_shop and r.due_at is not null and r.order_id = any (p_orders);
end;
$$;
comment on function trakit.note_readings(text, text[], text, timestamptz) is
  'Orders that could not be read, and why: they are due again later. One that was read leaves the list in ingest_events.';
