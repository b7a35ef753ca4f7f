-- Subject: re-sealing everything with the newest key, while all is in use.
-- Why: a key is taken out of the ring only when nothing is sealed with it. What is sealed is opened and sealed again outside
-- the database (trakit keys rotate); here it is listed, and replaced only where it is still the one that was listed, so that
-- a token entered meanwhile wins. Shops' public keys are derived from the newest key, so web pixels are due to be told.
-- Locks: none. Undo: drop the functions.

create function trakit.list_seals(p_domain text, p_newest text, p_limit integer default 500) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
begin
  if v_shop is null then
    return null;
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('place', x.place, 'id', x.id, 'of', x.of, 'sealed', x.sealed))
    from (
      select 'destination' as place, s.destination_id::text as id, d.platform as of, s.sealed
      from trakit.destination_secrets s join trakit.destinations d on d.id = s.destination_id
      where s.shop_id = v_shop
      union all
      select 'quarantine', q.id::text, q.webhook_id, q.sealed_body from trakit.quarantine q where q.shop_id = v_shop
      union all
      select 'access', i.shop_id::text, 'access', i.sealed_access from trakit.installations i where i.shop_id = v_shop
      union all
      select 'refresh', i.shop_id::text, 'refresh', i.sealed_refresh from trakit.installations i where i.shop_id = v_shop
    ) x
    where x.sealed is not null and split_part(x.sealed, '.', 2) <> p_newest
    limit p_limit), '[]');
end;
$$;
comment on function trakit.list_seals(text, text, integer) is
  'What a shop has that is not sealed with the newest key: [{"place": destination | quarantine | access | refresh, "id", "of": platform or webhook id, "sealed"}]; null = no such shop.';

create function trakit.replace_seal(
  p_domain text, p_place text, p_id text, p_old text, p_sealed text, p_now timestamptz default now()
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_domain, null);
begin
  case p_place
    when 'destination' then
      update trakit.destination_secrets s set sealed = p_sealed, updated_at = p_now
      where s.shop_id = v_shop and s.destination_id::text = p_id and s.sealed = p_old;
    when 'quarantine' then
      update trakit.quarantine q set sealed_body = p_sealed
      where q.shop_id = v_shop and q.id::text = p_id and q.sealed_body = p_old;
    when 'access' then
      update trakit.installations i set sealed_access = p_sealed, updated_at = p_now
      where i.shop_id = v_shop and i.sealed_access = p_old;
    when 'refresh' then
      -- not while somebody is trading it in: the pair they bring is sealed with their newest key anyway
      update trakit.installations i set sealed_refresh = p_sealed, updated_at = p_now,
        pixel_trouble = case when i.pixel_id is not null then 'key_rotated' else i.pixel_trouble end
      where i.shop_id = v_shop and i.sealed_refresh = p_old;
    else
      return false;
  end case;
  return found;
end;
$$;
comment on function trakit.replace_seal(text, text, text, text, text, timestamptz) is
  'Puts a new seal in the place of the one that was listed; false where it is another by now, and nothing is done.';

grant create on schema trakit to trakit_app;
alter function trakit.list_seals(text, text, integer) owner to trakit_app;
alter function trakit.replace_seal(text, text, text, text, text, timestamptz) owner to trakit_app;
revoke create on schema trakit from trakit_app;
grant execute on function trakit.list_seals(text, text, integer) to trakit_worker;
grant execute on function trakit.replace_seal(text, text, text, text, text, timestamptz) to trakit_worker;
