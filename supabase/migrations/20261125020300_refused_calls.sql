-- Subject: counting calls of storefronts that are not proven to be a shop's.
-- Why: they were logged only, and nobody sees a shop whose reverse proxy signs with an old secret. Who names no shop is
-- counted under none.
-- Locks: none. Undo: drop function trakit.count_refused_calls.

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

grant create on schema trakit to trakit_app;
alter function trakit.count_refused_calls(text, text, jsonb, timestamptz) owner to trakit_app;
grant execute on function trakit.count_refused_calls(text, text, jsonb, timestamptz) to trakit_edge;
revoke create on schema trakit from trakit_app;
