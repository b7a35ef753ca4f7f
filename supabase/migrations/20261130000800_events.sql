-- Subject: events, what vendors take in clear of them, and the keys that make an event one event.
-- Why: history is partitioned by day of capture (UTC) so that retention drops tables instead of deleting rows and cost
-- does not grow with history. Deduplication must outlive partitions and must be unique across them, so keys stand apart.
-- No foreign keys on these hot tables: a key to shops would lock the shop's row on every event.
-- A key begins with the shop (docs/adr/0026-keys-begin-with-the-shop.md): row-level security adds the shop to every look-up
-- of an event, and a shop's history is read in the key's order. No other index begins with it, so none looks as good as
-- the key's to a planner on a day that is empty when a connection makes its plans (each midnight brings one). A person's own
-- events are found by visitor, customer and order, each indexed alone for the same reason, and by token where there is no visitor
-- (docs/adr/0031-whose-row-it-is.md).
-- Locks: none on existing tables. Undo: drop table trakit.event_keys, trakit.event_clients, trakit.events; drop sequence
-- trakit.event_row_seq.

create sequence trakit.event_row_seq;

create table trakit.events (
  captured_at timestamptz not null,
  id bigint not null,
  shop_id uuid not null,
  name text not null,
  event_id text not null,
  occurred_at timestamptz not null,
  browser_at timestamptz,
  webhook_at timestamptz,
  channel text not null,
  test boolean not null default false,
  signed boolean,
  session_id text,
  body_digest text,
  visitor_id bigint,
  page jsonb not null,
  commerce jsonb not null,
  identifiers jsonb not null,
  digests jsonb not null,
  consent jsonb not null,
  enriched text[] not null default '{}',
  tags jsonb not null default '{}',
  customer_id text generated always as (identifiers ->> 'customer_id') stored,
  order_id text generated always as (commerce ->> 'order_id') stored,
  token text generated always as (coalesce(commerce ->> 'cart_token', commerce ->> 'checkout_token')) stored,
  constraint events_pkey primary key (shop_id, captured_at, id),
  constraint events_from_somewhere check (browser_at is not null or webhook_at is not null),
  constraint events_event_id_bounded check (length(event_id) between 1 and 128),
  constraint events_json_objects check (
    jsonb_typeof(page) = 'object' and jsonb_typeof(commerce) = 'object' and jsonb_typeof(identifiers) = 'object'
    and jsonb_typeof(digests) = 'object' and jsonb_typeof(consent) = 'object' and jsonb_typeof(tags) = 'object'
  )
) partition by range (captured_at);
create index events_by_visitor on trakit.events (visitor_id) where visitor_id is not null;
create index events_by_customer on trakit.events (customer_id) where customer_id is not null;
create index events_by_order on trakit.events (order_id) where order_id is not null;
-- small: who refused, or had not decided
create index events_by_token on trakit.events (token) where visitor_id is null and order_id is null and token is not null;

comment on table trakit.events is 'Captured events, one row each, whatever number of copies arrived. Partitioned by day of capture; kept 30 days.';
comment on column trakit.events.captured_at is 'When the first copy reached us; part of the key because of the partitions.';
comment on column trakit.events.id is 'Ours.';
comment on column trakit.events.shop_id is 'Shop it happened in.';
comment on column trakit.events.name is 'Canonical name, e.g. checkout_completed.';
comment on column trakit.events.event_id is 'Shared by browser copy, server copy and what the vendors get.';
comment on column trakit.events.occurred_at is 'When it happened, as the source says.';
comment on column trakit.events.browser_at is 'When the browser''s copy reached us; null = none.';
comment on column trakit.events.webhook_at is 'When Shopify''s copy reached us; null = none.';
comment on column trakit.events.channel is 'web, app, pos, draft, subscription or other.';
comment on column trakit.events.test is 'A Shopify test order.';
comment on column trakit.events.signed is 'Browser copy: whether it carried a valid signed token. Null = Shopify''s copy only.';
comment on column trakit.events.session_id is 'Session that signed the browser''s copy: the event is its own, to repeat and to report tags of. Null = unsigned, or Shopify''s copy only.';
comment on column trakit.events.body_digest is 'Signed browser copy: SHA-256 of the body its token covers; another body under the same id is refused.';
comment on column trakit.events.visitor_id is 'Visitor it was joined to; null = none known.';
comment on column trakit.events.page is 'Page url, referrer and title.';
comment on column trakit.events.commerce is 'Money (decimal strings), items, order and cart ids.';
comment on column trakit.events.identifiers is 'Cookies and click ids, own and enriched, as the vendors made them.';
comment on column trakit.events.digests is 'SHA-256 digests of personal data by normal form. Never clear text.';
comment on column trakit.events.enriched is 'What the event did not bring itself and we knew of its visitor or customer: email, phone, name, address, city, state, zip, country, date_of_birth, external_id, browser_id, click_id.';
comment on column trakit.events.consent is 'Consent per purpose at that moment; null = not known.';
comment on column trakit.events.customer_id is 'Shopify''s customer id, out of identifiers: a person''s events are found by it.';
comment on column trakit.events.order_id is 'Shopify''s order id, out of commerce: an order''s events are found by it.';
comment on column trakit.events.token is 'Cart token, else checkout token, out of commerce: by it events without a visitor are found.';
comment on column trakit.events.tags is 'Browser tags of the page that had the event under the same id, {"<platform>": "<when>"}.';

