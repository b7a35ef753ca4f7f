-- Subject: how many events one sender may hand in, counted across isolates.
-- Why: an isolate's memory is no limit, so the count is in Postgres. Unlogged: losing a minute's counters in a crash costs
-- nothing, and no write-ahead log is written for them. Split by connection, as refusals are, so that two calls from one
-- sender do not wait for each other (a flood would hold every connection of an isolate otherwise); calls under way at the
-- same moment do not see each other's count, so the limit is exceeded by one batch a connection at most. The sender's address is not kept: only a hash of its prefix, for an hour.
-- Locks: none on existing tables. Undo: drop function trakit.count_sender; drop table trakit.sender_rates.

create unlogged table trakit.sender_rates (
  shop_id uuid not null,
  sender bigint not null,
  minute timestamptz not null,
  shard smallint not null,
  events bigint not null,
  constraint sender_rates_pkey primary key (shop_id, sender, minute, shard),
  constraint sender_rates_events_positive check (events > 0)
);
create index sender_rates_by_minute on trakit.sender_rates (minute);
comment on table trakit.sender_rates is 'Browser events handed in, by shop, sender and minute. Kept for an hour.';
comment on column trakit.sender_rates.shop_id is 'Shop they were for.';
comment on column trakit.sender_rates.sender is 'Hash of shop and address prefix (IPv4 /24, IPv6 /56).';
comment on column trakit.sender_rates.minute is 'Start of the minute.';
comment on column trakit.sender_rates.shard is 'Counters are split by connection: add them up.';
comment on column trakit.sender_rates.events is 'How many, refused ones included.';

alter table trakit.sender_rates enable row level security;
alter table trakit.sender_rates force row level security;
grant select, insert, update, delete on trakit.sender_rates to trakit_app;
create policy "functions see the shop they work for" on trakit.sender_rates for all to trakit_app
  using (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid))
  with check (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid));

create function trakit.count_sender(p_shop trakit.shops, p_prefix text, p_events integer, p_now timestamptz) returns integer
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_sender bigint := hashtextextended(p_shop.id || ':' || p_prefix, 0);
  v_minute timestamptz := date_trunc('minute', p_now);
  v_events bigint;
begin
  insert into trakit.sender_rates as r (shop_id, sender, minute, shard, events)
  values (p_shop.id, v_sender, v_minute, pg_backend_pid() % 16, greatest(p_events, 1))
  on conflict (shop_id, sender, minute, shard) do update set events = r.events + excluded.events;
  select sum(r.events) into v_events
  from trakit.sender_rates r where r.shop_id = p_shop.id and r.sender = v_sender and r.minute = v_minute;
  return case when v_events > p_shop.events_per_minute
    then ceil(extract(epoch from v_minute + interval '1 minute' - p_now))::integer end;
end;
$$;
comment on function trakit.count_sender(trakit.shops, text, integer, timestamptz) is
  'Counts events of one sender; null = within the shop''s limit, else the seconds until the next minute begins.';
grant execute on function trakit.count_sender(trakit.shops, text, integer, timestamptz) to trakit_app;
