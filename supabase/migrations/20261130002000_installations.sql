-- Subject: the app in a shop: Shopify's tokens, granted scopes, what is set up; and its end.
-- Why: offline tokens live an hour and their refresh token ninety days, each refresh giving a new pair
-- (https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens). One caller at a
-- time refreshes: it holds a lease, and both tokens are written in one statement. A lease that ran out is taken again, for
-- Shopify takes the old refresh token until the new pair was used. An access token can end before its hour is over (the
-- merchant reinstalled, Shopify revoked it): one that Shopify does not take is renewed at once, and only while it is still
-- the one stored.
-- Every step of an installation can be repeated: what is missing is done at the next visit of the merchant, or by the daily
-- job. proven_at is when Shopify last gave us a token: news of an uninstall from before that is old.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.installations.

create table trakit.installations (
  shop_id uuid primary key references trakit.shops (id) on delete cascade,
  sealed_access text,
  access_expires_at timestamptz,
  sealed_refresh text,
  refresh_expires_at timestamptz,
  refresh_lease uuid,
  refresh_until timestamptz,
  trouble text,
  proven_at timestamptz,
  scopes text[] not null default '{}',
  scopes_at timestamptz,
  pixel_id text,
  pixel_settings jsonb,
  pixel_trouble text,
  incomplete boolean not null generated always as (pixel_id is null or pixel_trouble is not null) stored,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint installations_access_shape check (sealed_access ~ '^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$'),
  constraint installations_refresh_shape check (sealed_refresh ~ '^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$'),
  constraint installations_access_expires check ((sealed_access is null) = (access_expires_at is null)),
  constraint installations_refresh_expires check ((sealed_refresh is null) = (refresh_expires_at is null)),
  constraint installations_lease_has_end check ((refresh_lease is null) = (refresh_until is null)),
  constraint installations_trouble_known check (trouble in ('reopen_app')),
  constraint installations_words_bounded check (length(pixel_id) <= 200 and length(pixel_trouble) <= 200),
  constraint installations_pixel_has_settings check (pixel_id is null or pixel_settings is not null)
);
create index installations_by_refresh on trakit.installations (refresh_expires_at) where sealed_refresh is not null;

comment on table trakit.installations is 'The app as installed in a shop: Shopify''s tokens (sealed), scopes, and how far set-up has come.';
comment on column trakit.installations.shop_id is 'Shop it is installed in.';
comment on column trakit.installations.sealed_access is 'Offline access token, sealed; null = none.';
comment on column trakit.installations.access_expires_at is 'When it ends, an hour after it was made.';
comment on column trakit.installations.sealed_refresh is 'Refresh token, sealed; null = none.';
comment on column trakit.installations.refresh_expires_at is 'When it ends, ninety days after it was made.';
comment on column trakit.installations.refresh_lease is 'Who is refreshing now; null = nobody.';
comment on column trakit.installations.refresh_until is 'End of that lease.';
comment on column trakit.installations.trouble is 'reopen_app = Shopify refused the refresh token: the merchant must open the app once.';
comment on column trakit.installations.proven_at is 'When Shopify last gave us a token for this shop; null = never.';
comment on column trakit.installations.scopes is 'Scopes the merchant granted.';
comment on column trakit.installations.scopes_at is 'When Shopify said so; older news changes nothing.';
comment on column trakit.installations.pixel_id is 'Web pixel we created; null = not yet.';
comment on column trakit.installations.pixel_settings is 'Settings the web pixel has at Shopify.';
comment on column trakit.installations.pixel_trouble is 'Why the web pixel could not be created; null = no trouble.';
comment on column trakit.installations.incomplete is 'Set-up still lacks something.';
comment on column trakit.installations.created_at is 'First installed.';
comment on column trakit.installations.updated_at is 'Last change.';

call trakit.isolate_by_shop('trakit.installations');

grant select (shop_id, refresh_expires_at, trouble, incomplete, updated_at) on trakit.installations to trakit_dispatcher;
create policy "the dispatcher sees whose refresh token grows old" on trakit.installations
  for select to trakit_dispatcher using (true);