create table trakit.event_clients (
  captured_at timestamptz not null,
  event_row bigint not null,
  shop_id uuid not null,
  ip text,
  user_agent text,
  language text,
  city text,
  region text,
  region_code text,
  postal_code text,
  country text,
  policy_country text,
  constraint event_clients_pkey primary key (shop_id, captured_at, event_row)
) partition by range (captured_at);

comment on table trakit.event_clients is 'What some vendors take in clear. Partitioned by day of capture; kept 7 days only.';
comment on column trakit.event_clients.captured_at is 'As in events.';
comment on column trakit.event_clients.event_row is 'events.id.';
comment on column trakit.event_clients.shop_id is 'Shop it happened in.';
comment on column trakit.event_clients.ip is 'The shopper''s IP address.';
comment on column trakit.event_clients.user_agent is 'The shopper''s browser.';
comment on column trakit.event_clients.language is 'BCP 47.';
comment on column trakit.event_clients.city is 'City of the billing, else shipping address.';
comment on column trakit.event_clients.region is 'Province or state, its name.';
comment on column trakit.event_clients.region_code is 'Province or state, its code.';
comment on column trakit.event_clients.postal_code is 'Postal code.';
comment on column trakit.event_clients.country is 'ISO 3166-1 alpha-2.';
comment on column trakit.event_clients.policy_country is 'Where the browser says it is, as country: decides what unknown consent means where no address does. Sent to nobody.';

create table trakit.event_keys (
  shop_id uuid not null,
  key text not null,
  event_row bigint not null,
  captured_at timestamptz not null,
  expires_at timestamptz,
  constraint event_keys_pkey primary key (shop_id, key),
  constraint event_keys_key_bounded check (length(key) between 1 and 200)
);
-- from an event that is deleted to its keys. With the shop, which row-level security always asks for: by the row alone a planner
-- without statistics would read all keys of the shop beside it
create index event_keys_by_event on trakit.event_keys (shop_id, event_row);
create index event_keys_by_expiry on trakit.event_keys (expires_at) where expires_at is not null;

comment on table trakit.event_keys is 'What makes an event one event: its event id, its order, the webhook delivery. A second copy finds the first by it.';
comment on column trakit.event_keys.shop_id is 'Shop it happened in.';
comment on column trakit.event_keys.key is 'event:<name>:<event id>, order:<order id> or webhook:<webhook id>.';
comment on column trakit.event_keys.event_row is 'events.id.';
comment on column trakit.event_keys.captured_at is 'events.captured_at.';
comment on column trakit.event_keys.expires_at is 'When the key may be purged; null for conversions: as long as the shop.';

grant usage on sequence trakit.event_row_seq to trakit_app;

call trakit.isolate_by_shop('trakit.events', p_people => true);
call trakit.isolate_by_shop('trakit.event_clients', p_people => true);
call trakit.isolate_by_shop('trakit.event_keys');
call trakit.keep_no_statistics('trakit.events', array['event_id', 'body_digest', 'session_id', 'visitor_id', 'page', 'commerce', 'identifiers',
  'digests', 'consent', 'enriched', 'customer_id', 'order_id', 'token']);
call trakit.keep_no_statistics('trakit.event_clients', array['ip', 'user_agent', 'language', 'city', 'region', 'region_code',
  'postal_code', 'country', 'policy_country']);
call trakit.keep_no_statistics('trakit.event_keys', array['key']);
