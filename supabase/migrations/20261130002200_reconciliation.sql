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
  constraint reconciled_orders_pkey primary key (shop_id, order_id),
  constraint reconciled_orders_found_known check (found in ('captured', 'missing')),
  constraint reconciled_orders_id_bounded check (length(order_id) <= 64)
);
create index reconciled_orders_by_day on trakit.reconciled_orders (day);

comment on table trakit.reconciled_orders is 'Orders at Shopify and whether their webhook had come by the time we looked. Kept 60 days.';
comment on column trakit.reconciled_orders.shop_id is 'Shop.';
comment on column trakit.reconciled_orders.order_id is 'Shopify''s order id.';
comment on column trakit.reconciled_orders.day is 'UTC day it was placed.';
comment on column trakit.reconciled_orders.found is 'captured = we had it; missing = no webhook had come, so it was ingested then.';

call trakit.isolate_by_shop('trakit.reconciliations', p_people => true);
call trakit.isolate_by_shop('trakit.reconciled_orders', p_people => true);
grant select (shop_id, ran_at) on trakit.reconciliations to trakit_dispatcher;
create policy "the dispatcher sees whose turn it is" on trakit.reconciliations for select to trakit_dispatcher using (true);

create function trakit.begin_reconciliation(p_shop text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
    'order_topic', v_shop.order_topic);
end;
$$;
comment on function trakit.begin_reconciliation(text, timestamptz) is
  'Where a shop''s comparison goes on: {"watermark", "installed_at", "order_topic"}; null = no such active shop.';

create function trakit.compare_orders(p_shop text, p_orders jsonb, p_watermark timestamptz, p_trouble text, p_now timestamptz default now())
returns jsonb
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
  update trakit.reconciliations r set watermark = greatest(r.watermark, coalesce(p_watermark, r.watermark)), trouble = p_trouble,
    ran_at = greatest(r.ran_at, p_now)
  where r.shop_id = v_shop;
  return v_missing;
end;
$$;
comment on function trakit.compare_orders(text, jsonb, timestamptz, text, timestamptz) is
  'Notes orders at Shopify [{"id", "at"}] and returns the ids of those we have no event of. Moves the watermark on (null = leaves it) and notes trouble.';

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
