-- Who sends what waits: workers and calls of drain that live, pg_cron's part, and the last time lanes were woken.
select w.kind, w.started_at, w.seen_at, now() - w.seen_at < interval '1 minute' as lives from trakit.workers w order by w.seen_at desc;

select c.woken_at, c.cron_seconds, c.calls_drain from trakit.queue_clock c;

-- pg-boss: wake-ups that wait or run, and jobs that failed for good (queue dead)
select j.name as queue, j.state, count(*) as jobs, min(j.created_on) as oldest
from pgboss.job j
group by j.name, j.state
order by j.name, j.state;

select j.created_on, j.source_name as queue, j.data, j.source_output as error from pgboss.job j where j.name = 'dead' order by j.created_on desc limit 20;
-- pg_cron, where it is: select * from cron.job_run_details order by start_time desc limit 20;
