-- Subject: shops, the root of every row, and the two ways a statement is bound to one shop.
-- Why: policies compare shop_id with a value computed once per statement (a scalar sub-select becomes an init plan); it is
-- written out in each policy, because a function there is planned anew by every statement (0.15 ms, measured). One procedure
-- writes it (isolate_by_shop), for every table with a shop_id.
-- After a transaction-local set_config the setting is '' rather than null.
-- Locks: none on existing tables. Undo: drop procedure trakit.isolate_by_shop; drop function trakit.bind_shop, trakit.learn_host; drop table
-- trakit.shops cascade; drop function trakit.claimed_shop.

create table trakit.shops (
  id uuid primary key default gen_random_uuid(),
  domain text not null,
  status text not null default 'active',
  country text,
  order_topic text not null default 'orders/create',
  test_orders text not null default 'skip',
  excluded_channels text[] not null default array['pos', 'draft', 'subscription', 'other'],
  unknown_consent text,
  grace_seconds integer not null default 45,
  unsigned_events boolean not null default true,
  hosts text[] not null default '{}',
  hosts_seen jsonb not null default '{}',
  first_party text,
  cookie_lifetime_days integer not null default 730,
  browser_tags jsonb not null default '{}',
  events_per_minute integer not null default 3000,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  installed_at timestamptz not null default now(),
  uninstalled_at timestamptz,
  constraint shops_domain_is_myshopify check (domain ~ '^[a-z0-9][a-z0-9-]*\.myshopify\.com$' and length(domain) <= 255),
  constraint shops_status_known check (status in ('active', 'uninstalled')),
  constraint shops_uninstalled_has_time check ((status = 'uninstalled') = (uninstalled_at is not null)),
  constraint shops_country_is_iso check (country ~ '^[A-Z]{2}$'),
  constraint shops_order_topic_known check (order_topic in ('orders/create', 'orders/paid')),
  constraint shops_test_orders_known check (test_orders in ('skip', 'test_mode', 'send')),
  constraint shops_channels_known check (excluded_channels <@ array['web', 'app', 'pos', 'draft', 'subscription', 'other']),
  constraint shops_unknown_consent_known check (unknown_consent in ('send', 'limited', 'skip')),
  constraint shops_grace_sane check (grace_seconds between 0 and 600),
  constraint shops_hosts_bounded check (cardinality(hosts) <= 50 and hosts::text !~ '[A-Z/ ]'),
  constraint shops_hosts_seen_object check (jsonb_typeof(hosts_seen) = 'object'),
  constraint shops_first_party_is_address check (first_party ~ '^https?://[^\s?#]+[^/\s?#]$' and length(first_party) <= 500),
  constraint shops_cookie_lifetime_sane check (cookie_lifetime_days between 1 and 730),
  constraint shops_browser_tags_object check (jsonb_typeof(browser_tags) = 'object'),
  constraint shops_events_per_minute_sane check (events_per_minute between 60 and 1000000)
);
create unique index shops_domain_key on trakit.shops (domain);

comment on table trakit.shops is 'One row per Shopify shop that installed TrakIt.';
comment on column trakit.shops.id is 'Ours; every other table of a shop carries it as shop_id.';
comment on column trakit.shops.domain is 'The permanent myshopify.com domain, lower case.';
comment on column trakit.shops.status is 'active, or uninstalled (tokens are gone, data kept until shop/redact).';
comment on column trakit.shops.country is 'ISO 3166-1 alpha-2 of the shop; used where an event names no country.';
comment on column trakit.shops.order_topic is 'Which order webhook makes a checkout_completed; the other one adds nothing new.';
comment on column trakit.shops.test_orders is 'Shopify test orders: skip, test_mode (only to destinations with a test code) or send.';
comment on column trakit.shops.excluded_channels is 'Order channels that are not sent to destinations (they stay visible as skipped: source_excluded).';
comment on column trakit.shops.unknown_consent is 'What to do where no consent state is known: send, limited or skip. Null: skip in the EEA, UK and Switzerland, send elsewhere.';
comment on column trakit.shops.grace_seconds is 'How long a browser copy of a conversion waits for Shopify''s own before it goes alone.';
comment on column trakit.shops.unsigned_events is 'Whether browser events without a signed token are accepted (they are marked unsigned).';
comment on column trakit.shops.hosts is 'Host names of the storefront beside the domain, lower case: what a browser''s Origin may be. Learnt from requests Shopify signed.';
comment on column trakit.shops.hosts_seen is '{"<host>": {"first": time, "last": time}} of hosts that were learnt, by the day: which of them makes room for another. What the operator or Shopify''s own word set is not among them.';
comment on column trakit.shops.first_party is 'Address under which the shop''s own domain reaches the proxy function (a host or a path of its own); null = only the app proxy.';
comment on column trakit.shops.cookie_lifetime_days is 'Max-Age asked for our cookies, in days; browsers cap it at 400 or less.';
comment on column trakit.shops.browser_tags is '{"<platform>": "share" | "fire" | "off"}: hand the page''s own tag our event ids (what is not named), fire the tag ourselves, or leave it alone.';
comment on column trakit.shops.events_per_minute is 'Browser events taken in a minute from one address prefix (IPv4 /24, IPv6 /56); more is refused with 429.';
comment on column trakit.shops.created_at is 'First installed.';
comment on column trakit.shops.updated_at is 'Last change of this row.';
comment on column trakit.shops.installed_at is 'Last installed: what Shopify reports of an earlier time (an uninstall, a redaction) is over.';
comment on column trakit.shops.uninstalled_at is 'When the app was removed; null while active.';

create function trakit.claimed_shop() returns uuid
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  -- a malformed claim is nobody's, not an error: PostgREST would turn it into a 500
  return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'shop_id')::uuid;
