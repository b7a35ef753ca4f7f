-- Subject: what consent allows: which destinations take an event, which identifiers may be kept, and taking consent back.
-- Why: decided here, once, for browsers and webhooks alike. Identifiers that serve marketing or analytics only are named in
-- packages/core/src/consent.ts too; enriched_names says by which name match quality knows each.
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

create function trakit.allowed_purposes(p_shop trakit.shops, p_consent jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_unknown boolean := trakit.unknown_consent_policy(p_shop.unknown_consent, null, p_shop.country) <> 'skip';
begin
  return jsonb_build_object(
    'analytics', coalesce((p_consent ->> 'analytics')::boolean, v_unknown),
    'marketing', coalesce((p_consent ->> 'marketing')::boolean, v_unknown));
end;
$$;
comment on function trakit.allowed_purposes(trakit.shops, jsonb) is
  'What a browser may be given, {"analytics": bool, "marketing": bool}, from its consent and the shop''s policy for unknown consent.';

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

create function trakit.consented_identifiers(p_identifiers jsonb, p_consent jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  if p_consent ->> 'marketing' = 'false' then
    p_identifiers := p_identifiers - array['fbp', 'fbc', 'ttp', 'ttclid', 'epik', 'scid', 'sc_click_id', 'rdt_uuid',
      'rdt_cid', 'pin_unauth', 'gclid'];
  end if;
  if p_consent ->> 'analytics' = 'false' then
    p_identifiers := p_identifiers - array['ga_client_id', 'ga_session_id'];
  end if;
  return p_identifiers;
end;
$$;
comment on function trakit.consented_identifiers(jsonb, jsonb) is
  'Identifiers without those that serve only a purpose that was refused (packages/core/src/consent.ts has the same list).';

create function trakit.enriched_names(p_own jsonb, p_known jsonb) returns text[]
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  c_browser constant text[] := array['fbp', 'ttp', 'scid', 'rdt_uuid', 'pin_unauth', 'ga_client_id'];
  c_click constant text[] := array['fbc', 'ttclid', 'epik', 'sc_click_id', 'rdt_cid', 'gclid'];
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
  if v_both then
    -- whoever deletes visitors is alone in the shop (lock_identity)
    perform pg_advisory_xact_lock(hashtextextended('trakit.identity:' || p_shop_id, 0));
    delete from trakit.visitor_links l where l.visitor_id = any (v_visitors) and l.shop_id = p_shop_id;
    delete from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_visitors);
    return;
  end if;
  perform from trakit.visitors v where v.shop_id = p_shop_id and v.id = any (v_visitors) order by v.id for update;
  update trakit.visitors v
  set identifiers = trakit.consented_identifiers(v.identifiers, p_consent),
      consent = coalesce(v.consent, '{}') || jsonb_strip_nulls(p_consent),
      last_seen_at = greatest(v.last_seen_at, p_now)
  where v.shop_id = p_shop_id and v.id = any (v_visitors);
end;
$$;
comment on function trakit.withdraw_consent(uuid, jsonb, jsonb, timestamptz) is
  'Takes the refused purposes'' identifiers out of the visitors a browser''s own keys lead to; with both refused the visitors go.';
