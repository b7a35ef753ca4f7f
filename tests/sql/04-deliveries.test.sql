-- Claims, leases, words early and late, lanes.
begin;
select plan(26);

select trakit.add_shop('one.myshopify.com', 'US');
create temp table t on commit drop as
select now() as now, (trakit.find_shop('one.myshopify.com') ->> 'id')::uuid as shop_id,
  (trakit.set_destination('one.myshopify.com', 'meta', 'marketing', 604800000, '{}', 'v1.k1.AAAAAAAAAAAAAAAA.AAAA', '1234',
    null, now() - interval '1 day') #>> '{destination,destination_id}')::uuid as lane;
grant select on t to public;

create function pg_temp.view(p_id text) returns void language sql as $$
  select trakit.ingest_events('one.myshopify.com', jsonb_build_array(jsonb_build_object(
    'keys', jsonb_build_array('event:page_viewed:' || p_id), 'signed', true,
    'event', jsonb_build_object('name', 'page_viewed', 'event_id', p_id, 'occurred_at', now(), 'source', 'browser', 'channel', 'web',
      'test', false, 'page', '{}'::jsonb, 'commerce', '{}'::jsonb, 'digests', '{}'::jsonb, 'identifiers', '{}'::jsonb,
      'client', '{}'::jsonb, 'consent', '{"marketing": true}'::jsonb))), 0)
$$;
create function pg_temp.claim(p_limit integer, p_after interval) returns jsonb language sql as $$
  select (trakit.claim_deliveries(t.lane, p_limit, 30, t.now + p_after) -> 'items')::jsonb from t $$;
create function pg_temp.say(p_items jsonb, p_word jsonb, p_after interval) returns jsonb language sql as $$
  select trakit.settle_deliveries(t.shop_id, (select jsonb_agg(i || p_word) from jsonb_array_elements(p_items) i), t.now + p_after) from t $$;
create function pg_temp.row(p_id text) returns trakit.deliveries language sql as $$
  select d from trakit.deliveries d join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
  where e.event_id = p_id $$;
create temp table held (name text primary key, items jsonb) on commit drop;

select pg_temp.view('a');
insert into held values ('first', pg_temp.claim(10, '0'));
select is((select jsonb_array_length(items) from held where name = 'first'), 1, 'a due delivery is claimed');
select is(pg_temp.claim(10, '29 seconds'), '[]', 'and by nobody else while its lease runs');
insert into held values ('second', pg_temp.claim(10, '30 seconds'));
select is((select items #> '{0,doubts}' from held where name = 'second'), '1', 'a lease that ran out is a doubt');
select is(
  pg_temp.say((select items from held where name = 'first'), '{"kind": "permanent", "reason": "x"}', '31 seconds'),
  '{"settled": 0, "late": 1}', 'a late word changes nothing');
select is((pg_temp.row('a')).state, 'pending', 'nothing at all');
select is(
  pg_temp.say((select items from held where name = 'first'), '{"kind": "delivered", "reason": "accepted"}', '32 seconds'),
  '{"settled": 1, "late": 0}', 'but a late delivered is believed');
select is((pg_temp.row('a')).state, 'delivered', 'whoever holds the lease');
select is(
  pg_temp.say((select items from held where name = 'second'), '{"kind": "permanent", "reason": "x"}', '33 seconds'),
  '{"settled": 0, "late": 1}', 'and is the end of it');
select throws_ok(
  $$select pg_temp.say((select items from held where name = 'first'), '{"kind": "perhaps"}', '0')$$, '22023', null,
  'a word nobody knows is refused');

select pg_temp.view('b');
select pg_temp.say(pg_temp.claim(10, '1 second'), '{"kind": "retry", "reason": "throttled", "delay_ms": 60000}', '2 seconds');
select is((pg_temp.row('b')).next_attempt_at, (select now + interval '62 seconds' from t), 'a retry waits its delay');
select is((select state from trakit.lanes where destination_id = (select lane from t)), 'closed', 'and opens no lane of itself');
select pg_temp.say(pg_temp.claim(10, '23 hours 59 minutes 59 seconds'),
  '{"kind": "retry", "reason": "throttled", "delay_ms": 60000}', '23 hours 59 minutes 59 seconds');
select is((pg_temp.row('b')).state, 'failed', 'past the end of its time it fails');
select is((pg_temp.row('b')).reason, 'throttled', 'with the last reason');

-- lanes
select pg_temp.view('c'), pg_temp.view('d');
select pg_temp.say(pg_temp.claim(10, '1 second'), '{"kind": "retry", "reason": "server_error", "lane": true, "delay_ms": 3600000}', '2 seconds');
select results_eq(
  'select l.state, l.probe_seconds, l.probe_at - t.now from trakit.lanes l, t where l.destination_id = t.lane',
  $$values ('open', 10, interval '12 seconds')$$, 'a failure of the vendor opens the lane');
select is(pg_temp.claim(10, '11 seconds'), '[]', 'which gives nothing before its probe');
insert into held values ('probe', pg_temp.claim(10, '12 seconds'));
select is((select jsonb_array_length(items) from held where name = 'probe'), 1, 'then one delivery');
select is(pg_temp.claim(10, '13 seconds'), '[]', 'and no second probe meanwhile');
select pg_temp.say((select items from held where name = 'probe'), '{"kind": "delivered", "reason": "accepted"}', '14 seconds');
select is((select state from trakit.lanes where destination_id = (select lane from t)), 'closed', 'its success closes the lane');
insert into held values ('backlog', pg_temp.claim(10, '15 seconds'));
select is((select jsonb_array_length(items) from held where name = 'backlog'), 1, 'and the backlog is due at once');

select pg_temp.say((select items from held where name = 'backlog'), '{"kind": "auth", "reason": "token_refused", "lane": true}', '16 seconds');
select is((select state from trakit.lanes where destination_id = (select lane from t)), 'held', 'a refused token holds the lane');
select is(trakit.expire_deliveries(5000, (select now + interval '30 hours' from t)), 0, 'whose deliveries outlive 24 hours');
select is(pg_temp.claim(10, '30 hours'), '[]', 'unclaimed');
select trakit.set_destination('one.myshopify.com', 'meta', 'marketing', 604800000, '{}',
  'v1.k1.AAAAAAAAAAAAAAAA.BBBB', '5678', null, (select now + interval '30 hours' from t));
select is(trakit.expire_deliveries(5000, (select now + interval '30 hours' from t)), 0, 'a new token ends nothing');
select is(jsonb_array_length(pg_temp.claim(10, '30 hours')), 1, 'but lets go what waited');
select ok((pg_temp.row('c')).retry_until > (select now + interval '30 hours' from t)
  or (pg_temp.row('d')).retry_until > (select now + interval '30 hours' from t), 'with time left to repeat it');
select is(trakit.expire_deliveries(5000, (select now + interval '55 hours' from t)), 1, 'and at last an end');

select * from finish();
rollback;
