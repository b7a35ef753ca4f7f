-- Subject: destinations of a shop, their sealed tokens, their lanes, and how they are set up.
-- Why: settings are read by people, tokens and what of the settings is a secret never are: a table for each. A lane is one shop's destination seen by the queue;
-- it is written on a change of state only, so it is no hot row. A token that is entered by hand ends the connection through
-- which the one before was granted.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.lanes, trakit.sealed_settings, trakit.destination_secrets,
-- trakit.destinations.

create table trakit.destinations (
  id uuid not null default gen_random_uuid(),
  shop_id uuid not null references trakit.shops (id) on delete cascade,
  platform text not null,
  enabled boolean not null default true,
  settings jsonb not null,
  events text[],
  purpose text not null,
  max_age interval not null,
  test_code text,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint destinations_pkey primary key (shop_id, id),
  constraint destinations_platform_shape check (platform ~ '^[a-z][a-z0-9_]{1,30}$'),
  constraint destinations_settings_object check (jsonb_typeof(settings) = 'object'),
  constraint destinations_purpose_known check (purpose in ('marketing', 'analytics')),
  constraint destinations_max_age_sane check (max_age between interval '1 hour' and interval '7 days'),
  constraint destinations_test_code_shape check (test_code ~ '^[ -~]{1,100}$')
);
create unique index destinations_shop_platform_key on trakit.destinations (shop_id, platform);
-- which shop a lane is of: the one look-up that does not know the shop yet (trakit.lane_shop)
create unique index destinations_id_key on trakit.destinations (id);

comment on table trakit.destinations is 'Where a shop''s events go: one row per platform.';
comment on column trakit.destinations.id is 'Ours; also the id of the lane.';
comment on column trakit.destinations.shop_id is 'Shop that owns the destination.';
comment on column trakit.destinations.platform is 'meta, tiktok, pinterest, snapchat, google … The registry in packages/destinations is the list.';
comment on column trakit.destinations.enabled is 'False: new events make no delivery.';
comment on column trakit.destinations.settings is 'Non-secret settings, e.g. {"id": "<pixel id>"}; validated by the platform''s schema when entered.';
comment on column trakit.destinations.events is 'Canonical event names to send; null = all the platform knows.';
comment on column trakit.destinations.purpose is 'Consent purpose the platform needs: marketing or analytics.';
comment on column trakit.destinations.max_age is 'Oldest event the platform takes.';
comment on column trakit.destinations.test_code is 'The platform''s test event code; set = the destination is in test mode.';
comment on column trakit.destinations.version is 'Counts changes by people; who changes what they read names it, so that the later of two does not undo the earlier.';
comment on column trakit.destinations.created_at is 'First set up.';
comment on column trakit.destinations.updated_at is 'Last change by people. A refusal of a send begun before it says nothing about the destination as it is now.';

create table trakit.destination_secrets (
  destination_id uuid not null,
  shop_id uuid not null,
  sealed text not null,
  last_four text not null,
  version integer not null default 1,
  updated_at timestamptz not null default now(),
  constraint destination_secrets_pkey primary key (shop_id, destination_id),
  constraint destination_secrets_destination_fkey foreign key (shop_id, destination_id)
    references trakit.destinations (shop_id, id) on delete cascade,
  constraint destination_secrets_sealed_shape check (sealed ~ '^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$'),
  constraint destination_secrets_last_four_short check (length(last_four) <= 4)
);

comment on table trakit.destination_secrets is 'Access tokens, sealed with AES-256-GCM outside the database; a dump does not contain them.';
comment on column trakit.destination_secrets.destination_id is 'Destination the token belongs to.';
comment on column trakit.destination_secrets.shop_id is 'Shop that owns it; also bound into the seal.';
comment on column trakit.destination_secrets.sealed is 'v1.<key id>.<nonce>.<ciphertext and tag>, base64url. Additional data: shop id and platform.';
comment on column trakit.destination_secrets.last_four is 'Last characters of the token, for people to recognise it.';
comment on column trakit.destination_secrets.version is 'Counts replacements; an unsealed token is cached by it.';
comment on column trakit.destination_secrets.updated_at is 'Last replacement or re-sealing.';

