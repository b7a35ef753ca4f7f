-- Subject: comparing Shopify's orders with what was captured.
-- Why: Shopify guarantees no webhook. A job reads each shop's orders by the time of their last change, from a watermark on;
-- what has no key here is ingested. What was found is kept per order for 60 days, so that a day's share can be told though
-- an order is read again whenever it changes.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.reconciled_orders, trakit.reconciliations.

create table trakit.reconciliations (
  shop_id uuid primary key,
  watermark timestamptz not null,
  ran_at timestamptz,
  trouble text,
  constraint reconciliations_trouble_bounded check (length(trouble) <= 100)
);

comment on table trakit.reconciliations is 'How far each shop''s orders at Shopify have been compared with ours.';
comment on column trakit.reconciliations.shop_id is 'Shop.';
comment on column trakit.reconciliations.watermark is 'Every order last changed before this was looked at.';
comment on column trakit.reconciliations.ran_at is 'When the job last looked.';
comment on column trakit.reconciliations.trouble is 'Why it could not look; null = it could.';

create table trakit.reconciled_orders (
  shop_id uuid not null,
  order_id text not null,
  day date not null,
  found text not null,
  reason text,
  tried_at timestamptz,
  constraint reconciled_orders_pkey primary key (shop_id, order_id),
  constraint reconciled_orders_found_known check (found in ('captured', 'missing', 'unreadable')),
  constraint reconciled_orders_unreadable_explained check (
    (found = 'unreadable') = (reason is not null) and (found = 'unreadable') = (tried_at is not null)),
  constraint reconciled_orders_reason_bounded check (length(reason) <= 200),
  constraint reconciled_orders_id_bounded check (length(order_id) <= 64)
);
create index reconciled_orders_by_day on trakit.reconciled_orders (day);
create index reconciled_orders_unreadable on trakit.reconciled_orders (shop_id, tried_at) where found = 'unreadable';

comment on table trakit.reconciled_orders is 'Orders at Shopify and whether their webhook had come by the time we looked. Kept 60 days.';
comment on column trakit.reconciled_orders.shop_id is 'Shop.';
comment on column trakit.reconciled_orders.order_id is 'Shopify''s order id; of one that is unreadable its name, or unknown, where it has none.';
comment on column trakit.reconciled_orders.day is 'UTC day it was placed.';
comment on column trakit.reconciled_orders.found is 'captured = we had it; missing = no webhook had come, so it was ingested then; unreadable = no webhook had come, and we do not understand what Shopify told of it.';
comment on column trakit.reconciled_orders.reason is 'What is wrong with one that is unreadable: paths and codes, never values.';
comment on column trakit.reconciled_orders.tried_at is 'When one that is unreadable was last read; it is asked about again a day later.';

call trakit.isolate_by_shop('trakit.reconciliations', p_people => true);
call trakit.isolate_by_shop('trakit.reconciled_orders', p_people => true);
call trakit.keep_no_statistics('trakit.reconciled_orders', array['order_id', 'reason']);
grant select (shop_id, ran_at) on trakit.reconciliations to trakit_dispatcher;
grant select (shop_id, found) on trakit.reconciled_orders to trakit_dispatcher;
create policy "the dispatcher counts what was found" on trakit.reconciled_orders for select to trakit_dispatcher using (true);
create policy "the dispatcher sees whose turn it is" on trakit.reconciliations for select to trakit_dispatcher using (true);

