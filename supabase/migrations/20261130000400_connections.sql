-- Subject: accounts that merchants connect at a platform (OAuth) instead of pasting a token.
-- Why: the token a platform grants is a destination's token like any other; what is new is that it ends, and that the secret
-- for the next one is kept. One caller at a time renews: it holds a lease, and the new token and the secret for the one after
-- are written in one statement. A connection that is being made is one row per shop and platform, found by the digest of a
-- state that is good once; what proves the browser is a digest too.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.connections, trakit.destination_grants.

create table trakit.destination_grants (
  destination_id uuid not null,
  shop_id uuid not null,
  access_expires_at timestamptz,
  sealed_renewal text,
  renewal_expires_at timestamptz,
  renew_at timestamptz,
  lease uuid,
  lease_until timestamptz,
  trouble text,
  troubled_at timestamptz,
  alerted_at timestamptz,
  granted_at timestamptz not null,
  updated_at timestamptz not null,
  constraint destination_grants_pkey primary key (shop_id, destination_id),
  constraint destination_grants_secret_fkey foreign key (shop_id, destination_id)
    references trakit.destination_secrets (shop_id, destination_id) on delete cascade,
  constraint destination_grants_renewal_shape check (sealed_renewal ~ '^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$'),
  constraint destination_grants_renewed_with_something check (renew_at is null or sealed_renewal is not null),
  constraint destination_grants_renewed_before_end check (renew_at is null or access_expires_at > renew_at),
  constraint destination_grants_lease_has_end check ((lease is null) = (lease_until is null)),
  constraint destination_grants_trouble_known check (trouble in ('reconnect')),
  constraint destination_grants_trouble_has_time check ((trouble is null) = (troubled_at is null))
);
create index destination_grants_due on trakit.destination_grants (renew_at) where renew_at is not null and trouble is null;
create index destination_grants_untold on trakit.destination_grants (troubled_at) where trouble is not null;

comment on table trakit.destination_grants is 'Destinations whose token a platform granted (OAuth): when it ends, and the sealed secret for the next.';
comment on column trakit.destination_grants.destination_id is 'Destination; its token is in destination_secrets.';
comment on column trakit.destination_grants.shop_id is 'Shop that owns it; also bound into the seal.';
comment on column trakit.destination_grants.access_expires_at is 'When the token ends; null = it does not.';
comment on column trakit.destination_grants.sealed_renewal is 'Refresh token, or what else brings the next token, sealed; null = there is no next.';
comment on column trakit.destination_grants.renewal_expires_at is 'When that ends; null = the platform did not say.';
comment on column trakit.destination_grants.renew_at is 'From when on a worker renews the token; null = never.';
comment on column trakit.destination_grants.lease is 'Who is renewing now; null = nobody.';
comment on column trakit.destination_grants.lease_until is 'End of that lease.';
comment on column trakit.destination_grants.trouble is 'reconnect = the platform refused to renew: the merchant must connect again.';
comment on column trakit.destination_grants.troubled_at is 'Since when.';
comment on column trakit.destination_grants.alerted_at is 'When the operator was told of that trouble; null = not yet.';
comment on column trakit.destination_grants.granted_at is 'When the merchant connected.';
comment on column trakit.destination_grants.updated_at is 'Last change.';

create table trakit.connections (
  shop_id uuid not null references trakit.shops (id) on delete cascade,
  platform text not null,
  state_digest text not null,
  challenge text,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  constraint connections_pkey primary key (shop_id, platform),
  constraint connections_platform_shape check (platform ~ '^[a-z][a-z0-9_]{1,30}$'),
  constraint connections_state_is_a_digest check (state_digest ~ '^[0-9a-f]{64}$'),
  constraint connections_challenge_shape check (challenge ~ '^[A-Za-z0-9_-]{43}$')
);

comment on table trakit.connections is 'Connections being made: the merchant has been sent to the platform and is not back. Ten minutes each.';
comment on column trakit.connections.shop_id is 'Shop the account is connected to.';
comment on column trakit.connections.platform is 'Platform the merchant was sent to.';
comment on column trakit.connections.state_digest is 'SHA-256 of the state, which is good once.';
comment on column trakit.connections.challenge is 'SHA-256 of the cookie of the browser that went, which is the PKCE verifier too; null = it has not gone yet.';
comment on column trakit.connections.expires_at is 'When it is too late to come back.';
comment on column trakit.connections.created_at is 'When the merchant asked for it.';

call trakit.isolate_by_shop('trakit.destination_grants');
call trakit.isolate_by_shop('trakit.connections');
grant select (destination_id, shop_id, renew_at, trouble, troubled_at, alerted_at, updated_at) on trakit.destination_grants to trakit_dispatcher;
grant update (alerted_at) on trakit.destination_grants to trakit_dispatcher;
create policy "the dispatcher sees which tokens are due" on trakit.destination_grants for select to trakit_dispatcher using (true);
create policy "the dispatcher notes whom it told of" on trakit.destination_grants
  for update to trakit_dispatcher using (true) with check (true);

