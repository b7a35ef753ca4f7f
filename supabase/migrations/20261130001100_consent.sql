-- Subject: what consent allows: which destinations take an event, which identifiers may be kept, and taking consent back.
-- Why: decided here, once, for browsers and webhooks alike. Which identifiers there are, what they serve and what they name
-- stands in packages/core/src/identifiers.ts; identifier_names is written from it (docs/adding-an-identifier.md).
-- Locks: none. Undo: drop the functions.

create function trakit.unknown_consent_policy(p_setting text, p_event_country text, p_shop_country text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  -- EEA (EU, Iceland, Liechtenstein, Norway), UK, Switzerland; a country nobody knows counts as one of them
  return coalesce(p_setting, case
    when coalesce(p_event_country, p_shop_country) is null then 'skip'
    when coalesce(p_event_country, p_shop_country) = any (array[
      'AT', 'BE', 'BG', 'HR', 'CY', 'CZ', 'DK', 'EE', 'FI', 'FR', 'DE', 'GR', 'HU', 'IE', 'IT', 'LV', 'LT', 'LU', 'MT',
      'NL', 'PL', 'PT', 'RO', 'SK', 'SI', 'ES', 'SE', 'IS', 'LI', 'NO', 'GB', 'CH'])
    then 'skip' else 'send' end);
end;
$$;
comment on function trakit.unknown_consent_policy(text, text, text) is
  'send, limited or skip for an event without a known consent state, from the shop''s setting, the event''s country and the shop''s.';

create function trakit.policy_for(p_shop trakit.shops, p_client jsonb) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return trakit.unknown_consent_policy(
    p_shop.unknown_consent, coalesce(p_client ->> 'country', p_client ->> 'policy_country'), p_shop.country);
end;
$$;
comment on function trakit.policy_for(trakit.shops, jsonb) is
  'What unknown consent means where the person is: by the address of the event''s client {"country", "policy_country"}, else by where the browser says it is, else by the shop''s country.';

create function trakit.counted_consent(p_shop trakit.shops, p_consent jsonb, p_policy text) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_purpose text;
begin
  if p_policy <> 'skip' then
    return p_consent;
  end if;
  foreach v_purpose in array array['analytics', 'marketing'] loop
    if p_consent ->> v_purpose is null and not exists (
      select from trakit.destinations g
      where g.shop_id = p_shop.id and g.enabled and g.purpose = v_purpose and g.settings ->> 'unknown_consent' in ('send', 'limited'))
    then
      p_consent := p_consent || jsonb_build_object(v_purpose, false);
    end if;
  end loop;
  return p_consent;
end;
$$;
comment on function trakit.counted_consent(trakit.shops, jsonb, text) is
  'Consent as it counts for what may be stored: where the policy is skip, a purpose nobody decided on is as good as refused, unless a destination of that purpose takes the undecided by its own setting.';

create function trakit.joined_consent(p_one jsonb, p_other jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return p_one || p_other || coalesce((select jsonb_object_agg(o.key, o.value) from jsonb_each(p_one) o where o.value = 'false'), '{}');
end;
$$;
comment on function trakit.joined_consent(jsonb, jsonb) is
  'What two copies of one event say together, in either order: a no of one of them, else a yes; what neither knows is not known.';

create function trakit.as_consented(p_event jsonb, p_consent jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if p_consent ->> 'marketing' = 'false' and p_consent ->> 'analytics' = 'false' then
    return p_event || jsonb_build_object('page', '{}'::jsonb, 'digests', '{}'::jsonb, 'identifiers', '{}'::jsonb,
      'client', jsonb_strip_nulls(jsonb_build_object(
        'country', p_event #> '{client,country}', 'policy_country', p_event #> '{client,policy_country}')));
  end if;
  return p_event || jsonb_build_object('identifiers', trakit.consented_identifiers(p_event -> 'identifiers', p_consent));
end;
$$;
comment on function trakit.as_consented(jsonb, jsonb) is
  'What may be kept of an event by a consent (counted_consent), as asConsented in packages/core/src/stored.ts: with both purposes refused that it happened, and its money.';

create function trakit.allowed_purposes(p_shop trakit.shops, p_consent jsonb, p_country text) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_unknown boolean := trakit.unknown_consent_policy(p_shop.unknown_consent, p_country, p_shop.country) <> 'skip';
begin
  return jsonb_build_object(
    'analytics', coalesce((p_consent ->> 'analytics')::boolean, v_unknown),
    'marketing', coalesce((p_consent ->> 'marketing')::boolean, v_unknown));
end;
$$;
comment on function trakit.allowed_purposes(trakit.shops, jsonb, text) is
  'What a browser may be given, {"analytics": bool, "marketing": bool}, from its consent and the policy for unknown consent in the country it says it is in, else the shop''s.';

-- Carries no search_path of its own: only then does Postgres put its text into the calling statement instead of planning it
-- anew for every row. It uses built-in operators only, and its callers have a fixed path.
create function trakit.delivery_verdict(
  p_shop trakit.shops, p_test boolean, p_channel text, p_source text, p_consent jsonb, p_policy text, p_purpose text,
  p_test_code text, p_settings jsonb
) returns text
language sql immutable as $$
  select case
    when p_test and p_shop.test_orders = 'skip' then 'test_order'
    when p_test and p_shop.test_orders = 'test_mode' and p_test_code is null then 'test_order'
    when p_source = 'webhook' and p_channel = any (p_shop.excluded_channels) then 'source_excluded'
    when p_consent ->> p_purpose = 'false' then 'consent_denied'
    when p_consent ->> 'sale_of_data' = 'false' and p_settings ->> 'sale_refused' = 'skip' then 'sale_refused'
    -- the destination's own policy beats the shop's
    when p_consent ->> p_purpose is null and coalesce(nullif(p_settings ->> 'unknown_consent', 'shop'), p_policy) = 'skip'
    then 'consent_unknown'
  end
$$;
comment on function trakit.delivery_verdict(trakit.shops, boolean, text, text, jsonb, text, text, text, jsonb) is
  'Why an event is not sent to a destination; null = it is sent.';

-- Carries no search_path of its own: only then does Postgres put the list into the calling statement.
create function trakit.identifier_names(p_what text) returns text[]
language sql immutable as $$
  select case p_what
    -- identifiers: generated by packages/tooling/src/identifier-lists.ts
    when 'marketing' then array['fbp', 'fbc', 'ttp', 'ttclid', 'epik', 'pin_unauth', 'scid', 'sc_click_id',
      'rdt_uuid', 'rdt_cid', 'gclid', 'gbraid', 'wbraid', 'dclid', 'msclkid', 'uetvid', 'kx', 'aleid', 'alart',
      'axwrt', 'oppref']
    when 'analytics' then array['ga_client_id', 'ga_session_id']
    when 'browser' then array['fbp', 'ttp', 'pin_unauth', 'scid', 'rdt_uuid', 'ga_client_id', 'uetvid',
      'axwrt']
    when 'click' then array['fbc', 'ttclid', 'epik', 'sc_click_id', 'rdt_cid', 'gclid', 'gbraid', 'wbraid',
      'dclid', 'msclkid', 'kx', 'aleid', 'alart', 'oppref']
    -- identifiers: end
  end
$$;
comment on function trakit.identifier_names(text) is
  'Identifiers that serve one purpose only (marketing, analytics), and those that name a browser or a click.';

create function trakit.consented_identifiers(p_identifiers jsonb, p_consent jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if p_consent ->> 'marketing' = 'false' then
    p_identifiers := p_identifiers - trakit.identifier_names('marketing');
  end if;
  if p_consent ->> 'analytics' = 'false' then
    p_identifiers := p_identifiers - trakit.identifier_names('analytics');
  end if;
  return p_identifiers;
end;
$$;
comment on function trakit.consented_identifiers(jsonb, jsonb) is
  'Identifiers without those that serve only a purpose that was refused (consentedIdentifiers in packages/core/src/consent.ts does the same).';

create function trakit.enriched_names(p_own jsonb, p_known jsonb) returns text[]
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  c_browser constant text[] := trakit.identifier_names('browser');
  c_click constant text[] := trakit.identifier_names('click');
  v_ids jsonb := p_own -> 'identifiers';
begin
  return array(
    select distinct n.name from (
      select case split_part(k.key, '.', 1) when 'first_name' then 'name' when 'last_name' then 'name' when 'street' then 'address'
        when 'region' then 'state' when 'postal' then 'zip' when 'birth' then 'date_of_birth'
        else split_part(k.key, '.', 1) end as name
      from jsonb_object_keys(p_known -> 'digests') k (key) where not p_own -> 'digests' ? k.key
      union all
      select case when k.key = any (c_browser) and not v_ids ?| c_browser then 'browser_id'
        when k.key = any (c_click) and not v_ids ?| c_click then 'click_id'
        when k.key = 'customer_id' then 'external_id' end
      from jsonb_object_keys(p_known -> 'identifiers') k (key) where not v_ids ? k.key
    ) n where n.name is not null order by 1);
end;
$$;
comment on function trakit.enriched_names(jsonb, jsonb) is
  'Which identifiers an event has that it did not bring: the second event''s less the first''s, by the names match quality uses.';

create function trakit.withdraw_consent(p_shop_id uuid, p_keys jsonb, p_consent jsonb, p_now timestamptz) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp as $$
declare
  v_both boolean := coalesce(p_consent ->> 'marketing' = 'false' and p_consent ->> 'analytics' = 'false', false);
  v_visitors bigint[];
  v_all bigint[];
  v_carts text[];
begin
  -- only who has the visitor's own key may speak for it; who has nothing to take away is left alone
  select array_agg(distinct l.visitor_id order by l.visitor_id) into v_visitors
  from jsonb_each_text(p_keys) k
  cross join lateral (
    select x.visitor_id, x.joined, x.kind from trakit.visitor_links x
    where x.shop_id = p_shop_id and x.kind = k.key and x.key = k.value limit 1
  ) l
  join trakit.visitors v on v.shop_id = p_shop_id and v.id = l.visitor_id
  where l.joined <= 20
    and (v_both or trakit.consented_identifiers(v.identifiers, p_consent) <> v.identifiers or not coalesce(v.consent @> jsonb_strip_nulls(p_consent), false));
  if v_visitors is null then
    return;
  end if;
  -- whoever deletes visitors is alone in the shop (lock_identity); and whose events are gone through gets no new ones meanwhile
  perform pg_advisory_xact_lock(hashtextextended('trakit.identity:' || p_shop_id, 0));
  v_all := v_visitors || array(
    select a.visitor_id from trakit.visitor_aliases a where a.became = any (v_visitors) and a.shop_id = p_shop_id);
  -- an order that waits to be read again, for a yes that is taken back, is not
  delete from trakit.order_readings r
  where r.shop_id = p_shop_id and exists (
    select from trakit.event_keys k
    join trakit.events e on e.shop_id = k.shop_id and e.captured_at = k.captured_at and e.id = k.event_row
    where k.shop_id = p_shop_id and k.key = 'order:' || r.order_id and e.visitor_id = any (v_all));
  if v_both then
    -- what is kept of their carts is found by these keys alone
    v_carts := array(
      select l.key from trakit.visitor_links l
      where l.visitor_id = any (v_visitors) and l.shop_id = p_shop_id and l.kind = 'cart');
    delete from trakit.cart_adds c where c.shop_id = p_shop_id and c.cart_token = any (v_carts);
    delete from trakit.carts c where c.shop_id = p_shop_id and c.token = any (v_carts);
    delete from trakit.visitor_links l where l.visitor_id = any (v_visitors) and l.shop_id = p_shop_id;
    delete from trakit.visitor_aliases a where a.became = any (v_visitors) and a.shop_id = p_shop_id;
    delete from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_visitors);
  else
    update trakit.visitors v
    set identifiers = trakit.consented_identifiers(v.identifiers, p_consent),
        consent = coalesce(v.consent, '{}') || jsonb_strip_nulls(p_consent),
        last_seen_at = greatest(v.last_seen_at, p_now)
    where v.shop_id = p_shop_id and v.id = any (v_visitors);
  end if;
  -- as many as a browser may wait for; worker and drain go on
  if (trakit.strip_events(p_shop_id, v_all, p_consent, 200, p_now)).rest then
    insert into trakit.privacy_requests (shop_id, kind, reference, subject, requested_at)
    values (p_shop_id, 'withdrawal', 'withdrawal:' || gen_random_uuid(), jsonb_build_object('visitors', to_jsonb(v_all), 'consent', p_consent), p_now);
  end if;
end;
$$;
comment on function trakit.withdraw_consent(uuid, jsonb, jsonb, timestamptz) is
  'Takes the refused purposes'' identifiers out of the visitors a browser''s own keys lead to, and out of their earlier events (strip_events); with both refused the visitors go.';

create function trakit.clear_client(p_shop_id uuid, p_at timestamptz, p_row bigint) returns void
language sql security invoker set search_path = pg_catalog, pg_temp as $$
  update trakit.event_clients c
  set ip = null, user_agent = null, language = null, city = null, region = null, region_code = null, postal_code = null
  where c.shop_id = p_shop_id and c.captured_at = p_at and c.event_row = p_row
$$;
comment on function trakit.clear_client(uuid, timestamptz, bigint) is 'Leaves of an event''s client the country.';

create function trakit.strip_events(
  p_shop_id uuid, p_visitors bigint[], p_consent jsonb, p_limit integer, p_now timestamptz, out done integer, out rest boolean
)
language plpgsql security invoker set search_path = pg_catalog, pg_temp set timezone = 'UTC'
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
  v_refused jsonb := (
    select coalesce(jsonb_object_agg(c.key, c.value), '{}') from jsonb_each(p_consent) c where c.value = 'false');
  v_both boolean := v_refused @> '{"analytics": false, "marketing": false}';
  v_at timestamptz[];
  v_rows bigint[];
  v_event trakit.events;
  v_under_way boolean;
begin
  done := 0;
  select array_agg(x.captured_at), array_agg(x.id) into v_at, v_rows
  from (
    select e.captured_at, e.id from trakit.events e
    where e.shop_id = p_shop_id and e.visitor_id = any (p_visitors) and (v_both or not e.consent @> v_refused)
    limit p_limit + 1
  ) x;
  rest := coalesce(cardinality(v_rows) > p_limit, false);
  for v_i in 1 .. least(coalesce(cardinality(v_rows), 0), p_limit) loop
    -- who holds an event may wait for the shop's identity, which this call holds: it has its turn later
    select * into v_event from trakit.events e
    where e.shop_id = p_shop_id and e.captured_at = v_at[v_i] and e.id = v_rows[v_i] for update skip locked;
    if v_event.id is null then
      rest := true;
      continue;
    end if;
    update trakit.deliveries d
    set state = 'skipped', reason = case when v_refused ? g.purpose then 'consent_denied' else 'sale_refused' end,
        settled_at = p_now, next_attempt_at = null, waits_for = null, lease = null
    from trakit.destinations g
    where d.shop_id = p_shop_id and d.captured_at = v_at[v_i] and d.event_row = v_rows[v_i] and d.state = 'pending'
      and (d.lease is null or d.next_attempt_at <= p_now)
      and g.id = d.destination_id and g.shop_id = p_shop_id
      and (v_refused ? g.purpose or (v_refused ? 'sale_of_data' and g.settings ->> 'sale_refused' = 'skip'));
    if v_refused ? 'sale_of_data' then
      update trakit.deliveries d set limited = true
      where d.shop_id = p_shop_id and d.captured_at = v_at[v_i] and d.event_row = v_rows[v_i] and d.state = 'pending'
        and not d.limited;
    end if;
    -- what is being sent at this moment cannot be called back, but it must not be sent again
    v_under_way := exists (
      select from trakit.deliveries d join trakit.destinations g on g.id = d.destination_id
      where d.shop_id = p_shop_id and d.captured_at = v_at[v_i] and d.event_row = v_rows[v_i] and d.state = 'pending'
        and v_refused ? g.purpose);
    rest := rest or v_under_way;
    if v_both then
      done := done + case when v_under_way and v_event.consent @> v_refused then 0 else 1 end;
      update trakit.events e
      set page = '{}', identifiers = '{}', digests = '{}', session_id = null, consent = e.consent || v_refused,
          commerce = case when e.order_id is null then e.commerce - array['cart_token', 'checkout_token'] else e.commerce end,
          visitor_id = case when v_under_way then e.visitor_id end
      where e.shop_id = p_shop_id and e.captured_at = v_at[v_i] and e.id = v_rows[v_i];
      perform trakit.clear_client(p_shop_id, v_at[v_i], v_rows[v_i]);
    else
      done := done + case when v_under_way then 0 else 1 end;
      update trakit.events e
      set identifiers = trakit.consented_identifiers(e.identifiers, v_refused),
          consent = case when v_under_way then e.consent else e.consent || v_refused end
      where e.shop_id = p_shop_id and e.captured_at = v_at[v_i] and e.id = v_rows[v_i];
    end if;
  end loop;
end;
$$;
comment on function trakit.strip_events(uuid, bigint[], jsonb, integer, timestamptz) is
  'Takes what a withdrawn consent no longer allows out of up to p_limit events of visitors, and ends their deliveries that wait: consent_denied. done = how many events are through with it, rest = some are left: beyond the limit, held by somebody, or being sent at this moment. The caller holds the shop''s identity.';