create table trakit.sealed_settings (
  destination_id uuid not null,
  shop_id uuid not null,
  name text not null,
  sealed text not null,
  updated_at timestamptz not null default now(),
  constraint sealed_settings_pkey primary key (shop_id, destination_id, name),
  constraint sealed_settings_destination_fkey foreign key (shop_id, destination_id)
    references trakit.destinations (shop_id, id) on delete cascade,
  constraint sealed_settings_name_shape check (name ~ '^[a-z][a-z0-9_]{1,50}$'),
  constraint sealed_settings_sealed_shape check (sealed ~ '^v1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$')
);

comment on table trakit.sealed_settings is 'Settings of a destination that are secrets, sealed like its token; people see their names only.';
comment on column trakit.sealed_settings.destination_id is 'Destination the setting belongs to.';
comment on column trakit.sealed_settings.shop_id is 'Shop that owns it; also bound into the seal.';
comment on column trakit.sealed_settings.name is 'Name of the setting, e.g. appsecret_proof; bound into the seal.';
comment on column trakit.sealed_settings.sealed is 'As destination_secrets.sealed. Additional data: shop id, platform and name.';
comment on column trakit.sealed_settings.updated_at is 'Last replacement or re-sealing.';

create table trakit.lanes (
  destination_id uuid not null,
  shop_id uuid not null,
  state text not null default 'closed',
  reason text,
  changed_at timestamptz not null default now(),
  probe_at timestamptz,
  probe_seconds integer,
  flush_before timestamptz,
  released_at timestamptz,
  expired bigint not null default 0,
  alerted_at timestamptz,
  alerted_change timestamptz,
  alerted_expired bigint not null default 0,
  constraint lanes_pkey primary key (shop_id, destination_id),
  constraint lanes_destination_fkey foreign key (shop_id, destination_id)
    references trakit.destinations (shop_id, id) on delete cascade,
  constraint lanes_state_known check (state in ('closed', 'open', 'held')),
  constraint lanes_open_has_probe check ((state = 'open') = (probe_at is not null and probe_seconds is not null)),
  constraint lanes_trouble_has_reason check ((state = 'closed') = (reason is null)),
  constraint lanes_probe_sane check (probe_seconds between 10 and 60)
);
create index lanes_open_by_probe on trakit.lanes (probe_at) where state = 'open';
create index lanes_to_flush on trakit.lanes (flush_before) where flush_before is not null;

comment on table trakit.lanes is 'The queue''s view of a destination. closed = deliveries flow; open = it fails, one probe at a time; held = its token was refused.';
comment on column trakit.lanes.destination_id is 'The lane is this destination.';
comment on column trakit.lanes.shop_id is 'Shop that owns it.';
comment on column trakit.lanes.state is 'closed (flowing), open (failing for reasons that are not the event''s) or held (token refused).';
comment on column trakit.lanes.reason is 'Why it is open or held: the outcome''s reason code.';
comment on column trakit.lanes.changed_at is 'When it came into this state.';
comment on column trakit.lanes.probe_at is 'Open: when the next single delivery may try.';
comment on column trakit.lanes.probe_seconds is 'Open: present distance between probes, 10 s growing to 60 s.';
comment on column trakit.lanes.flush_before is 'Set when trouble ended: what was last tried before this moment is due at once, whatever its own back-off says.';
comment on column trakit.lanes.released_at is 'When a hold last ended: what waited through it may be tried for another 24 hours.';
comment on column trakit.lanes.expired is 'Deliveries whose time was over before they could be sent, ever.';
comment on column trakit.lanes.alerted_at is 'When the operator was last told of this lane; null = never.';
comment on column trakit.lanes.alerted_change is 'The changed_at the operator was last told of.';
comment on column trakit.lanes.alerted_expired is 'The expired count the operator was last told of.';

