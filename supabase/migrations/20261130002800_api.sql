-- Subject: what people may look at: security_invoker views in schema api, under RLS by the shop_id of their JWT.
-- Why: each answers one question a merchant has. event_log: what became of this event? recovery_queue: what waits, and why?
-- delivery_health: does it flow? match_quality: which identifiers are missing (the estimate is made where the request is
-- built and stored with the delivery, so nothing here knows a platform and adding one needs no migration)? dedup_report: do
-- the two copies of an event meet? reconciliation: did Shopify tell us of every order? redaction_log: what was redacted?
-- Locks: none. Undo: drop the views.

create view api.event_log with (security_invoker = true) as
select
  e.captured_at, e.id as event_row, e.shop_id, e.name, e.event_id, e.occurred_at, e.channel, e.test,
  e.browser_at is not null as seen_by_browser, e.webhook_at is not null as seen_by_shopify, e.signed,
  e.commerce ->> 'order_id' as order_id, e.commerce ->> 'order_name' as order_name,
  e.commerce ->> 'total' as total, e.commerce ->> 'currency' as currency, e.page ->> 'url' as page_url,
  d.platform, d.state, d.reason, d.detail, d.http_status, d.attempts, d.limited, d.next_attempt_at, d.settled_at, d.request_ms,
  case when d.state = 'delivered' then round(extract(epoch from d.settled_at - e.captured_at) * 1000)::bigint end as latency_ms
from trakit.events e
left join trakit.deliveries d on d.shop_id = e.shop_id and d.captured_at = e.captured_at and d.event_row = e.id;
comment on view api.event_log is 'Every event with every delivery of it: one row per event and platform.';
comment on column api.event_log.captured_at is 'When the first copy reached us.';
comment on column api.event_log.event_row is 'Ours.';
comment on column api.event_log.shop_id is 'Shop it happened in.';
comment on column api.event_log.name is 'Canonical event name.';
comment on column api.event_log.event_id is 'Shared by browser, server and vendors.';
comment on column api.event_log.occurred_at is 'When it happened.';
comment on column api.event_log.channel is 'web, app, pos, draft, subscription or other.';
comment on column api.event_log.test is 'A Shopify test order.';
comment on column api.event_log.seen_by_browser is 'The browser''s copy arrived.';
comment on column api.event_log.seen_by_shopify is 'Shopify''s copy arrived.';
comment on column api.event_log.signed is 'The browser''s copy carried a valid token.';
comment on column api.event_log.order_id is 'Shopify order id.';
comment on column api.event_log.order_name is 'Shopify order name, e.g. #1042.';
comment on column api.event_log.total is 'What the buyer paid, major units.';
comment on column api.event_log.currency is 'ISO 4217.';
comment on column api.event_log.page_url is 'Page it happened on.';
comment on column api.event_log.platform is 'Platform of this delivery; null = no destination was enabled.';
comment on column api.event_log.state is 'pending, delivered, failed or skipped.';
comment on column api.event_log.reason is 'Why it ended, or why the last attempt did not end it.';
comment on column api.event_log.detail is 'The vendor''s words.';
comment on column api.event_log.http_status is 'Last HTTP status.';
comment on column api.event_log.attempts is 'Sends begun.';
comment on column api.event_log.limited is 'Sent in limited mode.';
comment on column api.event_log.next_attempt_at is 'When it is due again.';
comment on column api.event_log.settled_at is 'When it ended.';
comment on column api.event_log.request_ms is 'Milliseconds the vendor took.';
comment on column api.event_log.latency_ms is 'Milliseconds from capture to settled, for delivered ones.';

create view api.recovery_queue with (security_invoker = true) as
select
  d.shop_id, d.platform, e.name, e.event_id, e.commerce ->> 'order_name' as order_name, d.captured_at, d.attempts,
  coalesce(d.waits_for, case when l.state <> 'closed' then l.reason end, d.reason) as waits_because,
  l.state as lane, d.next_attempt_at,
  trakit.given_up_at(d.captured_at, d.retry_until, d.waits_for, g.max_age, l.state, l.released_at) as retry_until,
  d.lease is not null as sending