create function trakit.install_shop(
  p_shop text, p_sealed_access text, p_access_expires_at timestamptz, p_sealed_refresh text, p_refresh_expires_at timestamptz,
  p_scopes text[], p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row jsonb := trakit.add_shop(p_shop, null, '{}', p_now);
  v_shop uuid := (v_row ->> 'id')::uuid;
begin
  insert into trakit.installations as i
    (shop_id, sealed_access, access_expires_at, sealed_refresh, refresh_expires_at, proven_at, scopes, scopes_at, created_at,
     updated_at)
  values (v_shop, p_sealed_access, p_access_expires_at, p_sealed_refresh, p_refresh_expires_at, p_now, p_scopes, p_now, p_now,
    p_now)
  on conflict (shop_id) do update
    set sealed_access = excluded.sealed_access, access_expires_at = excluded.access_expires_at,
        sealed_refresh = excluded.sealed_refresh, refresh_expires_at = excluded.refresh_expires_at,
        -- who was refreshing the pair before this one finds it taken over
        refresh_lease = null, refresh_until = null, trouble = null, proven_at = p_now,
        scopes = excluded.scopes, scopes_at = p_now, updated_at = p_now;
  return trakit.find_installation(p_shop) || jsonb_build_object('new', v_row -> 'new');
end;
$$;
comment on function trakit.install_shop(text, text, timestamptz, text, timestamptz, text[], timestamptz) is
  'Shopify gave us tokens for a shop: adds it or brings it back, and keeps the pair. Returns find_installation''s row and whether the shop is new.';

create function trakit.uninstall_shop(p_shop text, p_at timestamptz, p_now timestamptz default now()) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop trakit.shops;
begin
  perform trakit.bind_shop(p_shop, null);
  select * into v_shop from trakit.shops s where s.domain = p_shop for update;
  if v_shop.id is null then
    return 'unknown_shop';
  end if;
  -- late news of an uninstall that a new install has followed
  if p_at < v_shop.installed_at or exists (
    select from trakit.installations i where i.shop_id = v_shop.id and i.proven_at > p_at)
  then
    return 'reinstalled';
  end if;
  delete from trakit.destination_secrets s where s.shop_id = v_shop.id;
  delete from trakit.sealed_settings s where s.shop_id = v_shop.id;
  update trakit.installations i
  set sealed_access = null, access_expires_at = null, sealed_refresh = null, refresh_expires_at = null, refresh_lease = null,
      refresh_until = null, trouble = null, scopes = '{}', scopes_at = null, pixel_id = null, pixel_settings = null,
      pixel_trouble = null, updated_at = p_now
  where i.shop_id = v_shop.id;
  -- what waits stays pending and unclaimed, and ends at the vendor's age limit unless the shop comes back with a token
  update trakit.lanes l
  set state = 'held', reason = 'uninstalled', changed_at = p_now, probe_at = null, probe_seconds = null, flush_before = null
  where l.shop_id = v_shop.id and l.reason is distinct from 'uninstalled';
  update trakit.shops s
  set status = 'uninstalled', uninstalled_at = coalesce(s.uninstalled_at, p_now), updated_at = p_now
  where s.id = v_shop.id;
  return 'uninstalled';
end;
$$;
comment on function trakit.uninstall_shop(text, timestamptz, timestamptz) is
  'The app was removed from the shop (at p_at, by Shopify''s clock): destroys every token, closes its lanes, takes no more events. Data stays until shop/redact. Returns uninstalled, reinstalled (the news is older than the present install: nothing is done) or unknown_shop.';

create function trakit.find_installation(p_shop text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  return (
    select jsonb_build_object(
      'shop_id', s.id, 'domain', s.domain, 'status', s.status, 'country', s.country, 'hosts', to_jsonb(s.hosts), 'installed_at', s.installed_at,
      'has_token', i.sealed_access is not null, 'access_expires_at', i.access_expires_at, 'trouble', i.trouble,
      'scopes', coalesce(i.scopes, '{}'), 'pixel_id', i.pixel_id, 'pixel_settings', i.pixel_settings,
      'pixel_trouble', i.pixel_trouble)
    from trakit.shops s left join trakit.installations i on i.shop_id = s.id where s.id = v_shop);
end;
$$;
comment on function trakit.find_installation(text) is 'How far the app is set up in a shop, without its tokens; null = no such shop.';

create function trakit.shopify_token(p_shop text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_lease uuid := gen_random_uuid();
  v_row trakit.installations;
begin
  -- the lease is taken under the row's lock: of callers that meet, one refreshes
  select * into v_row from trakit.installations i where i.shop_id = v_shop for update;
  if v_row.sealed_access is null then
    return jsonb_build_object('state', 'none');
  end if;
  if v_row.access_expires_at > p_now + interval '5 minutes' then
    return jsonb_build_object('state', 'fresh', 'sealed', v_row.sealed_access);
  end if;
  if v_row.sealed_refresh is not null and v_row.trouble is null and coalesce(v_row.refresh_until <= p_now, true) then
    update trakit.installations i set refresh_lease = v_lease, refresh_until = p_now + interval '30 seconds'
    where i.shop_id = v_shop;
    return jsonb_build_object('state', 'refresh', 'sealed', v_row.sealed_refresh, 'lease', v_lease);
  end if;
  if v_row.access_expires_at > p_now then
    return jsonb_build_object('state', 'fresh', 'sealed', v_row.sealed_access);
  end if;
  return jsonb_build_object('state', case when v_row.sealed_refresh is null or v_row.trouble is not null then 'none'
    else 'busy' end);
end;
$$;
comment on function trakit.shopify_token(text, timestamptz) is
  'A shop''s access token, sealed: {"state": "fresh", "sealed"}; or five minutes before its end to one caller {"state": "refresh", "sealed": the refresh token, "lease"}, who has 30 s and then calls refreshed; "busy" = somebody else is refreshing; "none" = the merchant must open the app.';

create function trakit.distrust_token(p_shop text, p_sealed_access text, p_now timestamptz default now()) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  update trakit.installations i set access_expires_at = p_now, updated_at = p_now
  where i.shop_id = v_shop and i.sealed_access = p_sealed_access and i.access_expires_at > p_now;
  return found;
end;
$$;
comment on function trakit.distrust_token(text, text, timestamptz) is
  'Shopify answered 401 to the access token that is sealed so: it counts as over, and who asks next renews it. False = it was replaced meanwhile, or is over anyway.';

create function trakit.refreshed(
  p_shop text, p_lease uuid, p_outcome text, p_sealed_access text, p_access_expires_at timestamptz, p_sealed_refresh text,
  p_refresh_expires_at timestamptz, p_now timestamptz default now()
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  if p_outcome = 'refreshed' then
    update trakit.installations i
    set sealed_access = p_sealed_access, access_expires_at = p_access_expires_at, sealed_refresh = p_sealed_refresh,
        refresh_expires_at = p_refresh_expires_at, refresh_lease = null, refresh_until = null, trouble = null,
        proven_at = p_now, updated_at = p_now
    where i.shop_id = v_shop and i.refresh_lease = p_lease;
  else
    update trakit.installations i
    set refresh_lease = null, refresh_until = null, updated_at = p_now,
        trouble = case when p_outcome = 'refused' then 'reopen_app' else i.trouble end
    where i.shop_id = v_shop and i.refresh_lease = p_lease;
  end if;
  return found;
end;
$$;
comment on function trakit.refreshed(text, uuid, text, text, timestamptz, text, timestamptz, timestamptz) is
  'What came of a refresh: refreshed (the new pair, both or none), refused (the merchant must open the app) or unavailable (anybody may try again). Returns false where the lease is not the caller''s any more: nothing is written.';

create function trakit.due_refreshes(p_limit integer default 1000, p_now timestamptz default now())
returns table (shop_id uuid, domain text)
language sql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select s.id, s.domain from trakit.installations i join trakit.shops s on s.id = i.shop_id
  -- not the oldest token first: those that cannot be refreshed now would keep all others waiting
  where i.refresh_expires_at < p_now + interval '60 days' and i.refresh_expires_at > p_now and i.trouble is null
    and s.status = 'active'
  order by i.updated_at limit p_limit
$$;
comment on function trakit.due_refreshes(integer, timestamptz) is
  'Shops whose refresh token is older than 30 days and not over, longest untouched first: refreshed once, they never come near its 90 days.';

create function trakit.due_setups(p_limit integer default 500, p_now timestamptz default now())
returns table (shop_id uuid, domain text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id, s.domain from trakit.installations i join trakit.shops s on s.id = i.shop_id
  where i.refresh_expires_at > p_now and i.trouble is null and s.status = 'active'
    and i.incomplete
  order by i.updated_at limit p_limit
$$;
comment on function trakit.due_setups(integer, timestamptz) is
  'Shops we hold a token of whose web pixel is missing or in trouble, longest untouched first.';

create function trakit.note_setup(
  p_shop text, p_country text, p_host text, p_pixel_id text, p_pixel_settings jsonb, p_pixel_trouble text, p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  update trakit.shops s set country = p_country, updated_at = p_now
  where s.id = v_shop and s.country is null and p_country is not null;
  -- the permanent domain too where it is the storefront's: then nobody asks Shopify again
  perform trakit.learn_host(s, p_host, true, p_now) from trakit.shops s where s.id = v_shop and p_host is not null;
  update trakit.installations i
  set pixel_id = coalesce(p_pixel_id, i.pixel_id), pixel_settings = coalesce(p_pixel_settings, i.pixel_settings),
      pixel_trouble = p_pixel_trouble, updated_at = p_now
  where i.shop_id = v_shop;
  return trakit.find_installation(p_shop);
end;
$$;
comment on function trakit.note_setup(text, text, text, text, jsonb, text, timestamptz) is
  'What set-up found or made: the shop''s country (kept where one is set), its storefront''s host, the web pixel and its settings, or why there is none. Returns find_installation''s row.';

create function trakit.set_scopes(p_shop text, p_scopes text[], p_at timestamptz, p_now timestamptz default now()) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  if v_shop is null then
    return 'unknown_shop';
  end if;
  update trakit.installations i set scopes = p_scopes, scopes_at = p_at, updated_at = p_now
  where i.shop_id = v_shop and i.sealed_access is not null and p_at >= coalesce(i.scopes_at, '-infinity');
  return case when found then 'changed' else 'unchanged' end;
end;
$$;
comment on function trakit.set_scopes(text, text[], timestamptz, timestamptz) is
  'The merchant granted or took back scopes (at p_at, by Shopify''s clock). Returns changed, unchanged (older news, or not installed) or unknown_shop.';