-- people read settings and lanes, never secrets
call trakit.isolate_by_shop('trakit.destinations', p_people => true);
call trakit.isolate_by_shop('trakit.destination_secrets');
call trakit.isolate_by_shop('trakit.sealed_settings');
call trakit.isolate_by_shop('trakit.lanes', p_people => true);

-- the queue across shops: ids, states and times only
grant select (destination_id, shop_id, state, changed_at, probe_at, flush_before, released_at, expired, alerted_at, alerted_change,
  alerted_expired) on trakit.lanes to trakit_dispatcher;
grant update (flush_before, expired, alerted_at, alerted_change, alerted_expired) on trakit.lanes to trakit_dispatcher;
create policy "the dispatcher sees every lane's state" on trakit.lanes for select to trakit_dispatcher using (true);
create policy "the dispatcher ends a flush, counts what expired and notes what it told of" on trakit.lanes for update to trakit_dispatcher using (true) with check (true);
grant select (id, shop_id, platform, enabled, max_age) on trakit.destinations to trakit_dispatcher;
create policy "the dispatcher sees which destinations there are" on trakit.destinations
  for select to trakit_dispatcher using (true);

-- Called by those who give a destination to its sender, for the shop they are bound to.
create function trakit.sealed_settings_of(p_shop_id uuid, p_destination_id uuid) returns jsonb
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_object_agg(x.name, x.sealed), '{}') from trakit.sealed_settings x
  where x.shop_id = p_shop_id and x.destination_id = p_destination_id
$$;
comment on function trakit.sealed_settings_of(uuid, uuid) is 'The sealed settings of a destination by name; {} where it has none.';

create function trakit.lane_shop(p_destination_id uuid) returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select d.shop_id from trakit.destinations d where d.id = p_destination_id
$$;
comment on function trakit.lane_shop(uuid) is 'Shop a lane belongs to.';

-- Called by trakit.set_destination, trakit.keep_grant and trakit.grant_renewed.
create function trakit.replace_token(
  p_shop_id uuid, p_destination_id uuid, p_sealed text, p_last_four text, p_held_only boolean, p_now timestamptz
) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
begin
  insert into trakit.destination_secrets as s (destination_id, shop_id, sealed, last_four, updated_at)
  values (p_destination_id, p_shop_id, p_sealed, p_last_four, p_now)
  on conflict (shop_id, destination_id) do update
    set sealed = excluded.sealed, last_four = excluded.last_four, version = s.version + 1, updated_at = p_now;
  -- a new token ends the hold, and what waited is due at once; no delivery row is rewritten
  update trakit.lanes l
  set state = 'closed', reason = null, changed_at = p_now, probe_at = null, probe_seconds = null, flush_before = p_now,
      released_at = case when l.state = 'held' then p_now else l.released_at end
  where l.destination_id = p_destination_id
    and case when p_held_only then l.state = 'held' else l.state <> 'closed' end;
end;
$$;
comment on function trakit.replace_token(uuid, uuid, text, text, boolean, timestamptz) is
  'Puts a destination''s token in place and lets its lane go: a held one, or (p_held_only false) one in any trouble.';

create function trakit.set_destination(
  p_domain text, p_platform text, p_purpose text, p_max_age_ms bigint, p_change jsonb, p_sealed text default null,
  p_last_four text default null, p_version integer default null, p_now timestamptz default now(), p_secrets jsonb default '{}'
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain);
  v_id uuid;
  v_has_token boolean;
