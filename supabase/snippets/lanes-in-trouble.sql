-- Destinations that fail (open) or refuse their token (held), what waits behind them, and what was lost to time.
select s.domain, h.platform, h.lane, h.lane_reason, h.lane_since, h.pending, h.oldest_pending_at, h.lag_seconds, h.expired
from api.delivery_health h
join trakit.shops s on s.id = h.shop_id
where h.lane <> 'closed' or h.expired > 0
order by h.lane_since;