from trakit.deliveries d
join trakit.events e on e.shop_id = d.shop_id and e.captured_at = d.captured_at and e.id = d.event_row
join trakit.lanes l on l.shop_id = d.shop_id and l.destination_id = d.destination_id
join trakit.destinations g on g.shop_id = d.shop_id and g.id = d.destination_id
where d.state = 'pending';
comment on view api.recovery_queue is 'What waits to be sent, why, and until when.';
comment on column api.recovery_queue.shop_id is 'Shop it happened in.';
comment on column api.recovery_queue.platform is 'Platform it waits for.';
comment on column api.recovery_queue.name is 'Canonical event name.';
comment on column api.recovery_queue.event_id is 'Shared by browser, server and vendors.';
comment on column api.recovery_queue.order_name is 'Shopify order name.';
comment on column api.recovery_queue.captured_at is 'When it was captured.';
comment on column api.recovery_queue.attempts is 'Sends begun.';
comment on column api.recovery_queue.waits_because is 'order, the lane''s trouble, or the last attempt''s reason; null = not tried yet.';
comment on column api.recovery_queue.lane is 'closed, open or held.';
comment on column api.recovery_queue.next_attempt_at is 'When it is due by itself (an open lane probes on its own clock).';
comment on column api.recovery_queue.retry_until is 'Given up after this.';
comment on column api.recovery_queue.sending is 'Somebody holds it now.';

create view api.delivery_health with (security_invoker = true) as
select
  g.shop_id, g.platform, g.enabled, l.state as lane, l.reason as lane_reason, l.changed_at as lane_since,
  h.delivered, h.failed, h.skipped, h.pending, h.success_ratio, h.latency_p50_ms, h.latency_p99_ms, w.oldest_pending_at,
  greatest(extract(epoch from now() - w.oldest_due_at), 0)::bigint as lag_seconds, l.expired
from trakit.destinations g
join trakit.lanes l on l.shop_id = g.shop_id and l.destination_id = g.id
left join lateral (
  select
    count(*) filter (where d.state = 'delivered') as delivered,
    count(*) filter (where d.state = 'failed') as failed,
    count(*) filter (where d.state = 'skipped') as skipped,
    count(*) filter (where d.state = 'pending') as pending,
    round(count(*) filter (where d.state = 'delivered')::numeric
      / nullif(count(*) filter (where d.state in ('delivered', 'failed')), 0), 4) as success_ratio,
    percentile_cont(0.5) within group (order by extract(epoch from d.settled_at - d.captured_at) * 1000)
      filter (where d.state = 'delivered') as latency_p50_ms,
    percentile_cont(0.99) within group (order by extract(epoch from d.settled_at - d.captured_at) * 1000)
      filter (where d.state = 'delivered') as latency_p99_ms
  from trakit.deliveries d
  where d.shop_id = g.shop_id and d.destination_id = g.id and d.captured_at > now() - interval '24 hours'
) h on true
left join lateral (
  -- what waits may be older than a day: it is found by the index of what is pending
  select min(d.captured_at) as oldest_pending_at,
    min(d.next_attempt_at) filter (where d.waits_for is null and d.next_attempt_at <= now()) as oldest_due_at
  from trakit.deliveries d
  where d.destination_id = g.id and d.state = 'pending'
) w on true;
comment on view api.delivery_health is 'Each destination over the last 24 hours: success, latency, what waits.';
comment on column api.delivery_health.shop_id is 'Shop.';
comment on column api.delivery_health.platform is 'Platform.';
comment on column api.delivery_health.enabled is 'Whether new events are sent to it.';
comment on column api.delivery_health.lane is 'closed, open or held.';
comment on column api.delivery_health.lane_reason is 'Why it is open or held.';
comment on column api.delivery_health.lane_since is 'When it came into this state.';
comment on column api.delivery_health.delivered is 'Deliveries the vendor took.';
comment on column api.delivery_health.failed is 'Deliveries that ended without.';
comment on column api.delivery_health.skipped is 'Deliveries not sent by decision.';
comment on column api.delivery_health.pending is 'Deliveries that wait.';
comment on column api.delivery_health.success_ratio is 'delivered / (delivered + failed).';
comment on column api.delivery_health.latency_p50_ms is 'Median milliseconds from capture to settled.';
comment on column api.delivery_health.latency_p99_ms is '99th percentile of the same.';
comment on column api.delivery_health.oldest_pending_at is 'Capture time of the oldest that waits, however old.';
comment on column api.delivery_health.lag_seconds is 'How long the oldest due delivery has been due; null = nothing is due.';
comment on column api.delivery_health.expired is 'Deliveries whose time was over before they could be sent, ever.';
grant select on api.event_log, api.recovery_queue, api.delivery_health to authenticated;

