-- Send again what failed. First look at the numbers (dry_run), then run it without.
-- refused: too_old (the platform takes no event of that age), would_double (the platform may have it already),
-- destination_disabled. A large one goes on by itself: see the second statement.
select api.replay(
  shop => 'your-shop.myshopify.com',
  since => now() - interval '6 hours',
  until => now(),
  platform => null, -- all, or 'meta', 'tiktok', 'pinterest', 'snapchat', 'google'
  states => array['failed'],
  dry_run => true
);

select s.domain, r.created_at, r.since, r.until, r.platform, r.replayed, r.refused, r.at_captured as come_to, r.finished_at
from trakit.replays r
join trakit.shops s on s.id = r.shop_id
order by r.id desc
limit 20;
