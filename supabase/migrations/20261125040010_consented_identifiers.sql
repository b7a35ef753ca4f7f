-- Subject: identifiers of Reddit and Pinterest that serve marketing only.
-- Why: the browser now brings Reddit's cookies (rdt_uuid, rdt_cid) and Pinterest's pin_unauth; a visitor who refused marketing
--   must not keep them. packages/core/src/consent.ts has the same list.
-- Locks: none but on the function.
-- Undo: create the function as in 20261123090800_ingest.sql.

create or replace function trakit.consented_identifiers(p_identifiers jsonb, p_consent jsonb) returns jsonb
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
