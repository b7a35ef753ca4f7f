-- What waits to be sent, why, and until when; the oldest first.
select s.domain, q.platform, q.name, q.order_name, q.captured_at, q.waits_because, q.lane, q.attempts, q.sending,
  q.next_attempt_at, q.retry_until
from api.recovery_queue q
join trakit.shops s on s.id = q.shop_id
order by q.captured_at
limit 200;
