-- Subject: schemas and roles (docs/architecture.md, "Trust").
-- Why: every privilege in TrakIt is a grant on a function. Roles that log in own nothing and read no table; roles that
-- own functions cannot log in. Roles belong to the cluster, so each is made only where it is missing: the same
-- migrations run in several databases of one server (tests do), and Supabase brings `authenticated` along.
-- Every function pins search_path = pg_catalog, pg_temp. Not '': with an empty path Postgres looks for *type* names in the
-- caller's temporary schema first, and a domain pg_temp.date with a check would run its code as the function's owner.
-- Locks: none on existing tables. Undo: drop schema trakit, api cascade; drop the roles.

do $$
declare
  v_role text;
begin
  foreach v_role in array array['trakit_app', 'trakit_dispatcher', 'authenticated', 'anon'] loop
    if not exists (select from pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
  foreach v_role in array array['trakit_edge', 'trakit_worker'] loop
    if not exists (select from pg_roles where rolname = v_role) then
      -- no password here: `trakit migrate` sets one from the connection settings, so that none is ever in a migration
      execute format('create role %I login', v_role);
    end if;
  end loop;
  -- the migration role hands functions over to these two, for which it must be a member
  execute format('grant trakit_app, trakit_dispatcher to %I', current_user);
  if not pg_has_role('trakit_worker', 'trakit_edge', 'member') then
    grant trakit_edge to trakit_worker;
  end if;
  -- The server gives up before its caller does: else it would go on, and lease deliveries to nobody. The callers' times, of
  -- which these are a part, are in packages/db/src/connection.ts. Each login has its own, whatever it is a member of.
  alter role trakit_edge set statement_timeout = '2500ms';
  alter role trakit_worker set statement_timeout = '25s';
end;
$$;

create schema trakit;
comment on schema trakit is 'TrakIt''s own tables and functions. Not exposed by the API; people use schema api.';

create schema api;
comment on schema api is 'Views and functions for operators, the dashboard and supabase-js. Rows are those of the shop_id in the JWT.';

revoke all on schema trakit from public;
revoke all on schema api from public;
grant usage on schema trakit to trakit_app, trakit_dispatcher, trakit_edge, trakit_worker;
grant usage on schema api to authenticated, trakit_app, trakit_worker, trakit_edge;

-- deny by default: whoever writes a function must grant it
alter default privileges in schema trakit revoke execute on functions from public;
alter default privileges in schema api revoke execute on functions from public;
alter default privileges revoke execute on functions from public;

-- authenticated reads trakit tables only through security_invoker views in api, so it needs usage (not privileges) here
grant usage on schema trakit to authenticated;
