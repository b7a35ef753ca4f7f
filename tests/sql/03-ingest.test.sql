-- What one round trip stores. The whole table of cases is in tests/integration/db; here is what must hold on Postgres 15 too.
begin;
select plan(20);

select trakit.add_shop('one.myshopify.com', 'US');
select trakit.set_destination('one.myshopify.com', p, 'marketing', 604800000, '{}', 'v1.k1.AAAAAAAAAAAAAAAA.AAAA', '1234')
from unnest(array['meta', 'tiktok']) p;

-- one copy of a purchase, as packages/pipeline sends it
create function pg_temp.copy(p_source text, p_name text, p_id text, p_keys text[], p_more jsonb default '{}') returns jsonb
language sql as $$
  select jsonb_build_array(jsonb_build_object(
    'keys', to_jsonb(array['event:' || p_name || ':' || p_id] || p_keys), 'signed', p_source = 'browser',
    'topic', case when p_source = 'webhook' then 'orders/create' end,
    'event', jsonb_build_object('name', p_name, 'event_id', p_id, 'occurred_at', now(), 'source', p_source, 'channel', 'web',
      'test', false, 'page', '{}'::jsonb, 'commerce', '{}'::jsonb, 'digests', '{}'::jsonb, 'identifiers', '{}'::jsonb,
      'client', '{}'::jsonb, 'consent', '{"marketing": true}'::jsonb) || p_more))
$$;

grant execute on function pg_temp.copy(text, text, text, text[], jsonb) to trakit_edge;

create temp table answers (step text primary key, answer jsonb) on commit drop;
grant all on answers to public;

set local role trakit_edge;
insert into answers values ('first', trakit.ingest_events(
  'one.myshopify.com', pg_temp.copy('webhook', 'checkout_completed', 'a', array['order:1', 'webhook:1']), 1));
insert into answers values ('same webhook', trakit.ingest_events(
  'one.myshopify.com', pg_temp.copy('webhook', 'checkout_completed', 'a', array['order:1', 'webhook:1']), 5));
insert into answers values ('same order', trakit.ingest_events(
  'one.myshopify.com', pg_temp.copy('webhook', 'checkout_completed', 'b', array['order:1', 'webhook:2']), 5));
insert into answers values ('browser', trakit.ingest_events(
  'one.myshopify.com',
  pg_temp.copy('browser', 'checkout_completed', 'a', '{}', '{"identifiers": {"fbp": "fb.1.1"}, "client": {"ip": "203.0.113.7"}}'), 0));
insert into answers values ('alone', trakit.ingest_events(
  'one.myshopify.com', pg_temp.copy('browser', 'checkout_completed', 'c', '{}'), 5));
insert into answers values ('its order', trakit.ingest_events(
  'one.myshopify.com', pg_temp.copy('webhook', 'checkout_completed', 'c', array['order:3', 'webhook:3']), 5));
insert into answers values ('nobody', trakit.ingest_events(
  'nobody.myshopify.com', pg_temp.copy('browser', 'page_viewed', 'd', '{}'), 5));
reset role;

create function pg_temp.status(p_step text) returns text language sql as $$
  select answer #>> '{results,0,status}' from answers where step = p_step $$;
create function pg_temp.sends(p_step text) returns integer language sql as $$
  select jsonb_array_length(answer -> 'sends') from answers where step = p_step $$;

select is(pg_temp.status('first'), 'accepted', 'an order is accepted');
select is(pg_temp.sends('first'), 1, 'as many deliveries are leased as the caller has slots');
select is((select answer #>> '{sends,0,index}' from answers where step = 'first'), '0', 'a lease names its event in the call');
select ok((select answer -> 'destinations' -> (answer #>> '{sends,0,destination_id}') ->> 'sealed' ~ '^v1[.]k1[.]'
    from answers where step = 'first'),
  'and comes with its destination''s settings and sealed token');
select is(pg_temp.status('same webhook'), 'duplicate', 'the same webhook is counted once');
select is(pg_temp.sends('same webhook'), 0, 'and sent once');
select is(pg_temp.status('same order'), 'duplicate', 'the same order by another webhook is counted once');
select is(pg_temp.status('browser'), 'merged', 'the browser''s copy joins it');
select is((select answer #>> '{results,0,event,identifiers,fbp}' from answers where step = 'browser'), 'fb.1.1', 'and brings its cookies');
select is((select count(*) from trakit.events where event_id = 'a'), 1::bigint, 'two copies are one event');
select is((select count(*) from trakit.deliveries d join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
  where e.event_id = 'a'), 2::bigint, 'with one delivery for each destination');
select is((select c.ip from trakit.event_clients c join trakit.events e on e.captured_at = c.captured_at and e.id = c.event_row
  where e.event_id = 'a'), '203.0.113.7', 'what some vendors take in clear stands apart');
select is(pg_temp.sends('alone'), 0, 'a purchase only the browser knows is not sent');
select is(pg_temp.status('its order'), 'merged', 'until its order arrives');
select is(pg_temp.sends('its order'), 2, 'and then goes at once');
select is((select answer ->> 'shop' from answers where step = 'nobody'), 'unknown', 'a shop nobody knows is told so');
select ok((select count > 0 from trakit.refusals
  where shop_id = '00000000-0000-0000-0000-000000000000' and reason = 'unknown_shop'), 'and counted');

-- half-states are impossible
select throws_ok($$update trakit.deliveries set state = 'delivered'$$, '23514', null, 'an end without time and reason is refused');
select throws_ok($$update trakit.deliveries set doubts = attempts + 1$$, '23514', null, 'more doubts than attempts are refused');
select throws_ok($$update trakit.deliveries set next_attempt_at = null where state = 'pending'$$, '23514', null,
  'a pending delivery without a due time is refused');

select * from finish();
rollback;