begin
  if v_shop is null then
    return null;
  end if;
  insert into trakit.destinations as d
    (shop_id, platform, enabled, settings, events, purpose, max_age, test_code, created_at, updated_at)
  select v_shop, p_platform, coalesce((p_change ->> 'enabled')::boolean, true), coalesce(p_change -> 'settings', '{}'),
    case when jsonb_typeof(p_change -> 'events') = 'array' then array(select jsonb_array_elements_text(p_change -> 'events')) end,
    p_purpose, make_interval(secs => p_max_age_ms / 1000.0), p_change ->> 'test_code', p_now, p_now
  where coalesce(p_version, 0) = 0
    or exists (select from trakit.destinations x where x.shop_id = v_shop and x.platform = p_platform)
  on conflict (shop_id, platform) do update
    set enabled = case when p_change ? 'enabled' then excluded.enabled else d.enabled end,
        settings = d.settings || excluded.settings,
        events = case when p_change ? 'events' then excluded.events else d.events end,
        test_code = case when p_change ? 'test_code' then excluded.test_code else d.test_code end,
        purpose = excluded.purpose, max_age = excluded.max_age, version = d.version + 1, updated_at = p_now
    where p_version is null or d.version = p_version
  returning d.id into v_id;
  if v_id is null then
    return jsonb_build_object('changed', false, 'destination', (select d.* from trakit.describe_destinations(p_platform) d));
  end if;
  delete from trakit.sealed_settings x where x.destination_id = v_id and p_secrets -> x.name = 'null';
  insert into trakit.sealed_settings as x (destination_id, shop_id, name, sealed, updated_at)
  select v_id, v_shop, s.key, s.value, p_now from jsonb_each_text(p_secrets) s where s.value is not null
  on conflict (shop_id, destination_id, name) do update set sealed = excluded.sealed, updated_at = p_now;
  v_has_token := p_sealed is not null or exists (
    select from trakit.destination_secrets s where s.destination_id = v_id);
  insert into trakit.lanes as l (destination_id, shop_id, state, reason, changed_at)
  values (v_id, v_shop, case when v_has_token then 'closed' else 'held' end, case when v_has_token then null else 'no_token' end, p_now)
  on conflict (shop_id, destination_id) do nothing;
  if p_sealed is not null then
    -- a token entered by hand ends a connection
    delete from trakit.destination_grants g where g.destination_id = v_id;
    perform trakit.replace_token(v_shop, v_id, p_sealed, p_last_four, false, p_now);
  elsif v_has_token then
    -- which change cures a refusal only the platform knows: one delivery asks it, and what else waits follows it
    update trakit.lanes l
    set state = 'open', changed_at = p_now, probe_at = p_now, probe_seconds = 10, flush_before = null, released_at = p_now,
        -- the operator was told of the hold; of this lane there is nothing new to tell
        alerted_change = case when l.alerted_change = l.changed_at then p_now else l.alerted_change end
    where l.destination_id = v_id and l.state = 'held';
  end if;
  return jsonb_build_object('changed', true, 'destination', (select d.* from trakit.describe_destinations(p_platform) d));
end;
$$;
comment on function trakit.set_destination(text, text, text, bigint, jsonb, text, text, integer, timestamptz, jsonb) is
  'Sets up or changes a destination of a shop (by domain). p_change names what changes: {"settings": {…}, "enabled", "events", "test_code"}; settings change key by key. p_sealed null keeps the token there is. p_secrets: settings that are secrets, sealed, by name; null takes one away. p_version: the version the change was made for, 0 = it must not exist yet, null = whichever. A held lane that has a token is tried once. Returns {"changed": false where the version is another, "destination": as it stands now or null}. Null = no such active shop.';

create function trakit.list_destinations(p_domain text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if trakit.bind_shop(p_domain, null) is null then
    return null;
  end if;
  return (select coalesce(jsonb_agg(d.*), '[]') from trakit.describe_destinations() d);
end;
$$;
comment on function trakit.list_destinations(text) is
  'A shop''s destinations with the last characters of their tokens, their lanes and connections; null = no such shop.';

create function trakit.destination_token(p_shop text, p_platform text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop);
begin
  return (
    select jsonb_build_object('settings', d.settings, 'test_code', d.test_code, 'sealed', s.sealed,
      'secrets', trakit.sealed_settings_of(d.shop_id, d.id))
    from trakit.destinations d left join trakit.destination_secrets s on s.destination_id = d.id
    where d.shop_id = v_shop and d.platform = p_platform);
end;
$$;
comment on function trakit.destination_token(text, text) is
  'What a test event needs of a destination: settings, test code, sealed token and settings; null = not set up, or no such active shop.';
