-- Subject: what was refused (counted), what could not be read (kept sealed for a week), and how much one sender may hand in.
-- Why: bad input must be visible without being stored in clear, and a payload our schema refused today can be run again
-- after a fix without asking Shopify, which would give up after eight tries. Refused calls that name no shop are counted
-- under none, so that a reverse proxy that signs with an old secret is seen.
-- An isolate's memory is no limit, so a sender's events are counted in Postgres. Unlogged: losing a minute's counters in a
-- crash costs nothing, and no write-ahead log is written for them. Split by connection, as refusals are, so that two calls
-- from one sender do not wait for each other (a flood would hold every connection of an isolate otherwise); calls under way
-- at the same moment do not see each other's count, so the limit is exceeded by one batch a connection at most. The
-- sender's address is not kept: only a hash of its prefix, for an hour.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.sender_rates, trakit.quarantine,
-- trakit.refusals.

create table trakit.refusals (
  shop_id uuid not null,
  day date not null,
  place text not null,
  reason text not null,
  shard smallint not null,
  count bigint not null,
  constraint refusals_pkey primary key (shop_id, day, place, reason, shard),
  constraint refusals_count_positive check (count > 0),
  constraint refusals_words_bounded check (length(place) <= 50 and length(reason) <= 100)
);

comment on table trakit.refusals is 'How often input was refused, by shop, day, place and reason.';
comment on column trakit.refusals.shop_id is 'Shop; all zeros = signed by Shopify for a shop we do not know.';
comment on column trakit.refusals.day is 'UTC day.';
comment on column trakit.refusals.place is 'Function that refused: proxy, webhooks, and any other whose door refused what is too long.';
comment on column trakit.refusals.reason is 'Stable code.';
comment on column trakit.refusals.shard is 'Counters are split by connection, so that two transactions never wait for each other''s row: add them up.';
comment on column trakit.refusals.count is 'How often.';

create table trakit.quarantine (
  id bigint generated always as identity,
  shop_id uuid not null,
  shop_domain text not null,
  topic text not null,
  webhook_id text not null,
  reason text not null,
  issues text[] not null default '{}',
  sealed_body text not null,
  received_at timestamptz not null,
  expires_at timestamptz not null,
  tries integer not null default 0,
  constraint quarantine_pkey primary key (shop_id, id),
  constraint quarantine_webhook_key unique (shop_id, webhook_id),
  constraint quarantine_expires_later check (expires_at > received_at)
);
create index quarantine_by_expiry on trakit.quarantine (expires_at);

comment on table trakit.quarantine is 'Webhooks we could not read: verified, answered 200, kept sealed for 7 days, can be run again.';
comment on column trakit.quarantine.id is 'Ours.';
comment on column trakit.quarantine.shop_id is 'Shop it came from.';
comment on column trakit.quarantine.shop_domain is 'Its domain.';
comment on column trakit.quarantine.topic is 'Shopify topic.';
comment on column trakit.quarantine.webhook_id is 'X-Shopify-Webhook-Id: a repeat replaces nothing.';
comment on column trakit.quarantine.reason is 'malformed_json, unreadable_payload …';
comment on column trakit.quarantine.issues is 'Paths and codes the schema refused; never values.';
comment on column trakit.quarantine.sealed_body is 'The raw body, AES-256-GCM, as destination_secrets.sealed.';
comment on column trakit.quarantine.received_at is 'When it came.';
comment on column trakit.quarantine.expires_at is 'When it is purged.';
comment on column trakit.quarantine.tries is 'How often it was run again.';

call trakit.isolate_by_shop('trakit.refusals', p_people => true);
call trakit.isolate_by_shop('trakit.quarantine');
call trakit.keep_no_statistics('trakit.quarantine', array['webhook_id', 'issues', 'sealed_body']);

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

comment on table trakit.sender_rates is 'What browsers handed in, by shop, sender and minute. Kept for an hour.';
comment on column trakit.sender_rates.shop_id is 'Shop they were for.';
comment on column trakit.sender_rates.sender is 'Hash of shop and sender: an address prefix (IPv4 /24, IPv6 /56), all addresses together, or a session.';
comment on column trakit.sender_rates.minute is 'Start of the minute.';
comment on column trakit.sender_rates.shard is 'Counters are split by connection: add them up.';
comment on column trakit.sender_rates.events is 'How many events and reports of tags, refused ones included.';

call trakit.isolate_by_shop('trakit.sender_rates');

create function trakit.count_refusals(p_shop_id uuid, p_place text, p_counts jsonb, p_now timestamptz) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
begin
  insert into trakit.refusals as r (shop_id, day, place, reason, shard, count)
  select p_shop_id, (p_now at time zone 'utc')::date, p_place, left(c.key, 100), pg_backend_pid() % 64, c.value::bigint
  from jsonb_each_text(p_counts) c
  where c.value::bigint > 0
  order by c.key
  on conflict (shop_id, day, place, reason, shard) do update set count = r.count + excluded.count;
end;
$$;
comment on function trakit.count_refusals(uuid, text, jsonb, timestamptz) is
  'Adds {"reason": n} to the day''s counters. Called by functions already bound to the shop.';

create function trakit.count_refused_calls(p_shop text, p_place text, p_counts jsonb, p_now timestamptz default now()) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_nobody constant uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_shop uuid := coalesce(trakit.bind_shop(p_shop, null), c_nobody);
begin
  perform set_config('trakit.shop_id', v_shop::text, true);
  perform trakit.count_refusals(v_shop, p_place, p_counts, p_now);
end;
$$;
comment on function trakit.count_refused_calls(text, text, jsonb, timestamptz) is
  'Adds {"reason": n} to the day''s counters of a shop, or of nobody where p_shop is null or unknown.';

