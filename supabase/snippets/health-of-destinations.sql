-- Each destination over the last 24 hours: success, time from capture to delivered, what waits.
select s.domain, h.platform, h.enabled, h.lane, h.delivered, h.failed, h.skipped, h.pending, h.success_ratio,
  round(h.latency_p50_ms::numeric) as p50_ms, round(h.latency_p99_ms::numeric) as p99_ms, h.lag_seconds
from api.delivery_health h
join trakit.shops s on s.id = h.shop_id
order by h.success_ratio nulls last, s.domain, h.platform;