-- Called by trakit.set_destination, trakit.list_destinations and trakit.admin_gate, for the shop the statement is bound to.
create function trakit.describe_destinations(p_platform text default null) returns setof jsonb
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'destination_id', d.id, 'platform', d.platform, 'version', d.version, 'enabled', d.enabled, 'settings', d.settings,
    'events', d.events, 'test_code', d.test_code, 'last_four', s.last_four,
    'secrets', array(select x.name from trakit.sealed_settings x where x.destination_id = d.id order by 1), 'lane', l.state, 'lane_reason', l.reason,
    'lane_since', l.changed_at,
    'connection', case when g.destination_id is not null then jsonb_build_object('since', g.granted_at,
      'expires_at', g.access_expires_at, 'trouble', g.trouble) end)
  from trakit.destinations d
  join trakit.lanes l on l.destination_id = d.id
  left join trakit.destination_secrets s on s.destination_id = d.id
  left join trakit.destination_grants g on g.destination_id = d.id
  where p_platform is null or d.platform = p_platform
  order by d.platform
$$;
comment on function trakit.describe_destinations(text) is
  'Destinations of the shop a statement is bound to, or the one of a platform, as people see them: settings, the names of those that are sealed, the last characters of the token, lane, connection.';

create function trakit.begin_connection(
  p_shop text, p_platform text, p_state_digest text, p_expires_at timestamptz, p_now timestamptz default now()
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  if not exists (select from trakit.destinations d where d.shop_id = v_shop and d.platform = p_platform) then
    return false;
  end if;
  insert into trakit.connections as c (shop_id, platform, state_digest, expires_at, created_at)
  values (v_shop, p_platform, p_state_digest, p_expires_at, p_now)
  -- the one before it is void
  on conflict (shop_id, platform) do update
    set state_digest = excluded.state_digest, challenge = null, expires_at = excluded.expires_at, created_at = p_now;
  return true;
end;
$$;
comment on function trakit.begin_connection(text, text, text, timestamptz, timestamptz) is
  'A merchant asks to connect their account at a platform. False = the destination is not set up, or no such active shop.';

create function trakit.open_connection(
  p_shop text, p_platform text, p_state_digest text, p_challenge text, p_now timestamptz default now()
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  update trakit.connections c set challenge = p_challenge
  where c.shop_id = v_shop and c.platform = p_platform and c.state_digest = p_state_digest and c.challenge is null
    and c.expires_at > p_now;
  return found;
end;
$$;
comment on function trakit.open_connection(text, text, text, text, timestamptz) is
  'A browser sets out to the platform: the connection is that browser''s from now on. False = no such connection, too late, or another browser has it.';

create function trakit.take_connection(
  p_shop text, p_platform text, p_state_digest text, p_challenge text, p_now timestamptz default now()
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_row trakit.connections;
begin
  -- whatever comes of it, the state is used up
  delete from trakit.connections c
  where c.shop_id = v_shop and c.platform = p_platform and c.state_digest = p_state_digest
  returning * into v_row;
  return case
    when v_row.shop_id is null then 'unknown'
    when v_row.expires_at <= p_now then 'expired'
    when v_row.challenge is distinct from p_challenge then 'other_browser'
    else 'taken' end;
end;
$$;
comment on function trakit.take_connection(text, text, text, text, timestamptz) is
  'The browser is back with the state: taken, unknown (never begun, or used), expired, or other_browser (not the one that set out). Each state is good once.';

create function trakit.keep_grant(
  p_shop text, p_platform text, p_sealed text, p_last_four text, p_access_expires_at timestamptz, p_sealed_renewal text,
  p_renewal_expires_at timestamptz, p_renew_at timestamptz, p_now timestamptz default now()
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_id uuid;
begin
  select d.id into v_id from trakit.destinations d where d.shop_id = v_shop and d.platform = p_platform for update;
  if v_id is null then
    return false;
  end if;
  perform trakit.replace_token(v_shop, v_id, p_sealed, p_last_four, false, p_now);
  insert into trakit.destination_grants as g
    (destination_id, shop_id, access_expires_at, sealed_renewal, renewal_expires_at, renew_at, granted_at, updated_at)
  values (v_id, v_shop, p_access_expires_at, p_sealed_renewal, p_renewal_expires_at, p_renew_at, p_now, p_now)
  on conflict (shop_id, destination_id) do update
    set access_expires_at = excluded.access_expires_at, sealed_renewal = excluded.sealed_renewal,
        renewal_expires_at = excluded.renewal_expires_at, renew_at = excluded.renew_at,
        -- who was renewing the token before this one finds it taken over
        lease = null, lease_until = null, trouble = null, troubled_at = null, alerted_at = null, granted_at = p_now,
        updated_at = p_now;
  return true;
end;
$$;
comment on function trakit.keep_grant(text, text, text, text, timestamptz, text, timestamptz, timestamptz, timestamptz) is
  'A platform granted a token: puts it in the destination''s place, lets the lane go, and keeps what renews it. False = the destination is gone.';

create function trakit.due_grants(p_limit integer default 1000, p_now timestamptz default now())
returns table (shop_id uuid, domain text, platform text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select s.id, s.domain, d.platform
  from trakit.destination_grants g
  join trakit.destinations d on d.id = g.destination_id
  join trakit.shops s on s.id = g.shop_id
  -- not the longest due first: those a platform does not renew now would keep all others waiting
  where g.renew_at <= p_now and g.trouble is null and s.status = 'active'
  order by g.updated_at limit p_limit
$$;
comment on function trakit.due_grants(integer, timestamptz) is 'Granted tokens that are to be renewed, longest untouched first.';

create function trakit.grant_lease(p_shop text, p_platform text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_lease uuid := gen_random_uuid();
  v_row trakit.destination_grants;
begin
  -- the lease is taken under the row's lock: of callers that meet, one renews
  select g.* into v_row
  from trakit.destination_grants g join trakit.destinations d on d.id = g.destination_id
  where d.shop_id = v_shop and d.platform = p_platform for update of g;
  if v_row.destination_id is null or v_row.trouble is not null or v_row.renew_at is null or v_row.renew_at > p_now then
    return jsonb_build_object('state', 'none');
  end if;
  if v_row.lease_until > p_now then
    return jsonb_build_object('state', 'busy');
  end if;
  update trakit.destination_grants g set lease = v_lease, lease_until = p_now + interval '30 seconds'
  where g.destination_id = v_row.destination_id;
  return jsonb_build_object('state', 'renew', 'sealed', v_row.sealed_renewal, 'lease', v_lease);
end;
$$;
comment on function trakit.grant_lease(text, text, timestamptz) is
  'To one caller {"state": "renew", "sealed": what renews the token, "lease"}, who has 30 s and then calls grant_renewed; busy = somebody else is renewing; none = nothing is due.';

create function trakit.grant_renewed(
  p_shop text, p_platform text, p_lease uuid, p_outcome text, p_sealed text, p_last_four text, p_access_expires_at timestamptz,
  p_sealed_renewal text, p_renewal_expires_at timestamptz, p_renew_at timestamptz, p_now timestamptz default now()
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
  v_id uuid;
begin
  select g.destination_id into v_id
  from trakit.destination_grants g join trakit.destinations d on d.id = g.destination_id
  where d.shop_id = v_shop and d.platform = p_platform and g.lease = p_lease for update of g;
  if v_id is null then
    return false;
  end if;
  update trakit.destination_grants g
  set lease = null, lease_until = null, updated_at = p_now,
      access_expires_at = case when p_outcome = 'renewed' then p_access_expires_at else g.access_expires_at end,
      sealed_renewal = case when p_outcome = 'renewed' then p_sealed_renewal else g.sealed_renewal end,
      renewal_expires_at = case when p_outcome = 'renewed' then p_renewal_expires_at else g.renewal_expires_at end,
      renew_at = case when p_outcome = 'renewed' then p_renew_at else g.renew_at end,
      trouble = case when p_outcome = 'refused' then 'reconnect' end,
      troubled_at = case when p_outcome = 'refused' then p_now end
  where g.destination_id = v_id;
  if p_outcome = 'renewed' then
    perform trakit.replace_token(v_shop, v_id, p_sealed, p_last_four, true, p_now);
  end if;
  return true;
end;
$$;
comment on function trakit.grant_renewed(text, text, uuid, text, text, text, timestamptz, text, timestamptz, timestamptz, timestamptz) is
  'What came of a renewal: renewed (token and what renews it, both or none; a held lane goes on), refused (the merchant must connect again) or unavailable (anybody may try again). False = the lease is not the caller''s any more: nothing is written.';

create function trakit.grant_alerts(p_limit integer default 50) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('destination', x.destination_id, 'since', x.troubled_at) order by x.troubled_at), '[]')
  from (
    select g.destination_id, g.troubled_at from trakit.destination_grants g
    where g.trouble is not null and g.alerted_at is null
    order by g.troubled_at limit p_limit) x
$$;
comment on function trakit.grant_alerts(integer) is
  'Connections the operator is to be told of, once each: the platform refused to renew. Ids and times only.';

create function trakit.settle_grant_alert(p_destination_id uuid, p_since timestamptz, p_now timestamptz default now()) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update trakit.destination_grants g set alerted_at = p_now
  where g.shop_id = trakit.lane_shop(p_destination_id) and g.destination_id = p_destination_id and g.troubled_at = p_since
$$;
comment on function trakit.settle_grant_alert(uuid, timestamptz, timestamptz) is 'The operator was told: what grant_alerts gave.';