exception when invalid_text_representation then
  return null;
end;
$$;
comment on function trakit.claimed_shop() is 'Shop in the caller''s JWT (claim shop_id), as PostgREST sets it; null = none.';

alter table trakit.shops enable row level security;
alter table trakit.shops force row level security;

grant select, insert, update, delete on trakit.shops to trakit_app;
create policy "functions see the shop they work for, found by id or by domain" on trakit.shops
  for select to trakit_app
  using (
    id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid)
    or domain = (select nullif(current_setting('trakit.shop_domain', true), ''))
  );
create policy "functions add the shop they were asked to add" on trakit.shops
  for insert to trakit_app
  with check (domain = (select nullif(current_setting('trakit.shop_domain', true), '')));
create policy "functions change the shop they work for" on trakit.shops
  for update to trakit_app
  using (id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid))
  with check (id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid));

create policy "functions redact the shop they work for" on trakit.shops
  for delete to trakit_app
  using (id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid));

grant select (id, domain, status, created_at) on trakit.shops to trakit_dispatcher;
create policy "the dispatcher lists shops" on trakit.shops for select to trakit_dispatcher using (true);

grant select on trakit.shops to authenticated;
create policy "users see the shop in their token" on trakit.shops
  for select to authenticated using (id = (select trakit.claimed_shop()));

create procedure trakit.isolate_by_shop(p_table regclass, p_people boolean default false)
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
begin
  execute format('alter table %s enable row level security', p_table);
  execute format('alter table %s force row level security', p_table);
  -- delete: rows of a person or shop that is redacted
  execute format('grant select, insert, update, delete on %s to trakit_app', p_table);
  execute format($policy$
    create policy "functions see the shop they work for" on %s for all to trakit_app
      using (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid))
      with check (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid))
  $policy$, p_table);
  if p_people then
    execute format('grant select on %s to authenticated', p_table);
    execute format($policy$
      create policy "users see their shop's rows" on %s for select to authenticated
        using (shop_id = (select trakit.claimed_shop()))
    $policy$, p_table);
  end if;
end;
$$;
comment on procedure trakit.isolate_by_shop(regclass, boolean) is
  'For migrations: closes a table with a shop_id to all but functions bound to the row''s shop and, with p_people, people who may read the rows of the shop in their JWT.';

create procedure trakit.keep_no_statistics(p_table regclass, p_columns name[])
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_column name;
begin
  foreach v_column in array p_columns loop
    execute format('alter table %s alter column %I set statistics 0', p_table, v_column);
  end loop;
end;
$$;
comment on procedure trakit.keep_no_statistics(regclass, name[]) is
  'For migrations: columns that hold persons, or what leads to one. ANALYZE would copy their values into pg_statistic, where no redaction reaches; all of them are looked up by whole keys, for which a plan needs no statistics.';

create function trakit.bind_shop(p_domain text, p_status text default 'active') returns uuid
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid;
begin
  perform set_config('trakit.shop_domain', p_domain, true);
  -- unbound first: a context left by an earlier call in the same transaction must not widen this look-up
  perform set_config('trakit.shop_id', '', true);
  select s.id into v_shop from trakit.shops s where s.domain = p_domain and (p_status is null or s.status = p_status);
  perform set_config('trakit.shop_id', coalesce(v_shop::text, ''), true);
  return v_shop;
end;
$$;
comment on function trakit.bind_shop(text, text) is
  'Binds the running function to one shop by its domain and returns its id; null = no such shop, and nothing is visible.';

create function trakit.learn_host(p_shop trakit.shops, p_host text, p_stays boolean, p_now timestamptz) returns text[]
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_out text;
begin
  -- known, and it stays anyway or was seen today
  if p_host = any (p_shop.hosts) and coalesce(
    not p_stays and (p_shop.hosts_seen #>> array[p_host, 'last'])::timestamptz >= date_trunc('day', p_now), true)
  then
    return p_shop.hosts;
  end if;
  select * into p_shop from trakit.shops s where s.id = p_shop.id for update;
  if p_host <> all (p_shop.hosts) then
    if cardinality(p_shop.hosts) >= 50 then
      -- a storefront's own host is seen every day, and for long: what was not seen for the longest makes room, and of those
      -- seen today the newest, so that invented ones take each other's place
      select h.host into v_out
      from unnest(p_shop.hosts) h (host)
      where p_shop.hosts_seen ? h.host
      order by date_trunc('day', (p_shop.hosts_seen #>> array[h.host, 'last'])::timestamptz),
        (p_shop.hosts_seen #>> array[h.host, 'first'])::timestamptz desc, h.host
      limit 1;
      if v_out is null then
        return p_shop.hosts;
      end if;
    end if;
    p_shop.hosts := array_remove(p_shop.hosts, v_out) || p_host;
  end if;
  update trakit.shops s
  set hosts = p_shop.hosts,
      hosts_seen = (p_shop.hosts_seen - array[p_host, coalesce(v_out, p_host)]) || case when p_stays then '{}'
        else jsonb_build_object(p_host, jsonb_build_object(
          'first', coalesce(p_shop.hosts_seen #>> array[p_host, 'first'], p_now::text), 'last', p_now)) end,
      updated_at = case when s.hosts = p_shop.hosts then s.updated_at else p_now end
  where s.id = p_shop.id;
  return p_shop.hosts;
end;
$$;
comment on function trakit.learn_host(trakit.shops, text, boolean, timestamptz) is
  'Adds a host of the storefront and returns the shop''s hosts: one that Shopify signed a visit for, or, with p_stays, one that Shopify names as the shop''s. Of more than 50 the one no visit came from for the longest goes, never one that stays or that the operator set.';
