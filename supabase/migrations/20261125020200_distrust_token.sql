-- Subject: a token of Shopify's that we thought fresh and Shopify does not take.
-- Why: an access token can end before its hour is over (the merchant reinstalled, Shopify revoked it). Waiting for the hour
-- loses it; the pair is renewed at once, and only where the token refused is still the one stored.
-- Locks: none. Undo: drop function trakit.distrust_token.

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

grant create on schema trakit to trakit_app;
alter function trakit.distrust_token(text, text, timestamptz) owner to trakit_app;
grant execute on function trakit.distrust_token(text, text, timestamptz) to trakit_edge;
revoke create on schema trakit from trakit_app;