create view api.match_quality with (security_invoker = true) as
with days as not materialized (
  -- as text: arrays of different lengths cannot be gathered, and alike ones are found by it
  select d.shop_id, d.platform, e.name, (d.captured_at at time zone 'utc')::date as day, count(*) as events,
    round(avg(d.match_score), 1) as score,
    array_agg(array[d.match_keys::text, e.enriched::text]::text) as carried
  from trakit.deliveries d
  join trakit.events e on e.shop_id = d.shop_id and e.captured_at = d.captured_at and e.id = d.event_row
  where d.match_score is not null
  group by 1, 2, 3, 4
)
select d.shop_id, d.platform, d.name, d.day, d.events, d.score, coalesce(s.coverage, '{}') as coverage,
  coalesce(s.own_coverage, '{}') as own_coverage
from days d
cross join lateral (
  select jsonb_object_agg(c.identifier, round(c.events / d.events, 3)) as coverage,
    jsonb_object_agg(c.identifier, round(c.own / d.events, 3)) as own_coverage
  from (
    select k.identifier, sum(a.events) as events,
      coalesce(sum(a.events) filter (where k.identifier <> all (a.keys_and_enriched[2]::text[])), 0) as own
    from (
      select u.alike::text[] as keys_and_enriched, count(*) as events from unnest(d.carried) u (alike) group by u.alike
    ) a
    cross join lateral unnest(a.keys_and_enriched[1]::text[]) k (identifier)
    group by 1
  ) c
) s;
comment on view api.match_quality is 'Estimated match quality by platform, event and day. What an identifier would bring: its weight in docs/destinations × the share of events without it.';
comment on column api.match_quality.shop_id is 'Shop.';
comment on column api.match_quality.platform is 'Platform.';
comment on column api.match_quality.name is 'Canonical event name.';
comment on column api.match_quality.day is 'Day of capture, UTC.';
comment on column api.match_quality.events is 'Events a request was built for.';
comment on column api.match_quality.score is 'Average of the estimates, 0 to 10.';
comment on column api.match_quality.coverage is 'Share of these events that carried each identifier, e.g. {"email": 0.97}; one that is not named was in none.';
comment on column api.match_quality.own_coverage is 'The same without enrichment: what the events brought themselves. The difference is what we added from visitor and customer.';
grant select on api.match_quality to authenticated;

create view api.dedup_report with (security_invoker = true) as
select
  e.shop_id, (e.captured_at at time zone 'utc')::date as day, e.name,
  count(*) as events,
  count(*) filter (where e.browser_at is not null) as seen_by_browser,
  count(*) filter (where e.webhook_at is not null) as seen_by_shopify,
  count(*) filter (where e.browser_at is not null and e.webhook_at is not null) as seen_by_both,
  case when e.name in ('checkout_completed', 'checkout_started', 'product_added_to_cart') then
    round(count(*) filter (where e.browser_at is not null and e.webhook_at is not null)::numeric
      / nullif(count(*) filter (where e.webhook_at is not null), 0), 4) end as matched_share,
  count(*) filter (where e.signed) as signed,
  count(*) filter (where e.tags <> '{}') as had_by_tags,
  count(*) filter (where d.delivered > 0 and d.in_doubt = 0) as sent_once,
  count(*) filter (where d.delivered > 0 and d.in_doubt > 0) as sent_in_doubt,
  count(*) filter (where d.past_window > 0) as past_dedup_window
