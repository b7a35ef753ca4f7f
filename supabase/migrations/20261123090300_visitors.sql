-- Subject: visitors and the keys that lead to them (docs/architecture.md, "Identity").
-- Why: a link says which visitor a key leads to. Strong keys (our visitor id, the web pixel's clientId, a customer id
-- signed by Shopify) may merge visitors; weak ones (tokens and digests anybody can type or set) only enrich an event.
-- No foreign key to shops: its row lock per insert would make the shop's row hot. None from links to visitors either: it
-- would be checked five times an event, and join_visitor, which alone writes them, moves a visitor's links before it goes.
-- Redaction deletes by shop_id.
-- Locks: none on existing tables. Undo: drop table trakit.visitor_links, trakit.visitors.

create table trakit.visitors (
  shop_id uuid not null,
  id bigint generated always as identity,
  identifiers jsonb not null default '{}',
  digests jsonb not null default '{}',
  consent jsonb,
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  constraint visitors_pkey primary key (shop_id, id),
  constraint visitors_identifiers_object check (jsonb_typeof(identifiers) = 'object'),
  constraint visitors_digests_object check (jsonb_typeof(digests) = 'object'),
  constraint visitors_seen_after_created check (last_seen_at >= created_at)
);
comment on table trakit.visitors is 'One row per visitor of a shop: the cookies and click ids we know, to enrich events and restore cookies.';
comment on column trakit.visitors.shop_id is 'Shop visited.';
comment on column trakit.visitors.id is 'Older visitors have smaller ids; on a merge the older wins.';
comment on column trakit.visitors.identifiers is 'Cookies and click ids: fbp, fbc, ttp, ttclid, epik, scid, sc_click_id, ga_client_id, ga_session_id, gclid, visitor_id, client_id, customer_id.';
comment on column trakit.visitors.digests is 'Digests of personal data by normal form, as in events.digests.';
comment on column trakit.visitors.consent is 'Latest explicit decision per purpose; null = none known.';
comment on column trakit.visitors.created_at is 'First seen.';
comment on column trakit.visitors.last_seen_at is 'Last seen, at most once a minute.';

create table trakit.visitor_links (
  shop_id uuid not null,
  kind text not null,
  key text not null,
  visitor_id bigint not null,
  joined integer not null default 1,
  created_at timestamptz not null,
  constraint visitor_links_pkey primary key (shop_id, kind, key),
  constraint visitor_links_kind_known check (kind in ('visitor', 'client', 'customer', 'checkout', 'cart', 'email', 'phone')),
  constraint visitor_links_key_bounded check (length(key) between 1 and 200),
  constraint visitor_links_joined_positive check (joined > 0)
);
-- by the visitor alone: an index that also began with the shop would look as good as the key's to a planner without statistics
create index visitor_links_by_visitor on trakit.visitor_links (visitor_id);
comment on table trakit.visitor_links is 'Keys that lead to a visitor.';
comment on column trakit.visitor_links.shop_id is 'Shop visited.';
comment on column trakit.visitor_links.kind is 'visitor, client, customer: may merge. checkout, cart, email, phone: only enrich.';
comment on column trakit.visitor_links.key is 'The id or token itself, or the digest of the email or phone.';
comment on column trakit.visitor_links.visitor_id is 'Visitor the key leads to now.';
comment on column trakit.visitor_links.joined is 'How many visitors the key has led to; past 20 it joins nothing any more (a till''s shared email).';
comment on column trakit.visitor_links.created_at is 'First seen.';

do $$
declare
  v_table text;
begin
  foreach v_table in array array['visitors', 'visitor_links'] loop
    execute format('alter table trakit.%I enable row level security', v_table);
    execute format('alter table trakit.%I force row level security', v_table);
    execute format('grant select, insert, update, delete on trakit.%I to trakit_app', v_table);
    execute format(
      'create policy "functions see the shop they work for" on trakit.%I for all to trakit_app
         using (shop_id = (select nullif(current_setting(''trakit.shop_id'', true), '''')::uuid)) with check (shop_id = (select nullif(current_setting(''trakit.shop_id'', true), '''')::uuid))',
      v_table);
    execute format(
      'create policy "users see their shop''s rows" on trakit.%I for select to authenticated
         using (shop_id = (select trakit.claimed_shop()))',
      v_table);
    execute format('grant select on trakit.%I to authenticated', v_table);
  end loop;
end;
$$;
