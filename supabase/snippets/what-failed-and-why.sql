-- What did not arrive in the last 24 hours, by shop, platform and reason, with the vendor's words of one of them.
-- docs/state-machine.md says what each reason means.
select s.domain, d.platform, d.state, d.reason, count(*) as deliveries, max(d.captured_at) as latest, max(d.http_status) as http_status,
  min(d.detail) as words
from trakit.deliveries d
join trakit.shops s on s.id = d.shop_id
where d.captured_at > now() - interval '24 hours'
  and d.state in ('failed', 'skipped')
group by s.domain, d.platform, d.state, d.reason
order by deliveries desc;
