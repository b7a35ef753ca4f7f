-- Every table is closed by row security, every thing is described, and nothing is open to everybody.
-- The rules read the catalogue: what a later migration adds is covered without anybody thinking of it.
begin;
select plan(14);

select schemas_are(
  array(select nspname from pg_namespace where nspname !~ '^(pg_|information_schema)' and nspname not in ('trakit', 'api'))
    || array['trakit', 'api']::name[],
  'schemas trakit and api exist');
select cmp_ok(
  (select count(*) from pg_class where relnamespace = 'trakit'::regnamespace and relkind in ('r', 'p') and not relispartition),
  '>=', 12::bigint, 'trakit has its tables');

select is_empty(
  $$ select c.oid::regclass from pg_class c
     where c.relnamespace in ('trakit'::regnamespace, 'api'::regnamespace) and c.relkind in ('r', 'p')
       and not (c.relrowsecurity and c.relforcerowsecurity) $$,
  'every table, partitions included, has row security enabled and forced');
select is_empty(
  $$ select c.oid::regclass from pg_class c
     where c.relnamespace = 'trakit'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and not exists (select from pg_policy p where p.polrelid = c.oid) $$,
  'every table has a policy');
select is_empty(
  $$ select tablename, policyname from pg_policies where schemaname in ('trakit', 'api') and 'public' = any (roles) $$,
  'no policy is for everybody');
select is_empty(
  $$ select c.oid::regclass from pg_class c
     where c.relnamespace in ('trakit'::regnamespace, 'api'::regnamespace) and c.relkind in ('v', 'm')
       and not coalesce(c.reloptions @> array['security_invoker=true'], false) $$,
  'every view runs with its reader''s rights');
select is_empty(
  $$ select p.oid::regprocedure from pg_proc p
     where p.pronamespace in ('trakit'::regnamespace, 'api'::regnamespace) and exists (
       select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0) $$,
  'no function may be executed by everybody');
select is_empty(
  $$ select p.oid::regprocedure from pg_proc p
     where p.pronamespace in ('trakit'::regnamespace, 'api'::regnamespace) and p.prosecdef
       and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false) $$,
  'functions that run as their owner look into the caller''s temporary schema last');
select is_empty(
  $$ select c.oid::regclass from pg_class c
     where c.relnamespace in ('trakit'::regnamespace, 'api'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm')
       and obj_description(c.oid, 'pg_class') is null $$,
  'every table and view has a comment');
select is_empty(
  $$ select c.oid::regclass, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace in ('trakit'::regnamespace, 'api'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm')
       and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null $$,
  'every column has a comment');
select is_empty(
  $$ select p.oid::regprocedure from pg_proc p
     where p.pronamespace in ('trakit'::regnamespace, 'api'::regnamespace) and obj_description(p.oid, 'pg_proc') is null $$,
  'every function has a comment');

select is(
  (select count(*) from pg_inherits i where i.inhparent in (
    'trakit.events'::regclass, 'trakit.event_clients'::regclass, 'trakit.deliveries'::regclass)),
  (select 3 * count(distinct substring(c.relname from '\d{8}$')) from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = 'trakit.events'::regclass),
  'the three partitioned tables have the same days');
select is(trakit.ensure_partitions(), 0, 'migrating made the partitions of the week ahead');
select ok(
  to_regclass('trakit.events' || to_char((now() at time zone 'utc')::date + 8, '_YYYYMMDD')) is not null,
  'the last of them is eight days from now');

select * from finish();
rollback;
