-- Two shops, and nobody sees the other's: by JWT, by context, by function.
begin;
select plan(25);

create temp table ids on commit drop as
select
  ((trakit.add_shop('one.myshopify.com', 'US')) ->> 'id')::uuid as one,
  ((trakit.add_shop('two.myshopify.com', 'US')) ->> 'id')::uuid as two;
grant select on ids to public;

select trakit.set_destination(d.domain, 'meta', 'marketing', 604800000, '{"settings": {"id": "1"}}',
  'v1.k1.AAAAAAAAAAAAAAAA.' || d.word, '1234')
from (values ('one.myshopify.com', 'one'), ('two.myshopify.com', 'two')) d (domain, word);

select trakit.ingest_events(d.domain, jsonb_build_array(jsonb_build_object(
  'keys', jsonb_build_array('event:page_viewed:' || d.word), 'signed', true, 'topic', null,
  'event', jsonb_build_object('name', 'page_viewed', 'event_id', d.word, 'occurred_at', now(), 'source', 'browser',
    'channel', 'web', 'test', false, 'page', jsonb_build_object('url', 'https://' || d.word), 'commerce', '{}'::jsonb,
    'digests', '{}'::jsonb, 'identifiers', jsonb_build_object('visitor_id', 'v', 'fbp', d.word),
    'client', jsonb_build_object('ip', d.word), 'consent', '{"marketing": true}'::jsonb))))
from (values ('one.myshopify.com', 'one'), ('two.myshopify.com', 'two')) d (domain, word);

select is((select count(*) from trakit.visitors where shop_id in (select one from ids union select two from ids)), 2::bigint,
  'one visitor id in two shops is two visitors');

-- by JWT, as PostgREST does it
set local role authenticated;
select set_config('request.jwt.claims', jsonb_build_object('shop_id', one)::text, true) from ids;
select results_eq('select domain from trakit.shops', array['one.myshopify.com'], 'a user sees the shop in the token');
select results_eq('select event_id from trakit.events', array['one'], 'and its events');
select results_eq('select ip from trakit.event_clients', array['one'], 'and its clients');
select results_eq($$select identifiers ->> 'fbp' from trakit.visitors$$, array['one'], 'and its visitors');
select results_eq('select count(*) from trakit.visitor_links', array[1::bigint], 'and its links');
select results_eq('select count(*) from trakit.deliveries', array[1::bigint], 'and its deliveries');
select results_eq('select count(*) from trakit.destinations', array[1::bigint], 'and its destinations');
select results_eq('select count(*) from trakit.lanes', array[1::bigint], 'and its lanes');
select results_eq('select event_id from api.event_log', array['one'], 'and so do the views: event_log');
select results_eq('select event_id from api.recovery_queue', array['one'], 'recovery_queue');
select results_eq('select pending from api.delivery_health', array[1::bigint], 'delivery_health');
select set_config('trakit.shop_id', two::text, true) from ids;
select results_eq('select event_id from trakit.events', array['one'], 'a function''s context is nothing to a user');

select set_config('request.jwt.claims', '{}', true);
select is_empty('select * from trakit.shops', 'without a shop in the token there is none');
select is_empty('select * from api.event_log', 'nor an event');
select set_config('request.jwt.claims', '{"shop_id": "not a uuid"}', true);
select is_empty('select * from api.event_log', 'nor with one that is no id');
reset role;

-- by the functions' context
set local role trakit_app;
select set_config('trakit.shop_id', one::text, true), set_config('trakit.shop_domain', '', true) from ids;
select results_eq('select event_id from trakit.events', array['one'], 'a bound function sees one shop''s events');
select results_eq('select count(*) from trakit.destination_secrets', array[1::bigint], 'and that shop''s token alone');
select throws_ok(
  $$insert into trakit.refusals select two, current_date, 'x', 'y', 1 from ids$$, '42501', null, 'and writes to no other shop');
select is_empty(
  $$update trakit.deliveries set reason = 'x' where shop_id = (select two from ids) returning 1$$, 'nor changes a row of it');
select set_config('trakit.shop_id', '', true);
select is_empty('select * from trakit.events', 'unbound it sees nothing');
reset role;

-- by the functions themselves
set local role trakit_edge;
select is(
  trakit.settle_deliveries(
    (select one from ids),
    (select jsonb_agg(i || '{"kind": "delivered", "reason": "accepted"}') from jsonb_array_elements((
      trakit.claim_deliveries((select destination_id from trakit.due_lanes(1000) where shop_id = (select two from ids)), 10) -> 'items')::jsonb) i)),
  '{"settled": 0, "late": 1}'::jsonb, 'one shop settles nothing of another');
select set_config('trakit.shop_id', two::text, true) from ids;
select is(
  trakit.ingest_events('one.myshopify.com', '[]') ->> 'shop_id', (select one::text from ids),
  'a context somebody set before is not the one a function works in');
reset role;

set local role trakit_worker;
select is(jsonb_array_length(trakit.list_destinations('two.myshopify.com')), 1, 'a function lists the shop it was asked for');
select ok(trakit.shop_status('one.myshopify.com')::text !~ 'two', 'and shows nothing of another');
reset role;

select * from finish();
rollback;
