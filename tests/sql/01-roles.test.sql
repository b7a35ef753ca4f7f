-- What each role may not do.
begin;
select plan(44);

select is_empty(
  $$ select rolname from pg_roles
     where rolname in ('trakit_app', 'trakit_dispatcher', 'trakit_edge', 'trakit_worker', 'authenticated', 'anon')
       and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication) $$,
  'no role of ours is a superuser, bypasses row security or makes roles or databases');
select is_empty(
  $$ select rolname from pg_roles where rolname in ('trakit_app', 'trakit_dispatcher') and rolcanlogin $$,
  'roles that own functions do not log in');
select is_empty(
  $$ select c.oid::regclass from pg_class c where c.relowner in (
       'trakit_app'::regrole, 'trakit_dispatcher'::regrole, 'trakit_edge'::regrole, 'trakit_worker'::regrole) $$,
  'no role of ours owns a table');
select is_empty(
  $$ select p.oid::regprocedure from pg_proc p where p.proowner in ('trakit_edge'::regrole, 'trakit_worker'::regrole) $$,
  'roles that log in own no function');
select ok(not pg_has_role('trakit_edge', 'trakit_app', 'member'), 'trakit_edge is no member of trakit_app');
select ok(not pg_has_role('trakit_worker', 'trakit_app', 'member'), 'trakit_worker is no member of trakit_app');
select ok(not pg_has_role('trakit_worker', 'trakit_dispatcher', 'member'), 'trakit_worker is no member of trakit_dispatcher');
select ok(pg_has_role('trakit_worker', 'trakit_edge', 'member'), 'trakit_worker may what trakit_edge may');

-- trakit_edge calls functions and touches no table
set local role trakit_edge;
select throws_ok('select * from trakit.shops', '42501', null, 'trakit_edge reads no shop');
select throws_ok('select * from trakit.events', '42501', null, 'trakit_edge reads no event');
select throws_ok('select * from trakit.event_clients', '42501', null, 'trakit_edge reads no client');
select throws_ok('select * from trakit.deliveries', '42501', null, 'trakit_edge reads no delivery');
select throws_ok('select * from trakit.destination_secrets', '42501', null, 'trakit_edge reads no token');
select throws_ok('select * from trakit.visitors', '42501', null, 'trakit_edge reads no visitor');
select throws_ok('select * from trakit.quarantine', '42501', null, 'trakit_edge reads no quarantined webhook');
select throws_ok($$update trakit.deliveries set state = 'delivered'$$, '42501', null, 'trakit_edge moves no delivery by hand');
select throws_ok($$update trakit.lanes set state = 'closed'$$, '42501', null, 'trakit_edge moves no lane by hand');
select throws_ok('delete from trakit.event_keys', '42501', null, 'trakit_edge deletes no key');
select throws_ok('create table trakit.x (id integer)', '42501', null, 'trakit_edge makes no table');
select throws_ok($$select trakit.add_shop('x.myshopify.com')$$, '42501', null, 'trakit_edge adds no shop');
select throws_ok('select trakit.list_shops()', '42501', null, 'trakit_edge lists no shops');
select is(trakit.list_destinations('x.myshopify.com'), null, 'trakit_edge learns nothing of a shop there is not');
select throws_ok($$select trakit.bind_shop('x.myshopify.com')$$, '42501', null, 'trakit_edge binds itself to no shop');
select throws_ok(
  $$select trakit.lane_shop('00000000-0000-0000-0000-000000000000')$$, '42501', null, 'trakit_edge asks for no lane''s shop');
select lives_ok('select * from trakit.due_lanes()', 'trakit_edge may ask what is due');
reset role;

set local role trakit_worker;
select throws_ok('select * from trakit.deliveries', '42501', null, 'trakit_worker reads no delivery');
select throws_ok('select * from trakit.destination_secrets', '42501', null, 'trakit_worker reads no token');
select throws_ok($$select trakit.bind_shop('x.myshopify.com')$$, '42501', null, 'trakit_worker binds itself to no shop');
select lives_ok('select trakit.list_shops()', 'trakit_worker may list shops');
reset role;

-- people read, and never tokens, keys or quarantined bodies
set local role authenticated;
select throws_ok('select * from trakit.destination_secrets', '42501', null, 'authenticated reads no token');
select throws_ok('select * from trakit.event_keys', '42501', null, 'authenticated reads no key');
select throws_ok('select * from trakit.quarantine', '42501', null, 'authenticated reads no quarantined webhook');
select throws_ok($$update trakit.shops set status = 'active'$$, '42501', null, 'authenticated changes no shop');
select throws_ok($$update trakit.deliveries set state = 'delivered'$$, '42501', null, 'authenticated moves no delivery');
select throws_ok('select trakit.due_lanes()', '42501', null, 'authenticated asks for no lanes');
select throws_ok($$select trakit.ingest_events('x.myshopify.com', '[]')$$, '42501', null, 'authenticated ingests nothing');
select throws_ok('select trakit.purge()', '42501', null, 'authenticated purges nothing');
reset role;

set local role anon;
select throws_ok('select * from trakit.shops', '42501', null, 'anon does not even see the schema');
select throws_ok('select * from api.event_log', '42501', null, 'anon reads no view');
reset role;

-- the dispatcher crosses shops without seeing what is sent
set local role trakit_dispatcher;
select throws_ok('select reason from trakit.deliveries', '42501', null, 'the dispatcher reads no vendor''s words');
select throws_ok('select settings from trakit.destinations', '42501', null, 'the dispatcher reads no settings');
select throws_ok('select sealed from trakit.destination_secrets', '42501', null, 'the dispatcher reads no token');
select throws_ok('select * from trakit.events', '42501', null, 'the dispatcher reads no event');
select lives_ok('select destination_id, state, next_attempt_at from trakit.deliveries', 'the dispatcher reads ids, states, times');
reset role;

select * from finish();
rollback;
