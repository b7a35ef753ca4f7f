-- Subject: what people may look at: security_invoker views in schema api, under RLS by the shop_id of their JWT.
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
left join trakit.deliveries d on d.captured_at = e.captured_at and d.event_row = e.id;
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
join trakit.events e on e.captured_at = d.captured_at and e.id = d.event_row
join trakit.lanes l on l.destination_id = d.destination_id
join trakit.destinations g on g.id = d.destination_id
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
join trakit.lanes l on l.destination_id = g.id
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
  where d.destination_id = g.id and d.captured_at > now() - interval '24 hours'
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
