-- Subject: the secrets that renew granted tokens take part in the rotation of keys.
-- Why: they are sealed as tokens are; a key that is taken away while one still needs it would end every connection.
-- Locks: none beyond create or replace. Undo: create trakit.list_seals and trakit.replace_seal again as they were
-- (20261124400500_seals.sql).

create or replace function trakit.list_seals(p_domain text, p_newest text, p_limit integer default 500) returns jsonb
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
      select 'grant', g.destination_id::text, d.platform, g.sealed_renewal
      from trakit.destination_grants g join trakit.destinations d on d.id = g.destination_id
      where g.shop_id = v_shop
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
  'What a shop has that is not sealed with the newest key: [{"place": destination | grant | quarantine | access | refresh, "id", "of": platform or webhook id, "sealed"}]; null = no such shop.';

create or replace function trakit.replace_seal(
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
    when 'grant' then
      update trakit.destination_grants g set sealed_renewal = p_sealed, updated_at = p_now
      where g.shop_id = v_shop and g.destination_id::text = p_id and g.sealed_renewal = p_old;
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
