-- What a day of capture takes on disk, per table, and when retention drops it (event_clients 7 days, the others 30).
select p.relname as "table", right(c.relname, 8) as day, pg_size_pretty(pg_total_relation_size(c.oid)) as size,
  greatest(c.reltuples, 0)::bigint as rows_about
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
join pg_class p on p.oid = i.inhparent
where p.relnamespace = 'trakit'::regnamespace
order by day desc, p.relname;
