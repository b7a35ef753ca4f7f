-- Subject: deliveries, one per event and destination: the only truth about what was sent (docs/state-machine.md).
-- Why: pending -> delivered | failed | skipped, each end with a reason and a time; checks make half-states impossible.
-- A lease is (lease, next_attempt_at): a leased delivery is not due before its lease ends, so one index serves both.
-- Locks: none on existing tables. Undo: drop table trakit.deliveries; drop function trakit.given_up_at.

create table trakit.deliveries (
  captured_at timestamptz not null,
  event_row bigint not null,
  destination_id uuid not null,
  shop_id uuid not null,
  platform text not null,
  state text not null default 'pending',
  reason text,
  detail text,
  http_status smallint,
  limited boolean not null default false,
  test boolean not null default false,
  waits_for text,
  attempts integer not null default 0,
  doubts integer not null default 0,
  next_attempt_at timestamptz,
  retry_until timestamptz not null,
  lease uuid,
  attempted_at timestamptz,
  lane_failure boolean not null default false,
  settled_at timestamptz,
  request_ms integer,
  match_score numeric(3, 1),
  match_keys text[],
  constraint deliveries_pkey primary key (shop_id, captured_at, event_row, destination_id),
  constraint deliveries_state_known check (state in ('pending', 'delivered', 'failed', 'skipped')),
  constraint deliveries_end_has_time check ((state = 'pending') = (settled_at is null)),
  constraint deliveries_end_has_reason check (state = 'pending' or reason is not null),
  constraint deliveries_pending_has_due_time check ((state = 'pending') = (next_attempt_at is not null)),
  constraint deliveries_lease_only_pending check (lease is null or state = 'pending'),
  constraint deliveries_wait_only_pending check (waits_for is null or (state = 'pending' and waits_for in ('order'))),
  constraint deliveries_wait_unleased check (waits_for is null or lease is null),
  constraint deliveries_counts_sane check (attempts >= 0 and doubts >= 0 and doubts <= attempts),
  constraint deliveries_detail_bounded check (length(detail) <= 500),
  constraint deliveries_match_sane check (match_score between 0 and 10 and cardinality(match_keys) <= 20)
) partition by range (captured_at);
-- The one index of what waits, for claims, due_lanes and expiry alike. An index by time across lanes would be written at
-- every capture and claim, and a claim planned with it would read other lanes' backlogs on its way.
create index deliveries_due_by_lane on trakit.deliveries (destination_id, next_attempt_at) where state = 'pending';

comment on table trakit.deliveries is 'One row per event and destination: what was sent, what waits, what failed and why. Moved only by SQL functions.';
comment on column trakit.deliveries.captured_at is 'events.captured_at.';
comment on column trakit.deliveries.event_row is 'events.id.';
comment on column trakit.deliveries.destination_id is 'Destination and lane.';
comment on column trakit.deliveries.shop_id is 'Shop it happened in.';
comment on column trakit.deliveries.platform is 'Platform of the destination.';
comment on column trakit.deliveries.state is 'pending, delivered, failed or skipped.';
comment on column trakit.deliveries.reason is 'Stable code: why it ended, or why the last attempt did not end it.';
comment on column trakit.deliveries.detail is 'The vendor''s words, bounded and without personal data.';
comment on column trakit.deliveries.http_status is 'HTTP status of the last answer; null = none came.';
comment on column trakit.deliveries.limited is 'Sent in the vendor''s limited mode.';
comment on column trakit.deliveries.test is 'The destination was in test mode.';
comment on column trakit.deliveries.waits_for is 'order = a browser''s purchase that is not sent before Shopify''s own copy is here.';
comment on column trakit.deliveries.attempts is 'Leases taken, i.e. times a send was begun.';
comment on column trakit.deliveries.doubts is 'Times a send was begun and we cannot know whether the vendor has it.';
comment on column trakit.deliveries.next_attempt_at is 'When it is due; for a leased delivery the end of its lease.';
comment on column trakit.deliveries.retry_until is 'Given up after this (later where the lane is or was held: trakit.given_up_at).';
comment on column trakit.deliveries.lease is 'Who sends it now; null = nobody.';
comment on column trakit.deliveries.attempted_at is 'When the last attempt was begun.';
comment on column trakit.deliveries.lane_failure is 'The last attempt failed for a reason that is not the event''s.';
comment on column trakit.deliveries.settled_at is 'When it ended; null while pending.';
comment on column trakit.deliveries.request_ms is 'Milliseconds the vendor took to answer the last attempt.';
comment on column trakit.deliveries.match_score is 'Estimate of match quality of what was sent last, 0 to 10 (docs/destinations); null = nothing was sent yet.';
comment on column trakit.deliveries.match_keys is 'Names of the identifiers it carried, e.g. email, click_id; never their values.';

call trakit.isolate_by_shop('trakit.deliveries', p_people => true);
-- Not by `=`: the key begins with the shop, and a plan made on an empty day would read all of the shop's deliveries of that day
-- for each one it joins. So the policy only checks; by index goes who names the shop with the rest of the key.
alter policy "functions see the shop they work for" on trakit.deliveries
  using (shop_id is not distinct from (select nullif(current_setting('trakit.shop_id', true), '')::uuid))
  with check (shop_id is not distinct from (select nullif(current_setting('trakit.shop_id', true), '')::uuid));

-- across shops: lane ids, states and times; never what was sent
grant select (captured_at, event_row, destination_id, shop_id, state, waits_for, next_attempt_at, retry_until, lease, settled_at)
  on trakit.deliveries to trakit_dispatcher;
grant update (state, reason, next_attempt_at, settled_at, lease, waits_for) on trakit.deliveries to trakit_dispatcher;
create policy "the dispatcher sees what is due" on trakit.deliveries for select to trakit_dispatcher using (true);
create policy "the dispatcher ends what is past its time" on trakit.deliveries
  for update to trakit_dispatcher using (state = 'pending') with check (state in ('failed', 'skipped'));

create function trakit.given_up_at(
  p_captured_at timestamptz, p_retry_until timestamptz, p_waits_for text, p_max_age interval, p_lane_state text,
  p_released_at timestamptz
) returns timestamptz
language sql stable
-- a parsed body: nothing is looked up when it runs, and it is inlined where it is used
return case
  -- nobody sends it before the order is here, so no lane's trouble prolongs it
  when p_waits_for is not null then p_retry_until
  when p_lane_state = 'held' then p_captured_at + p_max_age
  when p_captured_at < p_released_at
    then greatest(p_retry_until, least(p_captured_at + p_max_age, p_released_at + interval '24 hours'))
  else p_retry_until
end;
comment on function trakit.given_up_at(timestamptz, timestamptz, text, interval, text, timestamptz) is
  'When a pending delivery is given up: at its retry_until; in a held lane not before the vendor''s age limit; after a hold it gets another 24 hours. No row is rewritten for that.';
