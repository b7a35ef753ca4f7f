-- One order, platform by platform: when it was captured, from where, and what became of it everywhere.
-- Change the shop and the order's name (or use order_id).
select l.captured_at, l.name, l.event_id, l.seen_by_browser, l.seen_by_shopify, l.total, l.currency,
  l.platform, l.state, l.reason, l.detail, l.http_status, l.attempts, l.next_attempt_at, l.settled_at, l.latency_ms
from api.event_log l
join trakit.shops s on s.id = l.shop_id
where s.domain = 'your-shop.myshopify.com'
  and l.order_name = '#1042'
  and l.captured_at > now() - interval '30 days'
order by l.captured_at, l.platform;