create function trakit.quarantine_webhook(
  p_shop text, p_topic text, p_webhook_id text, p_reason text, p_issues text[], p_sealed_body text,
  p_now timestamptz default now()
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  if v_shop is null then
    perform set_config('trakit.shop_id', '00000000-0000-0000-0000-000000000000', true);
    perform trakit.count_refusals('00000000-0000-0000-0000-000000000000', 'webhooks', '{"unknown_shop": 1}', p_now);
    return 'unknown_shop';
  end if;
  insert into trakit.quarantine
    (shop_id, shop_domain, topic, webhook_id, reason, issues, sealed_body, received_at, expires_at)
  values (v_shop, p_shop, left(p_topic, 100), left(p_webhook_id, 100), p_reason, p_issues[1:20], p_sealed_body, p_now,
    p_now + interval '7 days')
  on conflict (shop_id, webhook_id) do nothing;
  perform trakit.count_refusals(v_shop, 'webhooks', jsonb_build_object(p_reason, 1), p_now);
  return 'quarantined';
end;
$$;
comment on function trakit.quarantine_webhook(text, text, text, text, text[], text, timestamptz) is
  'Keeps a verified webhook that could not be read, sealed, for 7 days. Returns quarantined or unknown_shop.';

create function trakit.list_quarantine(p_shop text, p_limit integer default 50) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if trakit.bind_shop(p_shop, null) is null then
    return null;
  end if;
  return coalesce((
    select jsonb_agg(to_jsonb(q) order by q.received_at)
    from (select id, topic, webhook_id, reason, issues, sealed_body, received_at, expires_at, tries
          from trakit.quarantine order by received_at limit p_limit) q
  ), '[]');
end;
$$;
comment on function trakit.list_quarantine(text, integer) is 'What a shop has in quarantine, oldest first, bodies sealed; null = no such shop.';

create function trakit.settle_quarantine(p_shop text, p_id bigint, p_read boolean) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform trakit.bind_shop(p_shop, null);
  if p_read then
    delete from trakit.quarantine where id = p_id;
  else
    update trakit.quarantine set tries = tries + 1 where id = p_id;
  end if;
  return found;
end;
$$;
comment on function trakit.settle_quarantine(text, bigint, boolean) is
  'After running a quarantined webhook again: read = it is an event now and leaves, else its tries are counted. False = no such row.';

create function trakit.count_sender(
  p_shop_id uuid, p_sender text, p_events integer, p_limit integer, p_now timestamptz
) returns integer
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_sender bigint := hashtextextended(p_shop_id || ':' || p_sender, 0);
  v_minute timestamptz := date_trunc('minute', p_now);
  v_events bigint;
begin
  insert into trakit.sender_rates as r (shop_id, sender, minute, shard, events)
  values (p_shop_id, v_sender, v_minute, pg_backend_pid() % 64, greatest(p_events, 1))
  on conflict (shop_id, sender, minute, shard) do update set events = r.events + excluded.events;
  select sum(r.events) into v_events
  from trakit.sender_rates r where r.shop_id = p_shop_id and r.sender = v_sender and r.minute = v_minute;
  return case when v_events > p_limit then ceil(extract(epoch from v_minute + interval '1 minute' - p_now))::integer end;
end;
$$;
comment on function trakit.count_sender(uuid, text, integer, integer, timestamptz) is
  'Counts events of one sender, by any name; null = within p_limit, else the seconds until the next minute begins.';

create function trakit.sender_refusal(
  p_shop trakit.shops, p_sender jsonb, p_kind text, p_events integer, p_now timestamptz
) returns jsonb
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_signed boolean := coalesce((p_sender ->> 'signed')::boolean, false);
  -- who is not signed for: what floods events keeps nobody from beginning a visit
  v_kind text := case when v_signed then 'signed' else p_kind end;
  v_wait integer;
begin
  if p_sender ->> 'origin' is not null
    and p_sender ->> 'origin' <> p_shop.domain and p_sender ->> 'origin' <> all (p_shop.hosts)
  then
    perform trakit.count_refusals(p_shop.id, 'proxy', jsonb_build_object('foreign_origin', greatest(p_events, 1)), p_now);
    return jsonb_build_object('shop', 'active', 'refused', 'foreign_origin', 'results', '[]'::jsonb, 'sends', '[]'::jsonb);
  end if;
  if p_events <= 0 then
    return null;
  end if;
  -- of an address, and of all addresses together: many of them, or none that can be believed, are no way around the limit.
  -- Those nobody signed for have a ceiling of their own, so that they are turned away first
  v_wait := trakit.count_sender(
    p_shop.id, v_kind || ':' || coalesce(p_sender ->> 'prefix', ''), p_events, p_shop.events_per_minute, p_now);
  if v_wait is null then
    -- what an address was refused costs its neighbours nothing
    v_wait := trakit.count_sender(p_shop.id, v_kind, p_events, p_shop.events_per_minute * 10, p_now);
  end if;
  if v_wait is not null then
    perform trakit.count_refusals(p_shop.id, 'proxy', jsonb_build_object('rate_limited', greatest(p_events, 1)), p_now);
    return jsonb_build_object('shop', 'active', 'refused', 'rate_limited', 'wait_seconds', v_wait, 'results', '[]'::jsonb,
      'sends', '[]'::jsonb);
  end if;
  return null;
end;
$$;
comment on function trakit.sender_refusal(trakit.shops, jsonb, text, integer, timestamptz) is
  'Why nothing is taken from this sender now, counted; null = it may go on. p_sender = {"prefix": address prefix, "" = none that can be believed, "signed": Shopify or the shop''s own proxy signed for it, "origin": host of the Origin header or null}, p_kind = events or session.';
