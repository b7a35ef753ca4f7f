-- Subject: the app in a shop: Shopify's tokens, granted scopes, what is set up; and its end.
-- Why: offline tokens live an hour and their refresh token ninety days, each refresh giving a new pair
-- (https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens). One caller at a
-- time refreshes: it holds a lease, and both tokens are written in one statement. A lease that ran out is taken again, for
-- Shopify takes the old refresh token until the new pair was used.
-- Locks: none on existing tables. Undo: drop function trakit.uninstall_shop; drop table trakit.installations.

create table trakit.installations (
  shop_id uuid primary key references trakit.shops (id) on delete cascade,
  sealed_access text,
  access_expires_at timestamptz,
  sealed_refresh text,
  refresh_expires_at timestamptz,
  refresh_lease uuid,
  refresh_until timestamptz,
  trouble text,
  scopes text[] not null default '{}',
  pixel_id text,
  pixel_trouble text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint installations_access_shape check (sealed_access ~ '^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$'),
  constraint installations_refresh_shape check (sealed_refresh ~ '^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$'),
  constraint installations_access_expires check ((sealed_access is null) = (access_expires_at is null)),
  constraint installations_refresh_expires check ((sealed_refresh is null) = (refresh_expires_at is null)),
  constraint installations_lease_has_end check ((refresh_lease is null) = (refresh_until is null)),
  constraint installations_trouble_known check (trouble in ('reopen_app')),
  constraint installations_words_bounded check (length(pixel_id) <= 200 and length(pixel_trouble) <= 200)
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
comment on column trakit.installations.scopes is 'Scopes the merchant granted.';
comment on column trakit.installations.pixel_id is 'Web pixel we created; null = not yet.';
comment on column trakit.installations.pixel_trouble is 'Why the web pixel could not be created; null = no trouble.';
comment on column trakit.installations.created_at is 'First installed.';
comment on column trakit.installations.updated_at is 'Last change.';

alter table trakit.installations enable row level security;
alter table trakit.installations force row level security;
grant select, insert, update, delete on trakit.installations to trakit_app;
create policy "functions see the shop they work for" on trakit.installations for all to trakit_app
  using (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid))
  with check (shop_id = (select nullif(current_setting('trakit.shop_id', true), '')::uuid));

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
  if p_at < v_shop.installed_at then
    return 'reinstalled';
  end if;
  delete from trakit.destination_secrets s where s.shop_id = v_shop.id;
  update trakit.installations i
  set sealed_access = null, access_expires_at = null, sealed_refresh = null, refresh_expires_at = null, refresh_lease = null,
      refresh_until = null, trouble = null, scopes = '{}', pixel_id = null, pixel_trouble = null, updated_at = p_now
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

grant create on schema trakit to trakit_app;
alter function trakit.uninstall_shop(text, timestamptz, timestamptz) owner to trakit_app;
grant execute on function trakit.uninstall_shop(text, timestamptz, timestamptz) to trakit_edge;
revoke create on schema trakit from trakit_app;