create function trakit.begin_reconciliation(p_shop text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop trakit.shops;
  v_watermark timestamptz;
begin
  perform trakit.bind_shop(p_shop);
  select * into v_shop from trakit.shops s where s.domain = p_shop and s.status = 'active';
  if v_shop.id is null then
    return null;
  end if;
  -- what was ordered before the app was there is not ours to report
  insert into trakit.reconciliations (shop_id, watermark, ran_at) values (v_shop.id, v_shop.installed_at, p_now)
  on conflict (shop_id) do update set ran_at = p_now returning watermark into v_watermark;
  return jsonb_build_object('watermark', greatest(v_watermark, v_shop.installed_at), 'installed_at', v_shop.installed_at,
    'order_topic', v_shop.order_topic,
    -- a fix of ours may understand them by now
    'unreadable', (
      select coalesce(jsonb_agg(x.order_id order by x.tried_at, x.order_id), '[]') from (
        select o.order_id, o.tried_at from trakit.reconciled_orders o
        where o.shop_id = v_shop.id and o.found = 'unreadable' and o.tried_at <= p_now - interval '1 day'
          and o.order_id ~ '^[0-9]{1,20}$'
        order by o.tried_at, o.order_id limit 25) x));
end;
$$;
comment on function trakit.begin_reconciliation(text, timestamptz) is
  'Where a shop''s comparison goes on: {"watermark", "installed_at", "order_topic", "unreadable": up to 25 ids of orders to be asked about again, a day after the last time}; null = no such active shop.';

create function trakit.compare_orders(
  p_shop text, p_orders jsonb, p_watermark timestamptz, p_trouble text, p_unreadable jsonb default '[]',
  p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_missing jsonb;
begin
  select coalesce(jsonb_agg(o.id), '[]') into v_missing
  from jsonb_to_recordset(p_orders) o (id text, at timestamptz)
  where not exists (select from trakit.event_keys k where k.shop_id = v_shop and k.key = 'order:' || o.id);
  insert into trakit.reconciled_orders (shop_id, order_id, day, found)
  select v_shop, o.id, (o.at at time zone 'utc')::date, case when v_missing ? o.id then 'missing' else 'captured' end
  from jsonb_to_recordset(p_orders) o (id text, at timestamptz)
  where v_shop is not null order by o.id
  on conflict (shop_id, order_id) do nothing;
  insert into trakit.reconciled_orders (shop_id, order_id, day, found, reason, tried_at)
  select v_shop, u.id, (coalesce(u.at, p_now) at time zone 'utc')::date, 'unreadable', left(u.reason, 200), p_now
  from jsonb_to_recordset(p_unreadable) u (id text, at timestamptz, reason text)
  where v_shop is not null order by u.id
  on conflict (shop_id, order_id) do update set found = 'unreadable', reason = excluded.reason, tried_at = excluded.tried_at;
  -- read since, by us or by its webhook
  update trakit.reconciled_orders r set found = 'missing', reason = null, tried_at = null
  where r.shop_id = v_shop and r.found = 'unreadable'
    and exists (select from trakit.event_keys k where k.shop_id = v_shop and k.key = 'order:' || r.order_id);
  update trakit.reconciliations r set watermark = greatest(r.watermark, coalesce(p_watermark, r.watermark)), trouble = p_trouble,
    ran_at = greatest(r.ran_at, p_now)
  where r.shop_id = v_shop;
  return v_missing;
end;
$$;
comment on function trakit.compare_orders(text, jsonb, timestamptz, text, jsonb, timestamptz) is
  'Notes orders at Shopify [{"id", "at"}] and returns the ids of those we have no event of; notes those that could not be read [{"id", "at", "reason"}]. Moves the watermark on (null = leaves it) and notes trouble.';

create function trakit.due_reconciliations(p_limit integer default 500, p_now timestamptz default now())
returns table (shop_id uuid, domain text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id, s.domain from trakit.installations i
  join trakit.shops s on s.id = i.shop_id
  left join trakit.reconciliations r on r.shop_id = i.shop_id
  where s.status = 'active' and i.trouble is null and i.refresh_expires_at > p_now
  order by r.ran_at nulls first, s.id limit p_limit
$$;
comment on function trakit.due_reconciliations(integer, timestamptz) is
  'Shops whose orders can be read: active, with tokens; longest not compared first.';
