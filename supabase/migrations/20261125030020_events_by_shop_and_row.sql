-- Subject: the index of a shop's events ends in the row.
-- Why: row-level security adds the shop to every look-up of an event by its key. On a day that is empty when a connection
-- makes its plans (each midnight brings one) the planner cannot tell this index from the primary key, and with the old one
-- it read every event of the same moment of capture for each: half a batch's moment a row. Replays read in this order too.
-- Locks: share on each partition of trakit.events while its index is built (writes wait), then access exclusive for a
-- moment. Undo: create index events_by_shop on trakit.events (shop_id, captured_at); drop index trakit.events_by_shop_and_row.

create index events_by_shop_and_row on trakit.events (shop_id, captured_at, id);
drop index trakit.events_by_shop;