from trakit.events e
left join lateral (
  select
    count(*) filter (where x.state = 'delivered') as delivered,
    -- a send nobody knows the end of came before the one that was taken
    count(*) filter (where x.state = 'delivered' and x.doubts > 0) as in_doubt,
    count(*) filter (where x.reason = 'past_dedup_window') as past_window
  from trakit.deliveries x where x.shop_id = e.shop_id and x.captured_at = e.captured_at and x.event_row = e.id
) d on true
where e.captured_at > now() - interval '168 hours'
group by e.shop_id, (e.captured_at at time zone 'utc')::date, e.name;
comment on view api.dedup_report is 'How well the two copies of events meet, by event name and day (UTC), over the last 7 days.';
comment on column api.dedup_report.shop_id is 'Shop.';
comment on column api.dedup_report.day is 'Day the first copy came, UTC.';
comment on column api.dedup_report.name is 'Canonical event name.';
comment on column api.dedup_report.events is 'Events, whatever number of copies came.';
comment on column api.dedup_report.seen_by_browser is 'Events the browser reported.';
comment on column api.dedup_report.seen_by_shopify is 'Events Shopify reported.';
comment on column api.dedup_report.seen_by_both is 'Events both reported: one event each, sent once.';
comment on column api.dedup_report.matched_share is 'seen_by_both / seen_by_shopify; null where only one side can report, or Shopify has not.';
comment on column api.dedup_report.signed is 'Events whose browser copy carried a valid token.';
comment on column api.dedup_report.had_by_tags is 'Events the page''s own tags had too, under the same id.';
comment on column api.dedup_report.sent_once is 'Events delivered somewhere, each platform once for certain.';
comment on column api.dedup_report.sent_in_doubt is 'Events delivered after an earlier send of which nobody knows whether it arrived: repeated as far as the platform deduplicates.';
comment on column api.dedup_report.past_dedup_window is 'Events not sent because a tag had them and the platform no longer compares.';
grant select on api.dedup_report to authenticated;

create view api.reconciliation with (security_invoker = true) as
select r.shop_id, r.day, count(*) as orders, count(*) filter (where r.found = 'captured') as captured,
  count(*) filter (where r.found = 'missing') as recovered,
  round(count(*) filter (where r.found = 'captured')::numeric / count(*), 4) as captured_ratio,
  count(*) filter (where r.found = 'unreadable') as unreadable
from trakit.reconciled_orders r group by r.shop_id, r.day;
comment on view api.reconciliation is 'Orders at Shopify by day, and how many of them we had without looking.';
comment on column api.reconciliation.shop_id is 'Shop.';
comment on column api.reconciliation.day is 'UTC day they were placed.';
comment on column api.reconciliation.orders is 'Orders at Shopify, as far as it was compared.';
comment on column api.reconciliation.captured is 'Those whose webhook had come.';
comment on column api.reconciliation.recovered is 'Those ingested because no webhook had.';
comment on column api.reconciliation.captured_ratio is 'captured ÷ orders.';
comment on column api.reconciliation.unreadable is 'Those we have no event of, because we do not understand what Shopify told of them; trakit.reconciled_orders says why.';
grant select on api.reconciliation to authenticated;

create view api.redaction_log with (security_invoker = true) as
select r.id, r.shop_id, r.kind, r.reference, r.state, r.counts, r.requested_at, r.done_at from trakit.privacy_requests r
where r.kind <> 'withdrawal';
comment on view api.redaction_log is 'Requests for export and redaction with their receipts.';
comment on column api.redaction_log.id is 'Ours.';
comment on column api.redaction_log.shop_id is 'Shop it concerns.';
comment on column api.redaction_log.kind is 'export, redact_customer or redact_shop.';
comment on column api.redaction_log.reference is 'Shopify''s webhook id, or operator:<uuid>.';
comment on column api.redaction_log.state is 'pending or done.';
comment on column api.redaction_log.counts is 'Rows deleted, by table.';
comment on column api.redaction_log.requested_at is 'When it came.';
comment on column api.redaction_log.done_at is 'When it was done.';
grant select on api.redaction_log to authenticated;
