-- Subject: how well browser's and Shopify's copies of events meet, by event name and day.
-- Why: whether deduplication works is seen by what should have two copies and has one, and by what was sent more than once.
-- Locks: none. Undo: drop view api.dedup_report.

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
  from trakit.deliveries x where x.captured_at = e.captured_at and x.event_row = e.id
) d on true
where e.captured_at > now() - interval '7 days'
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
