-- Subject: what Reddit's and Pinterest's identifiers are called in events.enriched.
-- Why: an event completed with Reddit's click (rdt_cid), its cookie (rdt_uuid) or Pinterest's pin_unauth said nothing of it.
--   rdt_cid is a click id, the other two name a browser.
-- Locks: none but on the function and, for a moment, on visitors (its column's comment).
-- Undo: create the function as in 20261124400100_customers.sql.

create or replace function trakit.enriched_names(p_own jsonb, p_known jsonb) returns text[]
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

comment on column trakit.visitors.identifiers is 'Cookies and click ids: fbp, fbc, ttp, ttclid, epik, scid, sc_click_id, rdt_uuid, rdt_cid, pin_unauth, ga_client_id, ga_session_id, gclid, visitor_id, client_id, customer_id.';
